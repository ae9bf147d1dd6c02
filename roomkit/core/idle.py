"""Rooms nobody speaks in: paused, then closed, when their timers say so (R-0005-17 to 21).

One heap and one loop timer for all rooms of a kit. An event only notes the time in a dictionary; when a room's turn on
the heap comes, that note says whether it is due or has been spoken in meanwhile. Not in here: what closing does
(`rooms`). Invariant: a room's status changes under its lock, after the store was asked what other processes have done.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable
from datetime import datetime

from roomkit.core.background import begin
from roomkit.core.live import LiveRoom
from roomkit.core.locks import RoomGate
from roomkit.core.parts import Parts
from roomkit.core.ports import Channel, SpokenIn
from roomkit.core.rooms import Rooms
from roomkit.errors import NotFoundError, RoomKitError
from roomkit.models.enums import RoomStatus
from roomkit.models.room import Room, RoomTimers

logger = logging.getLogger(__name__)

BATCH = 64
"""Rooms begun with at one go: thousands may be due in one moment, and the loop has other things to do."""
BETWEEN_BATCHES_S = 0.01
RETRY_S = 30.0
"""After a store that failed."""
LONGEST_SLEEP_S = 86_400.0
"""Event loops do not take timers of any length."""
PAGE = 500


class IdleRooms:
    """Knows when each room with timers was last spoken in."""

    def __init__(self, parts: Parts, rooms: Rooms, gate: RoomGate, channels: Callable[[str], Channel | None]) -> None:
        self._parts = parts
        self._rooms = rooms
        self._gate = gate
        self._channels = channels
        self._spoken_s: dict[str, float] = {}
        self._due_s: dict[str, float] = {}
        self._unrecorded: set[str] = set()
        self._heap: list[tuple[float, str]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._armed: asyncio.TimerHandle | None = None
        self._closed = False
        parts.rooms.on_known = self.known

    def spoken(self, live: LiveRoom) -> bool:
        """Note that an event was stored; whether the room has to be resumed."""
        if live.id not in self._spoken_s:
            return False
        self._spoken_s[live.id] = self._now_s()
        return live.is_paused

    async def resume(self, live: LiveRoom) -> None:
        """Make a paused room active again; its event is stored, so a store that fails now is logged only."""
        self._rooms.turn(live, RoomStatus.ACTIVE)
        self._watch(live)
        try:
            await self._rooms.record(live)
        except RoomKitError as error:
            logger.warning("room %s is active again, which could not be stored: %s", live.id, error)

    def known(self, live: LiveRoom, newest_at: datetime | None) -> None:
        """A room was made or read from the store: what is due holds at once, and is put on record right after.

        ``newest_at``: when its newest event was stored, if it has any.
        """
        timers = live.room.timers
        if not live.is_open or _next_after_s(timers, RoomStatus.ACTIVE) is None:
            return
        spoken_s = self._now_s() - self._silent_s(newest_at or live.room.created_at)
        self._spoken_s[live.id] = max(spoken_s, self._spoken_s.get(live.id, spoken_s))
        status = self._wanted(live)
        if status != live.room.status:
            self._rooms.turn(live, status)
            self._unrecorded.add(live.id)
            self._push(live.id, self._now_s())
        else:
            self._watch(live)

    async def check(self) -> int:
        """Bring every open room of the store to the status its silence calls for; how many changed."""
        due: list[str] = []
        for status in (RoomStatus.ACTIVE, RoomStatus.PAUSED):
            offset = 0
            while page := await self._parts.store.rooms(status=status, offset=offset, limit=PAGE):
                due += [room.id for room in page if await self._is_due(room)]
                offset += len(page)
        return sum([await self._look(room_id) for room_id in due])

    def close(self) -> None:
        """Watch no more."""
        self._closed = True
        self._disarm()

    # --- one room -----------------------------------------------------------------------------------------------------

    async def _look(self, room_id: str) -> bool:
        """Change a room's status if it is due, or find out when it will be; whether it was changed."""
        try:
            async with self._gate.hold(room_id):
                live = await self._parts.rooms.get(room_id)
                return await self._settle(live)
        except NotFoundError:
            self._forget(room_id)
        except RoomKitError as error:
            if self._closed:
                return False
            logger.warning("the timers of room %s are looked at again in %s s: %s", room_id, RETRY_S, error)
            self._push(room_id, self._now_s() + RETRY_S)
        return False

    async def _settle(self, live: LiveRoom) -> bool:
        stored = await self._parts.store.room(live.id)
        if stored is None or not stored.is_open:
            self._forget(live.id)
            if live.is_open and stored is not None:  # closed by another process, which has told its own listeners
                self._rooms.turn(live, stored.status)
            return False
        if stored.event_count > live.event_count:
            self._spoken_s[live.id] = max(
                self._spoken_s.get(live.id, 0.0), self._now_s() - await self._silent_in_store_s(stored)
            )
        if not live.is_open and live.id not in self._unrecorded:  # whoever closed it is putting that on record
            self._forget(live.id)
            return False
        if self._is_heard(live):
            self._spoken_s[live.id] = self._now_s()
        wanted = self._wanted(live)
        is_changed = wanted != stored.status
        if wanted != live.room.status:
            self._rooms.turn(live, wanted)
        if is_changed:
            self._unrecorded.add(live.id)
            await self._rooms.record(live)
        self._unrecorded.discard(live.id)
        if live.is_open:
            self._watch(live)
        else:
            self._forget(live.id)
        return is_changed

    def _wanted(self, live: LiveRoom) -> RoomStatus:
        silent_s = self._now_s() - self._spoken_s.get(live.id, self._now_s())
        return status_after(live.room.timers, silent_s)

    def _is_heard(self, live: LiveRoom) -> bool:
        channels = map(self._channels, live.bindings)
        return any(isinstance(channel, SpokenIn) and channel.is_spoken_in(live.id) for channel in channels)

    async def _is_due(self, room: Room) -> bool:
        if _next_after_s(room.timers, RoomStatus.ACTIVE) is None:
            return False
        return status_after(room.timers, await self._silent_in_store_s(room)) != room.status

    async def _silent_in_store_s(self, room: Room) -> float:
        newest = await self._parts.store.events(room.id, newest_first=True, limit=1) if room.event_count else []
        return self._silent_s(newest[0].created_at if newest else room.created_at)

    def _silent_s(self, since: datetime) -> float:
        """Clocks of machines differ, and events may be dated by whoever made them: never before now."""
        return max(0.0, (self._parts.clock.wall() - since).total_seconds())

    # --- the heap -----------------------------------------------------------------------------------------------------

    def _watch(self, live: LiveRoom) -> None:
        after_s = _next_after_s(live.room.timers, live.room.status)
        if after_s is None:  # paused, and never closed: only an event changes it
            self._due_s.pop(live.id, None)
        else:
            self._push(live.id, self._spoken_s[live.id] + after_s)

    def _push(self, room_id: str, due_s: float) -> None:
        self._due_s[room_id] = due_s
        heapq.heappush(self._heap, (due_s, room_id))
        if len(self._heap) > 2 * len(self._due_s) + BATCH:  # most of it is out of date: rooms paused and resumed
            self._heap = [(due_s, room_id) for room_id, due_s in self._due_s.items()]
            heapq.heapify(self._heap)
        self._arm()

    def _forget(self, room_id: str) -> None:
        self._spoken_s.pop(room_id, None)
        self._due_s.pop(room_id, None)
        self._unrecorded.discard(room_id)

    def _fire(self) -> None:
        self._armed = None
        now_s = self._now_s()
        begun = 0
        while self._heap and self._heap[0][0] <= now_s and begun < BATCH:
            due_s, room_id = heapq.heappop(self._heap)
            if self._due_s.get(room_id) != due_s:  # it was given another time meanwhile
                continue
            if (later_s := self._later_s(room_id)) is not None and later_s > now_s:
                self._push(room_id, later_s)
                continue
            begun += 1
            begin(self._parts.supervisor, self._look(room_id), name=f"timers:{room_id}")
        self._arm(at_least_s=now_s + BETWEEN_BATCHES_S)

    def _later_s(self, room_id: str) -> float | None:
        """When a room that was spoken in meanwhile is due; ``None`` where that takes more than a look at a note."""
        live = self._parts.rooms.peek(room_id)
        if live is None or not live.is_open:
            return None
        after_s = _next_after_s(live.room.timers, live.room.status)
        return None if after_s is None else self._spoken_s.get(room_id, 0.0) + after_s

    def _arm(self, at_least_s: float = 0.0) -> None:
        if self._closed or not self._heap:
            return
        loop = asyncio.get_running_loop()
        at_s = min(max(self._heap[0][0], at_least_s), loop.time() + LONGEST_SLEEP_S)
        if loop is not self._loop:  # a kit used in one loop after another: the earlier one's timer went with it
            self._loop, self._armed = loop, None
        if self._armed is not None and self._armed.when() <= at_s:
            return
        self._disarm()
        self._armed = loop.call_at(at_s, self._fire)

    def _disarm(self) -> None:
        if self._armed is not None:
            self._armed.cancel()
            self._armed = None

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()


def status_after(timers: RoomTimers, silent_s: float) -> RoomStatus:
    """What a room's silence calls for. Pure."""
    if timers.closed_after_seconds is not None and silent_s >= timers.closed_after_seconds - _ROUNDING_S:
        return RoomStatus.CLOSED
    if timers.inactive_after_seconds is not None and silent_s >= timers.inactive_after_seconds - _ROUNDING_S:
        return RoomStatus.PAUSED
    return RoomStatus.ACTIVE


_ROUNDING_S = 1e-6
"""A timer may fire a hair early; the room it fired for is due all the same."""


def _next_after_s(timers: RoomTimers, status: RoomStatus) -> float | None:
    """After how much silence a room of a status changes next; ``None`` never."""
    waits = [timers.closed_after_seconds]
    if status == RoomStatus.ACTIVE:
        waits.append(timers.inactive_after_seconds)
    return min((each for each in waits if each is not None), default=None)
