"""The resumption handles of one simulated service: what a later connection takes up again. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

LIFETIME_MS: Final = 2 * 60 * 60 * 1000
"""How long a handle is good for after it was given out."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A conversation as it stood when its handle was given out.

    Attributes:
        model: Handles are good for the model they were made with.
        history: The contents so far.
        age_ms: How long the session had lasted, over all its connections.
        tokens: What its context held.
        saved_ms: Loop time of the saving.
    """

    model: str
    history: tuple[dict[str, Any], ...]
    age_ms: float
    tokens: float
    saved_ms: float


class Handles:
    """Everything that was saved, by handle.

    Args:
        new_id: Makes fresh ids.
    """

    def __init__(self, new_id: Callable[[str], str]) -> None:
        self._new_id = new_id
        self._saved: dict[str, Saved] = {}

    def save(self, saved: Saved) -> str:
        """A new handle for it."""
        handle = self._new_id("handle")
        self._saved[handle] = saved
        return handle

    def find(self, handle: str, model: str, now_ms: float) -> Saved | None:
        """What was saved under the handle; `None` if it is unknown, too old or another model's."""
        saved = self._saved.get(handle)
        if saved is None or saved.model != model or now_ms - saved.saved_ms > LIFETIME_MS:
            return None
        return saved
