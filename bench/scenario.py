"""What every server goes through: steady audio, turns with barge-in, then more and more callers until it is late."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass

from bench.callers import Caller, Heard, connect_callers
from bench.frames import FRAME_MS
from bench.metronome import Metronome
from bench.process import ServerProcess
from bench.provider import Provider

SESSIONS = 100
WARM_UP_S = 1.0
STEADY_S = 5.0
ROUNDS = 4
BURST_FRAMES = 5
"""100 ms at once: a model is faster than real time, and there is something unheard to interrupt."""

RAMP_S = 2.0
RAMP_SETTLES_S = 0.8
PAUSE_S = 0.5
"""Longer than any lead a server lets its clients hold."""

RAMP_STEP = 1.45
LATE_MS = 100.0
MOST_SESSIONS = 1_000
"""The goal is 600; beyond this the table says "over"."""


@dataclass
class Figures:
    """One column of the table."""

    start_ms: float = 0.0
    cpu_ms: float = 0.0
    latency_p50_ms: float = 0.0
    latency_p99_ms: float = 0.0
    first_audio_p50_ms: float = 0.0
    clear_p50_ms: float = 0.0
    session_kb: float = 0.0
    sessions_a_core: float = math.nan
    load_bound: bool = False
    """The ramp ended because this process, not the server, could not keep up."""


def percentile(sample: list[float], percent: float) -> float:
    ordered = sorted(sample)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else float("nan")


class Scenario:
    """One server under load, from its first caller to its last."""

    def __init__(self, server: ServerProcess, provider: Provider) -> None:
        self._server = server
        self._provider = provider
        self._url = f"ws://127.0.0.1:{server.port}/"
        self._heard = Heard()
        self._metronome = Metronome()
        self._callers: list[Caller] = []
        self.figures = Figures(start_ms=server.start_ms)

    async def run(self, *, ramp: bool) -> Figures:
        """Go through it all."""
        self._metronome.start()
        try:
            await self._call(1)
            await asyncio.sleep(WARM_UP_S)
            before_kb = self._server.rss_kb()
            await self._call(SESSIONS - 1)
            await self._steady()
            self.figures.session_kb = (self._server.rss_kb() - before_kb) / (SESSIONS - 1)
            await self._turns()
            if ramp:
                await self._ramp()
        finally:
            self._metronome.stop()
            for caller in self._callers:
                caller.hang_up()
        return self.figures

    async def _call(self, count: int) -> None:
        """Add callers; a link talks as soon as it is up, or nobody would learn whose it is."""
        already = len(self._provider.links)
        connecting = asyncio.create_task(connect_callers(count, self._url, self._heard, self._provider))
        while not connecting.done():
            for link in self._provider.links[already:]:
                link.say_frame()
            await asyncio.sleep(0.02)
        callers = await connecting
        self._callers.extend(callers)
        for caller in callers:
            link = self._provider.links[caller.link]
            self._metronome.add(caller.speak, link.say_frame)

    async def _measure(self, seconds: float) -> float:
        """Forget what was measured, let it run, return the seconds that really passed."""
        self._heard.forget()
        self._provider.input_ms.clear()
        self._metronome.late_ms.clear()
        began = time.perf_counter()
        await asyncio.sleep(seconds)
        return time.perf_counter() - began

    async def _steady(self) -> None:
        await self._pause_talking()
        await asyncio.sleep(WARM_UP_S)
        cpu_before_ms = self._server.cpu_ms()
        seconds = await self._measure(STEADY_S)
        both_ways = self._heard.output_ms + self._provider.input_ms
        self.figures.cpu_ms = (self._server.cpu_ms() - cpu_before_ms) / len(self._callers) / seconds
        self.figures.latency_p50_ms = percentile(both_ways, 50)
        self.figures.latency_p99_ms = percentile(both_ways, 99)

    async def _turns(self) -> None:
        """Answers that begin and are cut, one caller after the other, while all of them keep talking."""
        links = [self._provider.links[caller.link] for caller in self._callers]
        self._metronome.clear()
        for link in links:
            link.end_answer()
        for caller in self._callers:
            self._metronome.add(caller.speak, lambda: None)
        await asyncio.sleep(0.5)
        self._heard.forget()
        for _ in range(ROUNDS):
            for at in range(len(links) + 20):
                if at < len(links):
                    links[at].say_burst(BURST_FRAMES)
                if 0 <= at - 10 < len(links):
                    links[at - 10].hear_speech()
                if 0 <= at - 20 < len(links):
                    links[at - 20].hear_silence()
                await asyncio.sleep(0.004)
        await asyncio.sleep(0.2)
        self.figures.first_audio_p50_ms = percentile(self._heard.first_audio_ms, 50)
        self.figures.clear_p50_ms = percentile(self._heard.clear_ms, 50)
        if len(self._heard.clear_ms) < len(links) * ROUNDS * 0.9:
            print(f"  only {len(self._heard.clear_ms)} of {len(links) * ROUNDS} interruptions reached the caller")
        self._metronome.clear()
        for caller, link in zip(self._callers, links, strict=True):
            link.begin_answer()
            self._metronome.add(caller.speak, link.say_frame)

    async def _pause_talking(self) -> None:
        """Every agent holds its breath, as people do.

        Connecting callers in bulk holds a server up. Whoever paces then plays the rest late, rightly, for as long as
        the agent talks without a pause; a relay, which does not, would look faster for the same stall.
        """
        links = [self._provider.links[caller.link] for caller in self._callers]
        for link in links:
            link.is_talking = False
            link.end_answer()
        await asyncio.sleep(PAUSE_S)
        for link in links:
            link.begin_answer()
            link.is_talking = True

    async def _ramp(self) -> None:
        """Add callers by steps until, twice in a row, the 99th percentile is late or frames are missing."""
        if self.figures.latency_p99_ms < LATE_MS:
            self.figures.sessions_a_core = len(self._callers)
        wanted = int(SESSIONS * RAMP_STEP)
        while wanted <= MOST_SESSIONS:
            try:
                await self._call(wanted - len(self._callers))
            except TimeoutError:
                return
            # Twice: one stall may be a neighbour's on this machine, two are ours.
            if not (await self._keeps_up() or await self._keeps_up()):
                self.figures.load_bound = percentile(self._metronome.late_ms, 99) > LATE_MS / 4
                return
            self.figures.sessions_a_core = len(self._callers)
            wanted = int(wanted * RAMP_STEP)

    async def _keeps_up(self) -> bool:
        await self._pause_talking()
        await asyncio.sleep(RAMP_SETTLES_S)
        seconds = await self._measure(RAMP_S)
        both_ways = self._heard.output_ms + self._provider.input_ms
        due = 2 * len(self._callers) * seconds * 1000 / FRAME_MS
        return percentile(both_ways, 99) < LATE_MS and len(both_ways) > 0.95 * due
