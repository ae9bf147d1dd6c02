"""For tests of live simulators: a question as the synthesiser says it, and whether an answer can be heard."""

from __future__ import annotations

from functools import cache

import numpy as np

from roomkit.providers.local.realtime import LocalRealtimeProvider
from roomkit.voice.audio.resample import Resampler
from roomkit.voice.tts.espeak import EspeakTts

HOURS = "what are your opening hours"
WEATHER = "what is the weather in Paris"
SILENCE_MS = 600
AUDIBLE_RMS = 300.0


@cache
def local_agent() -> LocalRealtimeProvider:
    """The agent of all live tests: its engines take half a second to load."""
    return LocalRealtimeProvider()


async def spoken(text: str, rate_hz: int = 24_000) -> bytes:
    """PCM16 LE mono, with the silence after it that ends a turn."""
    tts = EspeakTts("en-us")
    await tts.warm()
    pcm = b"".join([chunk async for chunk in tts.synthesize(text, voice=None, rate=1.0)])
    return Resampler(tts.rate_hz, rate_hz).feed(pcm) + bytes(SILENCE_MS * rate_hz // 1000 * 2)


def noise(rate_hz: int = 24_000) -> bytes:
    """A second of it, louder than most speech, and silence."""
    samples = np.random.default_rng(1).normal(0, 3_000, rate_hz)
    return samples.astype("<i2").tobytes() + bytes(SILENCE_MS * rate_hz // 1000 * 2)


def quieter(pcm: bytes, by: int) -> bytes:
    return (np.frombuffer(pcm, dtype="<i2") // by).astype("<i2").tobytes()


def is_audible(pcm: bytes, rate_hz: int = 24_000) -> bool:
    """Whether this is half a second of sound or more, and not of silence."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    return len(samples) >= rate_hz / 2 and float(np.sqrt(np.mean(samples**2))) > AUDIBLE_RMS
