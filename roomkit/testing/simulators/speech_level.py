"""How surely the newest audio of a caller is speech: a voice activity detector in place of loudness, for live mode.

Invariant: no audio is judged twice, and none is held back longer than a block of the detector's.
"""

from __future__ import annotations

from roomkit.voice.audio.resample import Resampler
from roomkit.voice.vad.base import Blocks, Vad


class SpeechLevel:
    """One caller's.

    Args:
        vad: Fresh; nobody else's.
    """

    def __init__(self, vad: Vad) -> None:
        self._vad = vad
        self._blocks = Blocks(vad.block_bytes)
        self._resampler = Resampler(vad.rate_hz, vad.rate_hz)
        self._from_hz = vad.rate_hz
        self._probability = 0.0

    def feed(self, pcm: bytes, rate_hz: int) -> float:
        """Take PCM16 LE mono, whole samples; the probability, 0 to 1, of the newest whole block."""
        if rate_hz != self._from_hz:
            self._from_hz, self._resampler = rate_hz, Resampler(rate_hz, self._vad.rate_hz)
        for block in self._blocks.feed(self._resampler.feed(pcm)):
            self._probability = self._vad.speech_probability(block)
        return self._probability
