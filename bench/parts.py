"""The parts on their own, through mocks and by value: ``python -m bench.parts`` prints rows for the table.

A row is what it measures with its unit, our figure, and where there is one, that of straight code for the same.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator

import numpy as np
import uvloop

from bench import codecs, rooms
from bench.frames import FRAME_BYTES
from bench.process import SERVER_CORE
from bench.table import Part
from roomkit.voice.audio.level import level
from roomkit.voice.audio.resample import Resampler

FRAME = bytes(range(240)) * (FRAME_BYTES // 240)
RATES = [
    (8_000, 16_000), (16_000, 8_000), (16_000, 24_000), (24_000, 16_000), (24_000, 48_000), (48_000, 24_000),
    (8_000, 24_000), (24_000, 8_000), (16_000, 48_000), (48_000, 16_000), (22_050, 24_000), (24_000, 22_050),
    (22_050, 16_000), (22_050, 48_000), (44_100, 24_000), (44_100, 16_000), (44_100, 48_000),
]  # fmt: skip


def microseconds(call: Callable[[], object], *, times: int = 1_000) -> float:
    """One call: the median of nine rounds."""
    rounds = []
    for _ in range(9):
        began = time.perf_counter()
        for _ in range(times):
            call()
        rounds.append((time.perf_counter() - began) / times * 1e6)
    return statistics.median(rounds)


def audio() -> Iterator[Part]:
    """The audio maths, a 20 ms frame a call."""
    yield "level of a frame at 24 kHz, us", microseconds(lambda: level(FRAME)), None
    noise = np.random.default_rng(1)
    for from_hz, to_hz in RATES:
        converter = Resampler(from_hz, to_hz)
        frame = noise.integers(-9_000, 9_000, from_hz // 50).astype("<i2").tobytes()
        yield f"resample 20 ms, {from_hz / 1000:g} to {to_hz / 1000:g} kHz, us", _resampling(converter, frame), None


def _resampling(converter: Resampler, frame: bytes) -> float:
    return microseconds(lambda: converter.feed(frame), times=200)


async def _print_all(rows: AsyncIterator[Part]) -> None:
    async for row in rows:
        _print(row)


def _print(part: Part) -> None:
    print(json.dumps(part), flush=True)


def main() -> None:
    os.sched_setaffinity(0, {SERVER_CORE})
    for part in (rooms.frames, rooms.rooms, rooms.sessions):
        uvloop.run(_print_all(part()))
    for values in (codecs.rows, audio):
        for row in values():
            _print(row)


if __name__ == "__main__":
    main()
