"""The caller's audio, kept by position: its last moments, or everything since an utterance may have begun. Pure.

Positions count the bytes kept since the session began; none is used twice. Not in here: when an utterance begins, and
up to where it is known (`unsettled`). Invariants: closed, it holds `BEFORE_MS`; open, `MAX_MS` at most, the newest.
"""

from __future__ import annotations

from typing import Final

MAX_MS: Final = 10_000.0
"""About one long sentence: of a longer one its end, for late speech is worse than lost speech."""

BEFORE_MS: Final = 160.0
"""Audio from before the ear hears: a word may begin softly. Every session holds this much, all the time."""


class Kept:
    """Pieces of one session's audio.

    Attributes:
        is_open: An utterance may have begun: all that comes is kept.
        start: The position of the first byte of it.
    """

    __slots__ = (
        "_before_bytes",
        "_max_bytes",
        "_pieces",
        "_recent",
        "_recent_bytes",
        "_size_bytes",
        "is_open",
        "start",
    )

    def __init__(self, bytes_per_ms: float) -> None:
        self.is_open = False
        self.start = 0
        self._pieces: list[bytes] = []
        self._size_bytes = 0
        self._recent: list[bytes] = []
        self._recent_bytes = 0
        self.set_rate(bytes_per_ms)

    def set_rate(self, bytes_per_ms: float) -> None:
        """How much a millisecond of the audio is from now on."""
        self._before_bytes = BEFORE_MS * bytes_per_ms
        self._max_bytes = MAX_MS * bytes_per_ms

    @property
    def end(self) -> int:
        """The position after the last byte that was kept."""
        return self.start + self._size_bytes

    def add(self, pieces: list[bytes], size_bytes: int) -> None:
        """What the caller says, of an utterance if it is open; the oldest goes."""
        if not self.is_open:
            self.add_recent(pieces, size_bytes)
            return
        self._pieces += pieces
        self._size_bytes += size_bytes
        while self._size_bytes > self._max_bytes:
            dropped_bytes = len(self._pieces.pop(0))
            self.start += dropped_bytes
            self._size_bytes -= dropped_bytes

    def add_recent(self, pieces: list[bytes], size_bytes: int) -> None:
        """What is worth keeping for a moment only."""
        self._recent += pieces
        self._recent_bytes += size_bytes
        while self._recent_bytes > self._before_bytes:
            self._recent_bytes -= len(self._recent.pop(0))

    def open(self) -> None:
        """An utterance may have begun, or goes on after a long pause: the last moments belong to it."""
        self.is_open = True
        self._pieces += self._recent
        self._size_bytes += self._recent_bytes
        self._recent, self._recent_bytes = [], 0

    def close(self) -> None:
        """There is no utterance: the last moments are enough."""
        self.is_open = False
        self.start = self.end
        pieces, self._pieces = self._pieces, []
        size_bytes, self._size_bytes = self._size_bytes, 0
        recent, self._recent = self._recent, []
        recent_bytes, self._recent_bytes = self._recent_bytes, 0
        self.add_recent(pieces + recent, size_bytes + recent_bytes)

    def forget_to(self, position: int) -> None:
        """Drop every piece that ends at or before a position."""
        count = size_bytes = 0
        for piece in self._pieces:
            if self.start + size_bytes + len(piece) > position:
                break
            count, size_bytes = count + 1, size_bytes + len(piece)
        del self._pieces[:count]
        self.start, self._size_bytes = self.start + size_bytes, self._size_bytes - size_bytes

    def take(self) -> list[bytes]:
        """All of the utterance; nothing is left here."""
        pieces, self._pieces = self._pieces, []
        self.start, self._size_bytes = self.end, 0
        self._recent, self._recent_bytes = [], 0
        self.is_open = False
        return pieces
