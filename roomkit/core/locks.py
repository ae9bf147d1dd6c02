"""One at a time in each room, and calls from inside a room's own hooks that would wait for themselves.

`MemoryRoomLocks` is the lock of one process. `RoomGate` puts a room's lock around a piece of code and knows, by a
context variable, whether the caller already runs inside one: then waiting would never end, so a call that must return
a value raises and one that need not is kept until the lock is free. Invariant: whoever waits for a lock does not,
directly or through others' locks, hold it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TypeVar

from roomkit.core.ports import RoomLocks
from roomkit.errors import SessionStateError

T = TypeVar("T")


class MemoryRoomLocks:
    """Room locks of one process; a room's lock exists while somebody holds it or waits for it."""

    def __init__(self) -> None:
        self._locks: dict[str, _SharedLock] = {}

    def locked(self, room_id: str) -> _SharedLock:
        """Hold the room's lock; first come, first served."""
        lock = self._locks.get(room_id)
        if lock is None:
            lock = self._locks[room_id] = _SharedLock(lambda: self._locks.pop(room_id))
        return lock


class _SharedLock:
    """A lock that says when nobody holds it or waits for it any more."""

    __slots__ = ("_lock", "_unused", "_users")

    def __init__(self, unused: Callable[[], object]) -> None:
        self._lock = asyncio.Lock()
        self._users = 0
        self._unused = unused

    async def __aenter__(self) -> None:
        self._users += 1
        try:
            await self._lock.acquire()
        except BaseException:  # cancelled while waiting: the count must not stay
            self._leave()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()
        self._leave()

    def _leave(self) -> None:
        self._users -= 1
        if not self._users:
            self._unused()


class _Hold:
    """One holding of one room's lock, and what is to happen after it."""

    __slots__ = ("deferred", "is_held", "outer", "room_id")

    def __init__(self, room_id: str, outer: _Hold | None) -> None:
        self.room_id = room_id
        self.outer = outer
        self.is_held = True
        self.deferred: list[Callable[[], None]] = []


_CURRENT: ContextVar[_Hold | None] = ContextVar("roomkit_room_hold", default=None)


def outside(function: Callable[[], T]) -> T:
    """Call ``function`` as if from outside every lock: tasks it starts may call the room like anybody else."""
    token = _CURRENT.set(None)
    try:
        return function()
    finally:
        _CURRENT.reset(token)


def is_inside_a_lock() -> bool:
    """Whether the calling code runs inside any room's lock: waiting for what needs that lock would never end."""
    hold = _CURRENT.get()
    while hold is not None and not hold.is_held:
        hold = hold.outer
    return hold is not None


class RoomGate:
    """Room locks for code that runs users' functions inside them."""

    def __init__(self, locks: RoomLocks) -> None:
        self._locks = locks
        self._holders: dict[str, _Hold] = {}
        self._waiting: dict[_Hold, str] = {}

    def holding(self, room_id: str) -> _Hold | None:
        """The hold on this room that the calling code runs inside of, its tasks included, while it lasts."""
        hold = _CURRENT.get()
        while hold is not None:
            if hold.room_id == room_id and hold.is_held:
                return hold
            hold = hold.outer
        return None

    def defer(self, room_id: str, action: Callable[[], None]) -> bool:
        """From inside a hold: keep ``action`` until it ends and return True. From outside: return False."""
        if (hold := self.holding(room_id)) is None:
            return False
        hold.deferred.append(action)
        return True

    def refuse_from_inside(self, room_id: str) -> None:
        """Raise if waiting for this room's lock here could never end.

        Raises:
            SessionStateError: The caller runs inside the lock, or inside one whose holder waits for the caller's.
        """
        if self.holding(room_id) is not None:
            raise SessionStateError(
                f"a hook of room {room_id} cannot put events into that room and wait for them: "
                "return HookResult.allow(injected_events=[InjectedEvent(event=...)]) instead"
            )
        hold = _CURRENT.get()
        if hold is not None and hold.is_held and self._leads_back(room_id):
            raise SessionStateError(
                f"hooks of rooms {hold.room_id} and {room_id} would wait for each other for ever: "
                "call from a task started outside the hook instead"
            )

    @asynccontextmanager
    async def hold(self, room_id: str) -> AsyncIterator[None]:
        """Hold the room's lock. See `refuse_from_inside` for what is raised instead of waiting for ever."""
        self.refuse_from_inside(room_id)
        outer = _CURRENT.get()
        hold = _Hold(room_id, outer if outer is not None and outer.is_held else None)
        self._wait_for(room_id, hold.outer)
        try:
            async with self._locks.locked(room_id):
                self._wait_for(None, hold.outer)
                self._holders[room_id] = hold
                token = _CURRENT.set(hold)
                try:
                    yield
                finally:
                    _CURRENT.reset(token)
                    hold.is_held = False
                    del self._holders[room_id]
        finally:
            self._wait_for(None, hold.outer)
        for action in hold.deferred:
            action()

    def _wait_for(self, room_id: str | None, hold: _Hold | None) -> None:
        """Note that everything held around here waits for a room (``None``: no longer)."""
        while hold is not None:
            if room_id is None:
                self._waiting.pop(hold, None)
            else:
                self._waiting[hold] = room_id
            hold = hold.outer

    def _leads_back(self, room_id: str) -> bool:
        """Whether following holder -> the room it waits for -> its holder ... ends at the caller."""
        for _ in range(len(self._holders)):
            holder = self._holders.get(room_id)
            if holder is None or (next_room := self._waiting.get(holder)) is None:
                return False
            if self.holding(next_room) is not None:
                return True
            room_id = next_room
        return False
