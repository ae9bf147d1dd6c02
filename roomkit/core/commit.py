"""Putting an event on the record and sending it on its way; noting afterwards how that went.

Not in here: whether it may enter (`inbound`). Invariant: what was stored is delivered, whoever gave up waiting for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from roomkit.core.delivery import Cascade, Deliveries, Dispatch
from roomkit.core.idle import IdleRooms
from roomkit.core.live import LiveRoom
from roomkit.core.parts import Parts
from roomkit.core.registry import Scope
from roomkit.models.delivery import DeliveryStatusEvent, InboundMessage, InboundResult
from roomkit.models.enums import EventStatus, HookTrigger
from roomkit.models.event import DeliveryResult, RoomEvent

T = TypeVar("T")


@dataclass(slots=True)
class Passage:
    """One event on its way in, and what has become of it so far.

    Attributes:
        refused: Why it may not enter, as its sender is told.
        blocked_by: Who blocked it before it came here: it is only put on the record.
    """

    event: RoomEvent
    cascade: Cascade
    key: str | None = None
    message: InboundMessage | None = None
    stored: RoomEvent | None = None
    is_repeat: bool = False
    refused: str | None = None
    blocked_by: str | None = None
    dispatches: list[Dispatch] = field(default_factory=list)

    def result(self, error: str | None = None) -> InboundResult:
        deliveries = self.dispatches[0].results if self.dispatches else {}
        stored = self.dispatches[0].event if self.dispatches else self.stored
        reason = self.refused or (stored.block_reason if stored is not None else None)
        blocked = self.refused is not None or (stored is not None and stored.status == EventStatus.BLOCKED)
        return InboundResult(
            event=stored, blocked=blocked, reason=reason, error=error, delivery_results=dict(deliveries)
        )


class Committer:
    """Stores events and routes them. Called with the room's lock held."""

    def __init__(self, parts: Parts, deliveries: Deliveries, idle: IdleRooms) -> None:
        self._parts = parts
        self._deliveries = deliveries
        self._idle = idle

    async def commit(
        self, live: LiveRoom, passage: Passage, event: RoomEvent, only: tuple[str, ...] | None = None
    ) -> None:
        """Store and hand to delivery (to ``only`` these channels, if given): never the one without the other."""
        await self._uninterrupted(self._store(live, passage, event, only))

    async def commit_blocked(
        self, live: LiveRoom, passage: Passage, event: RoomEvent, blocked_by: str, reason: str
    ) -> None:
        blocked = event.model_copy(
            update={"status": EventStatus.BLOCKED, "blocked_by": blocked_by, "block_reason": reason}
        )
        await self._uninterrupted(self._store(live, passage, blocked, None))
        self._parts.framework.emit(
            "event_blocked",
            room_id=live.id,
            channel_id=event.source.channel_id,
            event_id=event.id,
            blocked_by=blocked_by,
            reason=reason,
        )

    async def _store(self, live: LiveRoom, passage: Passage, event: RoomEvent, only: tuple[str, ...] | None) -> None:
        """Store and hand to delivery: the two that must not be torn apart."""
        stored = await self._parts.store.append(event, key=passage.key)
        passage.stored = stored
        if stored.id != event.id:  # another process took the same message first
            passage.is_repeat = True
            return
        live.remember(stored)
        if stored.status != EventStatus.BLOCKED:
            dispatch = Dispatch(stored, passage.cascade, lambda done: self._delivered(live, done))
            passage.dispatches.append(dispatch)
            self._deliveries.route(live, dispatch, only)
        if self._idle.spoken(live):
            await self._idle.resume(live)

    async def _uninterrupted(self, work: Coroutine[Any, Any, T]) -> T:
        """Finish ``work`` even if the caller is cancelled meanwhile; the cancellation is raised afterwards."""
        task = self._parts.supervisor.start(work, name="commit")
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            while not task.done():
                try:
                    await asyncio.wait({task})
                except asyncio.CancelledError:  # told once is enough: it is raised below
                    continue
            raise

    def _delivered(self, live: LiveRoom, dispatch: Dispatch) -> None:
        """All deliveries of an event ended: note it and tell the observers."""
        event, results = dispatch.event, dispatch.results
        failed = bool(results) and not any(result.ok for result in results.values())
        status = EventStatus.FAILED if failed else EventStatus.DELIVERED
        dispatch.event = event.model_copy(update={"status": status, "delivery_results": dict(results)})
        for result in results.values():
            self._report(live, event, result)
        if self._parts.registry.of(HookTrigger.AFTER_BROADCAST, live.id):
            scope = Scope(live.id, event.source.channel_id, event.source.channel_type)
            self._parts.hooks.tell(HookTrigger.AFTER_BROADCAST, dispatch.event, scope, live.context)
        self._parts.notes.add(dispatch.event)

    def _report(self, live: LiveRoom, event: RoomEvent, result: DeliveryResult) -> None:
        if self._parts.registry.of(HookTrigger.ON_DELIVERY_STATUS, live.id):
            binding = live.bindings.get(result.channel_id)
            scope = Scope(live.id, result.channel_id, None if binding is None else binding.channel_type)
            status = DeliveryStatusEvent(event=event, result=result)
            self._parts.hooks.tell(HookTrigger.ON_DELIVERY_STATUS, status, scope, live.context)
        if not result.ok:
            self._parts.framework.emit(
                "delivery_failed",
                room_id=live.id,
                channel_id=result.channel_id,
                event_id=event.id,
                error=result.error,
            )
