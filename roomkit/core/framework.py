"""Framework events: the kit tells operators what it did and what went wrong. Nothing waits for a listener."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from roomkit._aio import Supervisor
from roomkit.clock import Clock
from roomkit.core.background import begin
from roomkit.models.framework import FrameworkEvent

logger = logging.getLogger(__name__)

FrameworkListener = Callable[[FrameworkEvent], Awaitable[None] | None]


class FrameworkEvents:
    """Who listens to which type of framework event."""

    def __init__(self, supervisor: Supervisor, clock: Clock) -> None:
        self._supervisor = supervisor
        self._clock = clock
        self._listeners: dict[str, list[FrameworkListener]] = {}

    def on(self, event_type: str) -> Callable[[FrameworkListener], FrameworkListener]:
        """Decorator: call the function for each event of a type (``"*"``: of every type)."""

        def register(listener: FrameworkListener) -> FrameworkListener:
            self._listeners.setdefault(event_type, []).append(listener)
            return listener

        return register

    def emit(
        self,
        event_type: str,
        *,
        room_id: str | None = None,
        channel_id: str | None = None,
        event_id: str | None = None,
        **data: Any,
    ) -> None:
        """Tell the listeners; returns at once."""
        listeners = [*self._listeners.get(event_type, ()), *self._listeners.get("*", ())]
        if not listeners:
            return
        event = FrameworkEvent(
            type=event_type,
            room_id=room_id,
            channel_id=channel_id,
            event_id=event_id,
            data=data,
            created_at=self._clock.wall(),
        )
        for listener in listeners:
            self._tell(listener, event)

    def _tell(self, listener: FrameworkListener, event: FrameworkEvent) -> None:
        try:
            result = listener(event)
        except Exception:  # a user's function; it must not stop what it was told about
            logger.warning("listener of framework event %s failed", event.type, exc_info=True)
            return
        if inspect.iscoroutine(result):
            begin(self._supervisor, result, name=f"framework:{event.type}")
