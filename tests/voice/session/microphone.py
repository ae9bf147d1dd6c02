"""Somebody in front of a microphone, and the session's ear right behind it, without a session."""

from __future__ import annotations

import struct

from roomkit.voice.session.media.unsettled import Unsettled

RATE_HZ = 8_000
FRAME_MS = 20
FRAME_BYTES = RATE_HZ * 2 * FRAME_MS // 1000


class Caller:
    """Somebody in front of a microphone: every frame can be told from every other.

    Attributes:
        unsettled: The ear that hears them.
        said: How many messages have come from the vendor.
    """

    def __init__(self, *, tells: bool = True) -> None:
        self.unsettled = Unsettled(RATE_HZ)
        self.said = 0
        self.count = 0
        self.unsettled.link_up((lambda: self.said) if tells else None)

    def speaks(self, duration_ms: int, *, amplitude: int = 3_000, shows_life: bool = False) -> range:
        """Returns the numbers of the frames."""
        return self._feeds(duration_ms, amplitude, shows_life=shows_life)

    def is_quiet(self, duration_ms: int, *, shows_life: bool = False) -> range:
        return self._feeds(duration_ms, 0, shows_life=shows_life)

    def clicks(self) -> None:
        """A frame of 2.5 ms of noise."""
        self.unsettled.feed(struct.pack("<20h", *([20_000] * 20)) + bytes(FRAME_BYTES - 40))

    def _feeds(self, duration_ms: int, amplitude: int, *, shows_life: bool) -> range:
        first = self.count
        for _ in range(duration_ms // FRAME_MS):
            self.count += 1
            self.said += shows_life
            wave = [amplitude, -amplitude] * ((FRAME_BYTES - 4) // 4)
            self.unsettled.feed(struct.pack(f"<{len(wave) + 2}h", self.count // 100, self.count % 100, *wave))
        return range(first + 1, self.count + 1)

    def taken(self) -> list[int]:
        """The frames another link would be told."""
        return [_number(piece) for piece in self.unsettled.take()]


def _number(piece: bytes) -> int:
    hundreds, ones = struct.unpack_from("<2h", piece)
    return int(hundreds * 100 + ones)
