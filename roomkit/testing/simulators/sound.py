"""Sound for simulators: what an audio format weighs, how loud input is, and a tone to answer with.

Pure functions on bytes. Speech-like quality is not the point; being non-silent, exact in length and cheap is.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

PCM_RATE_HZ: Final = 24_000
G711_RATE_HZ: Final = 8_000
TONE_HZ: Final = 400.0
"""Eight whole periods in 20 ms, so that every frame of the tone is the same bytes."""
TONE_LEVEL: Final = 6_000
"""Amplitude of the tone: about -15 dBFS, clearly above any silence threshold."""

_FRAME_MS: Final = 20

Samples = npt.NDArray[np.int16]


def bytes_per_ms(audio_type: str) -> int:
    """How many bytes one millisecond of ``"audio/pcm"``, ``"audio/pcmu"`` or ``"audio/pcma"`` has."""
    return PCM_RATE_HZ * 2 // 1000 if audio_type == "audio/pcm" else G711_RATE_HZ // 1000


def loudness(audio: bytes, audio_type: str) -> float:
    """Root mean square of the audio, in units of a 16-bit sample."""
    samples = np.frombuffer(audio, dtype="<i2") if audio_type == "audio/pcm" else _decoded(audio_type)[_codes(audio)]
    if not len(samples):
        return 0.0
    wide = samples.astype(np.float32)
    return float(np.sqrt(np.dot(wide, wide) / len(wide)))


def encode(pcm: bytes, audio_type: str) -> bytes:
    """PCM16 LE mono at 24 kHz as the format's own bytes (every third sample, nearest code, for G.711)."""
    if audio_type == "audio/pcm":
        return pcm
    return coded(np.frombuffer(pcm, dtype="<i2")[:: PCM_RATE_HZ // G711_RATE_HZ].tobytes(), audio_type)


def rate_of(audio_type: str) -> int:
    """Samples a second of ``"audio/pcm"``, ``"audio/pcmu"`` or ``"audio/pcma"``."""
    return PCM_RATE_HZ if audio_type == "audio/pcm" else G711_RATE_HZ


def decoded(audio: bytes, audio_type: str) -> bytes:
    """The format's own bytes as PCM16 LE mono at its `rate_of`."""
    return audio if audio_type == "audio/pcm" else _decoded(audio_type)[_codes(audio)].astype("<i2").tobytes()


def coded(pcm: bytes, audio_type: str) -> bytes:
    """PCM16 LE mono at the format's `rate_of` as its own bytes (the nearest code for G.711)."""
    if audio_type == "audio/pcm":
        return pcm
    low_rate = np.frombuffer(pcm, dtype="<i2")
    levels = _decoded(audio_type)
    order = np.argsort(levels, kind="stable")
    nearest = np.searchsorted(levels[order], low_rate).clip(0, 255)
    codes: bytes = order[nearest].astype(np.uint8).tobytes()
    return codes


@cache
def tone(duration_ms: int) -> bytes:
    """A soft steady tone: PCM16 LE mono at 24 kHz, the same 20 ms over and over."""
    times_s = np.arange(_FRAME_MS * PCM_RATE_HZ // 1000) / PCM_RATE_HZ
    frame = (np.sin(times_s * TONE_HZ * 2 * np.pi) * TONE_LEVEL).astype("<i2").tobytes()
    return (frame * (duration_ms // _FRAME_MS + 1))[: duration_ms * bytes_per_ms("audio/pcm")]


def _codes(audio: bytes) -> npt.NDArray[np.uint8]:
    return np.frombuffer(audio, dtype=np.uint8)


@cache
def _decoded(audio_type: str) -> Samples:
    """The sample each of the 256 codes stands for. Source: ITU-T G.711."""
    codes = np.arange(256)
    if audio_type == "audio/pcmu":
        bits = ~codes & 0xFF
        size = ((((bits & 0x0F) << 3) + 0x84) << ((bits >> 4) & 7)) - 0x84
        return np.where(bits & 0x80, -size, size).astype(np.int16)
    bits = codes ^ 0x55
    exponent = (bits >> 4) & 7
    mantissa = ((bits & 0x0F) << 4) + 8
    size = np.where(exponent == 0, mantissa, (mantissa + 0x100) << np.maximum(exponent - 1, 0))
    return np.where(bits & 0x80, size, -size).astype(np.int16)
