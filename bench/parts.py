"""The parts on their own, through mocks and by value: ``python -m bench.parts`` prints rows for the table.

A row is what it measures with its unit, our figure, and where there is one, the figure of the relays' straight code.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator

import numpy as np
import uvloop

from bench import rooms
from bench.frames import FRAME_BYTES, audio_delta, delta_head
from bench.process import SERVER_CORE
from bench.relays import append_message, client_message
from bench.table import Part
from roomkit.providers.openai.dialect import OpenAIDialect
from roomkit.voice.audio.level import level
from roomkit.voice.audio.resample import Resampler
from roomkit.voice.realtime.commands import SendAudio

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


def codec() -> Iterator[Part]:
    """Our dialect beside what the relays do: JSON of the standard library, base64 of pybase64."""
    dialect = OpenAIDialect()
    delta = audio_delta(delta_head("resp_1", "item_1"), 1).decode()
    decoded, encoded = (
        microseconds(lambda: dialect.decode(delta)),
        microseconds(lambda: dialect.encode(SendAudio(FRAME))),
    )
    yield "delta to audio, us", decoded, microseconds(lambda: client_message(delta))
    yield "audio to append, us", encoded, microseconds(lambda: append_message(FRAME))


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
    for values in (codec, audio):
        for row in values():
            _print(row)


if __name__ == "__main__":
    main()
