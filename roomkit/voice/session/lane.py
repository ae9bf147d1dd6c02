"""The conversation lane: everything of a session that may wait, one after the other, in the wire's order.

The media lane (audio, interruption) is synchronous and never comes through here. Partials coalesce to the newest of
their key; nothing else is ever dropped: more than `MAX_WAITING` items end the session.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

logger = logging.getLogger(__name__)

MAX_WAITING = 1_000
"""Items waiting beyond this mean that hooks or the store cannot keep up with the call (design.md section 5)."""

Work = Callable[[], Awaitable[None] | None]


class _Item:
    __slots__ = ("key", "work")

    def __init__(self, work: Work, key: str | None) -> None:
        self.work = work
        self.key = key


class Lane:
    """One ordered queue with one runner.

    Args:
        on_overload: Called once, when more than `MAX_WAITING` items wait.
        on_error: Told of an exception out of an item; the lane goes on.
    """

    def __init__(self, *, on_overload: Callable[[], None], on_error: Callable[[Exception], None]) -> None:
        self._items: list[_Item] = []  # short; an empty deque would take 760 bytes of every session
        self._by_key: dict[str, _Item] = {}
        self._wake = asyncio.Event()
        self._on_overload = on_overload
        self._on_error = on_error
        self._overloaded = False
        self._is_running = False
        self._is_working = False

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits and nothing is being worked."""
        return not self._items and not self._is_working

    def put(self, work: Work, *, newest_of: str | None = None) -> None:
        """Queue ``work``; with ``newest_of`` it takes the place of a waiting item of that key."""
        if newest_of is not None and (waiting := self._by_key.get(newest_of)) is not None:
            waiting.work = work
            return
        item = _Item(work, newest_of)
        if newest_of is not None:
            self._by_key[newest_of] = item
        self._items.append(item)
        self._wake.set()
        if len(self._items) > MAX_WAITING and not self._overloaded:
            self._overloaded = True
            self._on_overload()

    async def run(self) -> None:
        """Work for ever; ends by cancellation."""
        self._is_running = True
        try:
            while True:
                while self._items:
                    await self._next()
                self._wake.clear()
                await self._wake.wait()
        finally:
            self._is_running = False

    async def settled(self) -> None:
        """Return when what waits now has been worked; at once if nobody works."""
        if not self._is_running:
            return
        done = asyncio.get_running_loop().create_future()
        self.put(lambda: None if done.done() else done.set_result(None))
        await done

    async def _next(self) -> None:
        item = self._items.pop(0)
        self._is_working = True
        if item.key is not None:
            del self._by_key[item.key]
        try:
            result = item.work()
            if result is not None:
                await result
        except Exception as error:  # noqa: BLE001 -- user hooks and stores end here; one bad item must not end a call
            self._on_error(error)
        finally:
            self._is_working = False
