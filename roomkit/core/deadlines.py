"""Time limits by the thousand: as `asyncio.timeout`, without a loop timer for each.

An event of a room passes half a dozen limits and outruns them all; arming and taking back a timer for each costs more
than what they watch over (4.1 us against 1.0 us, uvloop). Here limits of one length share one timer, for they end in
the order they began. Everything else uses `asyncio.timeout`. Invariant: a limit never ends early; a cancellation that
was not its own is never turned into a `TimeoutError`.
"""

from __future__ import annotations

import asyncio
from types import TracebackType


class TimeLimit:
    """A limit on the block it is used on, with a plain ``with``; when it ends, the block raises `TimeoutError`."""

    __slots__ = ("_cancelling", "_is_due", "_lane", "_task", "ends_at_s", "is_expired")

    _task: asyncio.Task[object]
    _cancelling: int
    ends_at_s: float

    def __init__(self, lane: _Lane) -> None:
        self._lane = lane
        self._is_due = False
        self.is_expired = False

    def __enter__(self) -> TimeLimit:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a time limit needs a task to limit")
        self._task = task
        self._cancelling = task.cancelling()
        self._lane.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lane.discard(self)
        # The count tells our cancellation from one that came from outside meanwhile, as in `asyncio.Timeout`.
        if self._is_due and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            self.is_expired = True
            raise TimeoutError from error

    def end(self) -> None:
        """Time is up: called by the shared timer while the block runs."""
        self._is_due = True
        self._task.cancel()


class Deadlines:
    """Makes time limits; one timer for each length in use."""

    def __init__(self) -> None:
        self._lanes: dict[float, _Lane] = {}

    def within(self, delay_s: float) -> TimeLimit:
        """A limit that ends ``delay_s`` after its block was entered."""
        lane = self._lanes.get(delay_s)
        if lane is None:
            lane = self._lanes[delay_s] = _Lane(delay_s)
        return TimeLimit(lane)

    def close(self) -> None:
        """Take back the timers, when nothing is left to be limited."""
        for lane in self._lanes.values():
            lane.disarm()


class _Lane:
    """All limits of one length, oldest first, and the one timer that waits for the oldest."""

    __slots__ = ("_armed", "_delay_s", "_loop", "_running")

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._running: dict[TimeLimit, None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._armed: asyncio.TimerHandle | None = None

    def add(self, limit: TimeLimit) -> None:
        loop = asyncio.get_running_loop()
        limit.ends_at_s = loop.time() + self._delay_s
        self._running[limit] = None
        if loop is not self._loop:  # a kit used in one loop after another: the earlier one's timer went with it
            self._loop, self._armed = loop, None
        if self._armed is None:
            self._armed = loop.call_at(limit.ends_at_s, self._fire, loop)

    def discard(self, limit: TimeLimit) -> None:
        self._running.pop(limit, None)

    def disarm(self) -> None:
        if self._armed is not None:
            self._armed.cancel()
            self._armed = None

    def _fire(self, loop: asyncio.AbstractEventLoop) -> None:
        self._armed = None
        now_s = loop.time()
        for limit in list(self._running):
            if limit.ends_at_s > now_s:
                self._armed = loop.call_at(limit.ends_at_s, self._fire, loop)
                return
            del self._running[limit]
            limit.end()
