"""Which words of an answer the caller heard, from how much of its audio they heard. Pure (RFC 0006, R-0006-25).

By the vendor's own times (`SpokenWords`) where they fit the text, else in proportion to the audio. Either way whole
words only, and a word was heard when its end was: the end of a timed word is the start of the next one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from roomkit.voice.realtime.provider_events import SpokenWords
from roomkit.voice.tts.cues import CUE

HeardBy = Literal["vendor_times", "proportion", "shown"]

MAX_TIMED_ITEMS = 16
"""Items whose times are kept at once: more than are ever said and not yet heard."""

MAX_TIMED_WORDS = 10_000
"""Times kept of one item: over an hour of speech; what a broken vendor sends beyond is dropped."""

_UNSPACED = r"\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"{CUE}|[{_UNSPACED}]|(?:(?!{CUE})[^\s{_UNSPACED}])+")
"""A cue (``[long sigh]``) or a word; in scripts written without spaces (Thai, Lao, Khmer, kana, Han), one character."""


@dataclass(frozen=True, slots=True)
class HeardWords:
    """The words heard, and by what they were measured."""

    text: str
    by: HeardBy


class WordTimes:
    """When the words of the newest items are spoken, as the vendor says it."""

    def __init__(self) -> None:
        self._by_key: dict[str, list[SpokenWords]] = {}

    def add(self, words: SpokenWords) -> None:
        """The vendor timed a piece of an item's transcript; a time that cannot be is dropped."""
        if not 0.0 <= words.start_ms < math.inf:
            return
        times = self._by_key.setdefault(words.item_id or words.response_id, [])
        if len(times) < MAX_TIMED_WORDS:
            times.append(words)
        if len(self._by_key) > MAX_TIMED_ITEMS:
            del self._by_key[next(iter(self._by_key))]

    def of(self, key: str) -> Sequence[SpokenWords]:
        """An item's, in order."""
        return self._by_key.get(key, ())

    def forget(self, key: str) -> None:
        """Nobody will ask for this item again."""
        self._by_key.pop(key, None)


def words_heard(text: str, heard_ms: float, received_ms: float, times: Sequence[SpokenWords] = ()) -> HeardWords:
    """The words of ``text`` that were spoken in the audio that was heard.

    Args:
        text: The item's transcript.
        heard_ms: How much of the item's audio the caller heard.
        received_ms: All the audio there is of it.
        times: The vendor's; of no use where they are not those of ``text`` (a hook changed it).
    """
    timed, said = _letters("".join(words.text for words in times)), _letters(text)
    if timed and said.startswith(timed):
        return HeardWords(_beginning(text, _letters_by_times(times, heard_ms, received_ms)), "vendor_times")
    if heard_ms <= 0.0:
        return HeardWords("", "proportion")
    if heard_ms >= received_ms:
        return HeardWords(text, "proportion")
    return HeardWords(_beginning(text, len(said) * heard_ms / received_ms), "proportion")


def letter_count(text: str) -> int:
    """How many characters of the text are not white space."""
    return len(_letters(text))


def letters_reach_ms(times: Sequence[SpokenWords], letters: int) -> float:
    """How far into the audio the first letters of a transcript surely reach, in ms: to the last start among them."""
    covered_ms, count = 0.0, 0
    for words in times:
        covered_ms = max(covered_ms, words.start_ms)
        count += len(_letters(words.text))
        if count > letters:
            break
    return covered_ms


def _letters_by_times(times: Sequence[SpokenWords], heard_ms: float, received_ms: float) -> float:
    """How many letters of the timed text were heard; of a piece of several words heard in part, a part."""
    count = 0.0
    for index, words in enumerate(times):
        if heard_ms <= words.start_ms:
            break
        end_ms = times[index + 1].start_ms if index + 1 < len(times) else received_ms
        length_ms = end_ms - words.start_ms
        share = 1.0 if length_ms <= 0.0 else min(1.0, (heard_ms - words.start_ms) / length_ms)
        count += share * len(_letters(words.text))
    return count


def _beginning(text: str, letter_count: float) -> str:
    """The longest run of whole words from the start that has at most so many letters."""
    end, count = 0, 0
    for word in _WORD.finditer(text):
        count += len(_letters(word.group()))
        if count > letter_count + 1e-6:  # float sums of shares: a whole word heard must read as one
            break
        end = word.end()
    return text[:end].strip()


def _letters(text: str) -> str:
    """The text without white space: vendors differ in where they put it."""
    return "".join(text.split())
