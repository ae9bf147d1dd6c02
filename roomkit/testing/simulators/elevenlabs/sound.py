"""Sound of a simulated ElevenLabs agent: its formats, speech found in the caller's audio, a chunk's characters. Pure.

The ear's only clock is the audio itself: a caller who stops sending has not stopped speaking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

import numpy as np

from roomkit.testing.simulators.sound import PCM_RATE_HZ, loudness
from roomkit.voice.audio.g711 import ulaw_from_pcm, ulaw_to_pcm

FRAME_MS: Final = 20
ONSET_FRAMES: Final = 3
"""Loud frames in a row that make speech: one click is none."""
THRESHOLD: Final = 500.0
"""Root mean square above which a frame is loud, in units of a 16-bit sample (about -36 dBFS)."""


def rate_of(format_name: str) -> int:
    """``"pcm_16000"`` has 16,000 samples a second."""
    return int(format_name.rpartition("_")[2])


def bytes_per_ms(format_name: str) -> float:
    """Size of a millisecond."""
    return rate_of(format_name) / 1000 * (1 if format_name.startswith("ulaw") else 2)


def in_format(pcm: bytes, format_name: str) -> bytes:
    """PCM16 LE mono at 24 kHz, as a script gives it, in the agent's format."""
    samples = np.frombuffer(pcm, dtype="<i2")
    count = round(len(samples) * rate_of(format_name) / PCM_RATE_HZ)
    if count != len(samples):
        positions = np.arange(count) * (PCM_RATE_HZ / rate_of(format_name))
        samples = np.interp(positions, np.arange(len(samples)), samples).astype("<i2")
    return coded(samples.tobytes(), format_name)


def coded(pcm: bytes, format_name: str) -> bytes:
    """PCM16 LE mono at the format's rate in the format."""
    return ulaw_from_pcm(pcm) if format_name.startswith("ulaw") else pcm


def decoded(audio: bytes, format_name: str) -> bytes:
    """Audio in the format as PCM16 LE mono at its rate."""
    return ulaw_to_pcm(audio) if format_name.startswith("ulaw") else audio


def alignment_of(text: str, begin: float, end: float, duration_ms: float) -> dict[str, Any]:
    """The characters of a chunk that says ``text`` from the share ``begin`` to the share ``end`` of it, evenly."""
    chars = list(text[round(len(text) * begin) : round(len(text) * end)])
    step_ms = duration_ms / max(1, len(chars))
    return {
        "chars": chars,
        "char_start_times_ms": [int(step_ms * at) for at in range(len(chars))],
        "char_durations_ms": [int(step_ms)] * len(chars),
    }


Level = Callable[[bytes], float]
"""Measures a frame of PCM16 LE mono."""


class Listener(Protocol):
    """Who hears the caller and not only that they spoke: the agent of live mode. Told in the order of the audio."""

    def level(self, frame: bytes) -> float:
        """What takes the place of loudness; PCM16 LE mono at the rate of the agent's input."""

    def on_audio(self, audio: bytes) -> None:
        """The caller's next audio, in the agent's input format."""

    def on_mark(self, *, is_start: bool) -> None:
        """A turn began or ended."""

    def on_first_message(self, text: str) -> None:
        """The conversation has begun, and the agent is to begin it."""


class Ear:
    """Finds speech in the caller's audio."""

    def __init__(self, format_name: str, silence_ms: int) -> None:
        self._is_ulaw = format_name.startswith("ulaw")
        self._frame_bytes = FRAME_MS * rate_of(format_name) // 1000 * 2
        self._silence_ms = silence_ms
        self._pending = b""
        self._loud_frames = 0
        self._quiet_ms = 0
        self.is_speech = False

    def hear(self, audio: bytes, level: Level | None = None) -> Iterator[bool]:
        """True where speech begins, False where the silence after it is long enough."""
        self._pending += ulaw_to_pcm(audio) if self._is_ulaw else audio
        while len(self._pending) >= self._frame_bytes:
            frame, self._pending = self._pending[: self._frame_bytes], self._pending[self._frame_bytes :]
            is_loud = (loudness(frame, "audio/pcm") if level is None else level(frame)) > THRESHOLD
            self._loud_frames = self._loud_frames + 1 if is_loud else 0
            self._quiet_ms = 0 if is_loud else self._quiet_ms + FRAME_MS
            if not self.is_speech and self._loud_frames >= ONSET_FRAMES:
                self.is_speech = True
                yield True
            elif self.is_speech and self._quiet_ms >= self._silence_ms:
                self.is_speech = False
                yield False
