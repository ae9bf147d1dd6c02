"""What every pydantic model of a room has in common: frozen, and no field that is not declared."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A value: compared by content, never changed in place (``model_copy(update=...)`` makes another)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
