"""When each word is spoken: the vendor times characters within a chunk of audio, we time words within an item. Pure.

Invariant: the pieces of an item, put together, are its aligned characters in their order; no word is cut in two.
"""

from __future__ import annotations

from typing import Final

from roomkit.providers.openai.events import Json
from roomkit.voice.realtime.provider_events import SpokenWords

MAX_WORD_CHARS: Final = 64
"""A longer one is let out in pieces: nothing a peer sends may grow without bound here."""

MAX_START_MS: Final = 1e9
"""Within one chunk of audio; more is rubbish."""

Timed = tuple[str, float]


def timed_chars(alignment: Json) -> list[Timed]:
    """The characters of an ``alignment`` with their start in ms; none where the two lists do not fit each other."""
    chars, starts_ms = alignment.get("chars"), alignment.get("char_start_times_ms")
    if not isinstance(chars, list) or not isinstance(starts_ms, list) or len(chars) != len(starts_ms):
        return []
    if not (set(map(type, chars)) <= {str} and set(map(type, starts_ms)) <= {int, float}):
        return []
    if not all(0 <= start_ms < MAX_START_MS for start_ms in starts_ms):  # not a number is not below it either
        return []
    return list(zip(chars, starts_ms, strict=True))


class WordClock:
    """The words of one item as their characters come, chunk by chunk."""

    def __init__(self, response_id: str, item_id: str) -> None:
        self._response_id = response_id
        self._item_id = item_id
        self._word = ""
        self._word_start_ms = 0.0
        self._is_ended = False

    def feed(self, chars: list[Timed], chunk_start_ms: float) -> list[SpokenWords]:
        """The words completed by a chunk that begins ``chunk_start_ms`` into the item's audio.

        A word is complete when the next one begins, for it may go on in the next chunk; the space after it is its own.
        """
        words: list[SpokenWords] = []
        for char, start_ms in chars:
            is_space = char.isspace()
            if self._word and (len(self._word) >= MAX_WORD_CHARS or (self._is_ended and not is_space)):
                words += self.flush()
            if not self._word:
                self._word_start_ms = chunk_start_ms + start_ms
            self._word += char[:MAX_WORD_CHARS]
            self._is_ended = is_space
        return words

    def flush(self) -> list[SpokenWords]:
        """The last word: no more characters will come."""
        if not self._word:
            return []
        word = SpokenWords(self._word, self._word_start_ms, self._response_id, self._item_id)
        self._word = ""
        self._is_ended = False
        return [word]
