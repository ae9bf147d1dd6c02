"""How loud a piece of audio is, and how often anybody should be told.

A level is computed only when a hook listens and its turn has come (see `LevelThrottle`); not per frame. numpy loads
with the first level anybody wants: most servers never ask for one.
"""

from __future__ import annotations

import math

FULL_SCALE = 32_768.0
SILENCE_DBFS = -120.0
"""What digital silence reads: finite, so that it can travel as JSON, and below 16-bit quantisation noise (-98 dBFS)."""


def level(pcm: bytes) -> tuple[float, float]:
    """The RMS and peak of PCM16 LE mono, both in dBFS: 0 is full scale, `SILENCE_DBFS` the floor.

    A full-scale square wave has an RMS of 0 dBFS, a full-scale sine one of -3 dBFS. An odd last byte is ignored.
    """
    import numpy as np

    samples = np.frombuffer(pcm, "<i2", count=len(pcm) // 2).astype(np.float32)
    if not samples.size:
        return SILENCE_DBFS, SILENCE_DBFS
    rms = math.sqrt(float(np.dot(samples, samples)) / samples.size)
    peak = max(float(samples.max()), -float(samples.min()))
    return _dbfs(rms), _dbfs(peak)


def _dbfs(amplitude: float) -> float:
    if amplitude <= 0.0:
        return SILENCE_DBFS
    return max(SILENCE_DBFS, 20.0 * math.log10(amplitude / FULL_SCALE))


class LevelThrottle:
    """Says when the next level may be reported: at most one in ``interval_ms``, without a backlog after a pause."""

    __slots__ = ("_interval_ms", "_next_ms")

    def __init__(self, interval_ms: float = 100.0) -> None:
        self._interval_ms = interval_ms
        self._next_ms = -math.inf

    def due(self, now_ms: float) -> bool:
        """Whether a report may be made at ``now_ms``; if so, it counts as made."""
        if now_ms < self._next_ms:
            return False
        # Counted from the turn that was due: counted from now, late frames would stretch every interval.
        following_ms = self._next_ms + self._interval_ms
        self._next_ms = following_ms if following_ms > now_ms else now_ms + self._interval_ms
        return True
