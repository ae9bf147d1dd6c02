"""A caller whose every frame can be told from every other, in speech and in silence, on whatever vendor's wire.

A frame is 40 ms of PCM16: a mark, its number as three digits to the base of 100, then a loud square wave or nothing.
Too quiet for a vendor's ear, the number shows which frames came, in which order, and how often.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from roomkit.voice.wires.port import WireMessage

AudioOf = Callable[[WireMessage], bytes | None]

FRAME_MS = 40
_MARK = 77
_BASE = 100
_WAVE = b"\x00\x0b" * 8 + b"\x00\xf5" * 8
"""Slow enough to come through a resampler."""


def frame(number: int, rate_hz: int, *, is_loud: bool) -> bytes:
    """Frame ``number`` of the call."""
    sample_count = rate_hz * FRAME_MS // 1000
    digits = (_MARK, number % _BASE, number // _BASE % _BASE, number // _BASE**2)
    rest = _WAVE * (sample_count // 16 + 1) if is_loud else bytes(sample_count * 2)
    return struct.pack("<4h", *digits) + rest[8 : sample_count * 2]


def numbers_in(audio: bytes, rate_hz: int) -> list[int]:
    """The frames in what a link was sent; fails on anything that is not whole frames in their own place."""
    size_bytes = rate_hz * FRAME_MS // 1000 * 2
    assert len(audio) % size_bytes == 0, "a frame was cut"
    found = []
    for at in range(0, len(audio), size_bytes):
        mark, *digits = struct.unpack_from("<4h", audio, at)
        assert mark == _MARK, "the stream lost its step"
        found.append(digits[0] + digits[1] * _BASE + digits[2] * _BASE**2)
    return found
