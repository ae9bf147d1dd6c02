"""The parts on their own, through mocks and by value: ``python -m bench.parts`` prints rows of name, figure, unit."""

from __future__ import annotations

import base64
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
from roomkit.providers.openai.dialect import OpenAIDialect
from roomkit.voice.audio.level import level
from roomkit.voice.audio.resample import Resampler
from roomkit.voice.realtime.dialect import SendAudio

Row = tuple[str, float, str]

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


def codec() -> Iterator[Row]:
    """Our dialect beside the same work with the standard library."""
    dialect = OpenAIDialect()
    delta = audio_delta(delta_head("resp_1", "item_1"), 1).decode()
    yield "delta -> audio, our dialect", microseconds(lambda: dialect.decode(delta)), "us"
    yield "delta -> audio, json + base64", microseconds(lambda: base64.b64decode(json.loads(delta)["delta"])), "us"
    yield "audio -> append, our dialect", microseconds(lambda: dialect.encode(SendAudio(FRAME))), "us"
    yield "audio -> append, json + base64", microseconds(lambda: _append(FRAME)), "us"


def _append(pcm: bytes) -> str:
    return json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode()})


def audio() -> Iterator[Row]:
    """The audio maths, a 20 ms frame a call."""
    yield "level of a frame, 24 kHz", microseconds(lambda: level(FRAME)), "us"
    noise = np.random.default_rng(1)
    for from_hz, to_hz in RATES:
        converter = Resampler(from_hz, to_hz)
        frame = noise.integers(-9_000, 9_000, from_hz // 50).astype("<i2").tobytes()
        yield f"resample {from_hz:,} -> {to_hz:,} Hz", _resampling(converter, frame), "us"


def _resampling(converter: Resampler, frame: bytes) -> float:
    return microseconds(lambda: converter.feed(frame), times=200)


async def _print_all(rows: AsyncIterator[Row]) -> None:
    async for row in rows:
        _print(*row)


def _print(name: str, figure: float, unit: str) -> None:
    print(f"{name}\t{figure:,.2f}\t{unit}", flush=True)


def main() -> None:
    os.sched_setaffinity(0, {SERVER_CORE})
    for part in (rooms.frames, rooms.rooms, rooms.sessions):
        uvloop.run(_print_all(part()))
    for values in (codec, audio):
        for row in values():
            _print(*row)


if __name__ == "__main__":
    main()
