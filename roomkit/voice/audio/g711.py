"""G.711 mu-law, the telephone's eight bits a sample, to and from PCM16: table look-ups, no state.

Not in here: A-law (no wire speaks it yet), RTP, resampling to the 8 kHz it is used at. Source: ITU-T G.711 (11/88),
tables 2a and 2b; codes are the inverted bits that travel.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

RATE_HZ: Final = 8_000

_BIAS: Final = 0x84
_CLIP: Final = 32_635
"""Largest magnitude whose biased value still fits 15 bits."""


def ulaw_to_pcm(codes: bytes) -> bytes:
    """PCM16 LE mono, twice as many bytes."""
    pcm: bytes = _DECODED[np.frombuffer(codes, dtype=np.uint8)].tobytes()
    return pcm


def ulaw_from_pcm(pcm: bytes) -> bytes:
    """One code a sample of PCM16 LE mono.

    Raises:
        ValueError: Half a sample.
    """
    codes: bytes = _CODES[np.frombuffer(pcm, dtype="<u2")].tobytes()
    return codes


def _decoded() -> npt.NDArray[np.int16]:
    bits = ~np.arange(256) & 0xFF
    magnitudes = ((((bits & 0x0F) << 3) + _BIAS) << ((bits >> 4) & 7)) - _BIAS
    return np.where(bits & 0x80, -magnitudes, magnitudes).astype("<i2")


def _encoded() -> npt.NDArray[np.uint8]:
    """The code of each 16-bit pattern: the segment is the position of the highest bit of the biased magnitude."""
    samples = np.arange(65_536).astype(np.uint16).view(np.int16).astype(np.int32)
    biased = np.minimum(np.abs(samples), _CLIP) + _BIAS
    segments = np.floor(np.log2(biased)).astype(np.int32) - 7
    bits = (segments << 4) | ((biased >> (segments + 3)) & 0x0F) | np.where(samples < 0, 0x80, 0)
    codes: npt.NDArray[np.uint8] = (~bits & 0xFF).astype(np.uint8)
    return codes


_DECODED: Final = _decoded()
_CODES: Final = _encoded()
