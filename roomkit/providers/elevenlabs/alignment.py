"""When each word is spoken: the vendor times characters within a chunk of audio, we time words within an item. Pure.

Invariant: the pieces of an item, put together, are its aligned characters in their order; no word is cut in two.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from roomkit.providers.shared.objects import Json
from roomkit.voice.realtime.provider_events import SpokenWords

MAX_WORD_CHARS: Final = 64
"""A longer one is let out in pieces: nothing a peer sends may grow without bound here."""

MAX_START_MS: Final = 1e9
"""Within one chunk of audio; more is rubbish."""

_NUMBERS: Final = (int, float)
"""By their very types: a truth value is none."""

_PIECE: Final = re.compile(r"\s{1,16}|\S{1,48}\s{0,16}")
"""A word and the space after it, or the space that a word of the chunk before still lacks."""

Timed = tuple[str, Sequence[float]]
"""The characters of a chunk and when each of them starts in it, in ms; equally many."""

NO_CHARS: Final[Timed] = ("", ())


def timed_chars(alignment: Json) -> Timed:
    """The characters of an ``alignment``; none where it makes no sense."""
    chars, starts_ms = alignment.get("chars"), alignment.get("char_start_times_ms")
    if not isinstance(chars, list) or not isinstance(starts_ms, list) or len(chars) != len(starts_ms):
        return NO_CHARS
    if not chars or len([ms for ms in starts_ms if type(ms) in _NUMBERS and 0 <= ms < MAX_START_MS]) < len(chars):
        return NO_CHARS
    try:
        text = "".join(chars)
    except TypeError:  # not all of them are text
        return NO_CHARS
    if len(text) != len(chars):  # ligatures and the like: several characters at one time
        starts_ms = [start_ms for char, start_ms in zip(chars, starts_ms, strict=True) for _ in char]
    return text, starts_ms


class WordClock:
    """The words of one item as their characters come, chunk by chunk."""

    def __init__(self, response_id: str, item_id: str) -> None:
        self._response_id = response_id
        self._item_id = item_id
        self._word = ""
        self._word_start_ms = 0.0

    def feed(self, chars: Timed, chunk_start_ms: float) -> list[SpokenWords]:
        """The words completed by a chunk that begins ``chunk_start_ms`` into the item's audio.

        A word is complete when the next one begins, for it may go on in the next chunk; the space after it is its own.
        """
        text, starts_ms = chars
        words: list[SpokenWords] = []
        for piece in _PIECE.finditer(text):
            said = piece[0]
            is_next = not said[0].isspace() and self._word[-1:].isspace()
            if is_next or len(self._word) + len(said) > MAX_WORD_CHARS:
                words += self.flush()
            if not self._word:
                self._word_start_ms = chunk_start_ms + starts_ms[piece.start()]
            self._word += said
        return words

    def flush(self) -> list[SpokenWords]:
        """The last word: no more characters will come."""
        if not self._word:
            return []
        word = SpokenWords(self._word, self._word_start_ms, self._response_id, self._item_id)
        self._word = ""
        return [word]
