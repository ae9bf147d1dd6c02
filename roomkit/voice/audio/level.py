"""How loud a piece of audio is.

A level is computed only when a hook listens and its turn has come, about ten times a second; not per frame. numpy loads
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
