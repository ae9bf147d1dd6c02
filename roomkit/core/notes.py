"""How deliveries went, written down together: a note is worth keeping, but not a write to the disk of its own.

Not in here: what a delivery's result is (`delivery`). Invariant: whoever reads a timeline through the kit reads it with
every note made before; a process that dies loses at most the notes of its last `DELAY_S`, never an event.
"""

from __future__ import annotations

import asyncio
import logging

from roomkit._aio import Supervisor
from roomkit.core.background import begin
from roomkit.errors import RoomKitError
from roomkit.models.event import RoomEvent
from roomkit.store.base import ConversationStore

logger = logging.getLogger(__name__)

DELAY_S = 0.05
"""How long a note may wait for others: short to whoever reads the database from outside, long to a busy kit."""

LANES = 16
"""Notes the store is writing at any time: a store that groups writes puts them into one transaction."""


class DeliveryNotes:
    """Notes on their way into the store."""

    def __init__(self, store: ConversationStore, supervisor: Supervisor) -> None:
        self._store = store
        self._supervisor = supervisor
        self._pending: dict[str, RoomEvent] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._writing = asyncio.Lock()

    def add(self, event: RoomEvent) -> None:
        """Note an event's ``status`` and ``delivery_results``; never waits."""
        self._pending[event.id] = event
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(DELAY_S, self._due)

    async def flush(self) -> None:
        """Return when every note made so far is stored, or has failed, which is logged."""
        if not self._pending and not self._writing.locked():
            return
        async with self._writing:
            events, self._pending = list(self._pending.values()), {}
            lanes = [events[lane::LANES] for lane in range(min(LANES, len(events)))]
            failed = sum(await asyncio.gather(*map(self._write, lanes)))
        if failed:
            logger.warning("%s delivery notes could not be stored", failed)

    async def close(self) -> None:
        """Write what is left."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self.flush()

    def _due(self) -> None:
        self._timer = None
        begin(self._supervisor, self.flush(), name="delivery-notes")

    async def _write(self, events: list[RoomEvent]) -> int:
        """Write one after the other; how many failed."""
        failed = 0
        for event in events:
            try:
                await self._store.set_delivery(event.room_id, event.index or 0, event.status, event.delivery_results)
            except RoomKitError:
                failed += 1
        return failed
