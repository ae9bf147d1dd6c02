"""PCM16 LE mono as bytes: how long it lasts, whether it is silent, and pieces that end in the middle of a sample.

Not in here: anything that needs numpy (`resample`, `level`). Everything returned holds whole samples.
"""

from __future__ import annotations

SAMPLE_BYTES = 2
"""One sample: signed 16-bit, little-endian."""


def duration_ms(pcm: bytes, rate_hz: int) -> float:
    """How long ``pcm`` plays at ``rate_hz``; an odd byte counts for half a sample."""
    return len(pcm) * 500.0 / rate_hz


def ms_to_bytes(ms: float, rate_hz: int) -> int:
    """Size of ``ms`` of audio: the nearest whole number of samples, never negative."""
    return max(0, round(ms * rate_hz / 1000.0)) * SAMPLE_BYTES


def silence(ms: float, rate_hz: int) -> bytes:
    """Digital silence of ``ms``, to the nearest whole sample."""
    return bytes(ms_to_bytes(ms, rate_hz))


def is_silent(pcm: bytes) -> bool:
    """Whether every sample is zero (digital silence, not merely quiet); true of nothing at all."""
    return not pcm.strip(b"\0")


class Alignment:
    """Keeps a stream of pieces on sample boundaries: an odd byte waits for the next piece.

    One object per stream. Nothing is lost or reordered: what was fed is what comes out, plus at most one byte held.

    Attributes:
        held: The byte that waits. Where it is empty, a piece of even length need not be fed: it is whole already.
    """

    __slots__ = ("held",)

    def __init__(self) -> None:
        self.held = b""

    def feed(self, pcm: bytes) -> bytes:
        """Whole samples: the byte held so far, then ``pcm``, less an odd last byte, which is held.

        The same object comes back when nothing was held and nothing is odd, which is nearly always.
        """
        if self.held:
            pcm = self.held + pcm
        if len(pcm) & 1:
            self.held = pcm[-1:]
            return pcm[:-1]
        self.held = b""
        return pcm

    def reset(self) -> None:
        """Forget a held byte: the stream begins anew (another link, another client)."""
        self.held = b""
