"""What the shop's recogniser makes of spoken phrases, its own and others: a golden set of flite's voices.

The commands here were all misheard, and the wrong phrases all taken for commands, before there was a second look. The
full set with its figures is bench/local_stack.py.
"""

from __future__ import annotations

import asyncio
import random
import struct
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pocketsphinx", reason="the extra 'local' is not installed")

from roomkit.providers.local.realtime import shop_recogniser
from roomkit.voice.stt.pocketsphinx import RATE_HZ, PocketSphinx

SAID = Path(__file__).parent / "said"
BLOCK_BYTES = 1_024

COMMANDS = {
    "help.kal16": "Help.",
    "help.slt": "Help.",
    "thank-you.slt": "Thank you.",
    "opening-hours.awb": "Opening hours.",
    "hi-there.rms": "Hi there.",
    "how-is-the-weather-in-new-york.rms": "How is the weather in New York?",
}
WRONG = ("are-you-a-robot.kal16", "who-won-the-football-match.rms", "do-you-like-chocolate.slt", "my-knee-hurts.slt")


@pytest.fixture(scope="module")
def recogniser() -> Iterator[PocketSphinx]:
    recogniser = shop_recogniser()  # its thread belongs to no event loop, so one serves all tests
    yield recogniser
    asyncio.run(recogniser.close())


async def hears(recogniser: PocketSphinx, name: str, *, noise: float = 0.0) -> str | None:
    utterance = recogniser.open()
    pcm = recording(name, noise)
    for start in range(0, len(pcm), BLOCK_BYTES):
        utterance.feed(pcm[start : start + BLOCK_BYTES])
    return (await utterance.finish()).text


def recording(name: str, noise: float) -> bytes:
    """The phrase in a quiet room, or with white noise of a share of its loudness over it."""
    with wave.open(str(SAID / f"{name}.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE_HZ, 1, 2)
        speech = file.readframes(file.getnframes())
    samples = [0] * (RATE_HZ * 2 // 5) + list(struct.unpack(f"<{len(speech) // 2}h", speech)) + [0] * (RATE_HZ // 10)
    loudness = (sum(sample * sample for sample in samples) / len(samples)) ** 0.5
    rng = random.Random(7)
    return struct.pack(f"<{len(samples)}h", *(round(s + rng.gauss(0, max(8.0, noise * loudness))) for s in samples))


@pytest.mark.parametrize("name", COMMANDS)
async def test_a_command_is_understood(recogniser: PocketSphinx, name: str) -> None:
    assert await hears(recogniser, name) == COMMANDS[name]


async def test_a_little_noise_does_not_matter(recogniser: PocketSphinx) -> None:
    name = "how-is-the-weather-in-new-york.rms"

    assert await hears(recogniser, name, noise=0.05) == COMMANDS[name]


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_not_a_command_is_not_understood(recogniser: PocketSphinx, name: str) -> None:
    assert await hears(recogniser, name) == ""
