"""An event loop whose clock jumps: a thirty-minute call in seconds, the same way each time.

The loop runs what is ready; when only timers are left it moves its clock to the next one instead of waiting. It never
jumps while work is out on a thread (``run_in_executor``), for then something that is not a timer may come back first.
Real sockets work but are not what it is for: with one open and nothing timed it waits for the socket like any loop.
"""

from __future__ import annotations

import asyncio
import selectors
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from roomkit.clock import Clock

T = TypeVar("T")

START = datetime(2026, 1, 1, tzinfo=UTC)
"""The wall time at which every virtual clock begins."""


class _JumpingSelector(selectors.SelectSelector):
    """Asks the operating system without waiting and tells the loop to jump instead, unless a thread is out."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.threads_out = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        if self.threads_out:
            return super().select(None)
        ready = super().select(0)
        if not ready:
            self.now_s += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A selector loop on virtual time, starting at 0 s."""

    def __init__(self) -> None:
        self._jumper = _JumpingSelector()
        super().__init__(self._jumper)
        # Timers due within this of now count as due; the default resolution of 1 ns would be lost to float rounding.
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._jumper.now_s

    def run_in_executor(  # type: ignore[override]  # typeshed types *args by ParamSpec-less TypeVarTuple per version
        self, executor: Executor | None, func: Any, *args: Any
    ) -> asyncio.Future[Any]:
        """As usual, and time stands still until the thread is done."""
        future = super().run_in_executor(executor, func, *args)
        self._jumper.threads_out += 1
        future.add_done_callback(self._thread_is_back)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """As usual, however long the threads take: a virtual time-out (Python 3.12 has one) would be over at once."""
        self._jumper.threads_out += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self._jumper.threads_out -= 1

    def _thread_is_back(self, _: asyncio.Future[Any]) -> None:
        self._jumper.threads_out -= 1


class VirtualClock(Clock):
    """Loop time as usual, wall time counted from `START`, ids counted from 1: two runs give the same log."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def wall(self) -> datetime:
        return START + timedelta(seconds=asyncio.get_running_loop().time())

    def new_id(self, kind: str) -> str:
        self._counts[kind] = self._counts.get(kind, 0) + 1
        return f"{kind}_{self._counts[kind]}"
