"""What passes without being stored: typing, presence, reactions. Watchers of a room see it, in order, or never."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable

from roomkit.core.background import begin
from roomkit.core.parts import Parts
from roomkit.models.framework import EphemeralEvent

logger = logging.getLogger(__name__)

EphemeralCallback = Callable[[EphemeralEvent], Awaitable[None] | None]


class Ephemeral:
    """Who watches which room."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._watchers: dict[str, dict[str, EphemeralCallback]] = {}

    async def subscribe(self, room_id: str, callback: EphemeralCallback) -> str:
        """Call ``callback`` for each ephemeral event of a room; returns the subscription's id.

        Raises:
            NotFoundError: No such room.
        """
        await self._parts.rooms.get(room_id)
        subscription_id = self._parts.clock.new_id("sub")
        self._watchers.setdefault(room_id, {})[subscription_id] = callback
        return subscription_id

    async def unsubscribe(self, subscription_id: str) -> bool:
        """End a subscription; whether there was one."""
        for room_id, watchers in self._watchers.items():
            if watchers.pop(subscription_id, None) is not None:
                if not watchers:
                    del self._watchers[room_id]
                return True
        return False

    async def publish(self, event: EphemeralEvent) -> None:
        """Show an event to the watchers of its room; one that fails is logged and keeps nobody from seeing it.

        Raises:
            NotFoundError: No such room.
        """
        await self._parts.rooms.get(event.room_id)
        for callback in list(self._watchers.get(event.room_id, {}).values()):
            try:
                result = callback(event)
            except Exception:  # a user's function
                logger.warning("a watcher of room %s failed", event.room_id, exc_info=True)
                continue
            if inspect.iscoroutine(result):
                begin(self._parts.supervisor, result, name=f"ephemeral:{event.room_id}")
