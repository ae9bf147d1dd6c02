"""What the framework says about itself, and what passes without being stored."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from roomkit.clock import SYSTEM_CLOCK
from roomkit.models._base import Model


class FrameworkEvent(Model):
    """Something an operator may want to know; never stored (``kit.on(type)``, RFC 0005 lists the types)."""

    type: str
    room_id: str | None = None
    channel_id: str | None = None
    event_id: str | None = None
    data: dict[str, Any] = Field(default_factory=dict)
    created_at: datetime = Field(default_factory=SYSTEM_CLOCK.wall)


class EphemeralEvent(Model):
    """Typing, presence, a reaction or a read receipt: shown to whoever watches the room now, never stored."""

    type: Literal["typing", "presence", "reaction", "receipt"]
    room_id: str
    user_id: str
    data: dict[str, Any] = Field(default_factory=dict)
    created_at: datetime = Field(default_factory=SYSTEM_CLOCK.wall)
