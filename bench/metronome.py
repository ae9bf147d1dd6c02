"""The beat: every session speaks every 20 ms in both directions, spread evenly, so that no tick is a burst."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bench.frames import FRAME_MS

SLOTS = FRAME_MS
"""One a millisecond: as fine as uvloop's timers."""


class Metronome:
    """Runs what was put into slot k at every millisecond that is k modulo 20.

    A beat that comes late is made up for at once: the load stays what it should be. How late beats came is kept, for
    then it is this process that is the bottleneck and not the server.
    """

    def __init__(self) -> None:
        self._slots: list[list[Callable[[], None]]] = [[] for _ in range(SLOTS)]
        self._placed = 0
        self._beat = 0
        self._start_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.late_ms: list[float] = []

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._start_s, self._beat = loop.time(), 0
        self._timer = loop.call_later(0.001, self._tick)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def add(self, input_frame: Callable[[], None], output_frame: Callable[[], None]) -> None:
        """Give a session its two places, half a frame apart."""
        slot = self._placed * 7 % SLOTS
        self._placed += 1
        self._slots[slot].append(input_frame)
        self._slots[(slot + SLOTS // 2) % SLOTS].append(output_frame)

    def clear(self) -> None:
        """Take every session out."""
        for slot in self._slots:
            slot.clear()

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        due = int((loop.time() - self._start_s) * 1000.0)
        self.late_ms.append(float(max(0, due - self._beat - 1)))
        while self._beat < due:
            for frame in self._slots[self._beat % SLOTS]:
                frame()
            self._beat += 1
        # Never less than uvloop's resolution: a timer of half a millisecond fires at once, over and over.
        self._timer = loop.call_later(0.001, self._tick)
