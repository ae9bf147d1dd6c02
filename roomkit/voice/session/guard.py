"""Which agent audio may leave while hooks judge its words. Pure: time is an argument (RFC 0006, R-0006-70..73).

A verdict on an item's words so far covers its audio up to where those words surely reach: by the vendor's own times
(`SpokenWords`), else at the pace of fast speech; once all its words are known and allowed, all of it. Audio leaves in
order, when it is covered, or as *late* when it was delayed by the guard's time. Not in here: asking (`output_guard`).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from roomkit.voice.audio.pacer import Lead
from roomkit.voice.audio.playback import PlayedItem
from roomkit.voice.session.heard import WordTimes, letter_count, letters_reach_ms

MS_PER_LETTER: Final = 50.0
"""Audio that one allowed letter covers where no times are known. 20 letters a second, white space not counted, is
faster than agents speak (12 to 16): slower speech waits for more words rather than leaving before its own."""


@dataclass(frozen=True, slots=True)
class Held:
    """Audio that waits for a verdict.

    Attributes:
        end_ms: Where in its item's audio it ends.
        due_ms: When, by the clock, the guard has delayed it as long as it may.
    """

    pcm: bytes
    duration_ms: float
    item: PlayedItem
    end_ms: float
    due_ms: float


@dataclass(slots=True)
class _Words:
    """What is known of one item: its words so far, what was allowed of them, how much audio came."""

    response_id: str
    text: str = ""
    is_whole: bool = False
    allowed_text: str = ""
    allowed_letters: int = 0
    received_ms: float = 0.0
    was_late: bool = False


class Guard:
    """The audio one session holds back.

    Args:
        guard_ms: Most delay it may add to any piece.
        lead_ms: As the pacer's: audio that would wait there anyway is not delayed by waiting here.
        times: When words are spoken, where the vendor says so.
    """

    def __init__(self, guard_ms: float, lead_ms: float, times: WordTimes) -> None:
        self.held_ms = 0.0
        self._guard_ms = guard_ms
        self._unguarded = Lead(lead_ms)  # how the audio would leave if nothing held it back
        self._times = times
        self._held: deque[Held] = deque()
        self._words: dict[str, _Words] = {}

    def knows(self, key: str) -> bool:
        """Whether the item has not been thrown away."""
        return key in self._words

    def allowed_text(self, key: str) -> str:
        """The item's words that were allowed so far."""
        return self._words[key].allowed_text if key in self._words else ""

    def text(self, key: str) -> str:
        """The item's words so far."""
        return self._words[key].text if key in self._words else ""

    def said(self, key: str, response_id: str, text: str, *, is_whole: bool) -> None:
        """The item's words so far; with ``is_whole`` there will be no more."""
        words = self._words.setdefault(key, _Words(response_id))
        words.text, words.is_whole = text, is_whole or words.is_whole

    def all_said(self, response_id: str) -> None:
        """The answer is done: words of it that came are all there are."""
        for words in self._words.values():
            if words.response_id == response_id and words.text:
                words.is_whole = True

    def allow(self, key: str, text: str) -> None:
        """The hooks allowed these words of the item."""
        if (words := self._words.get(key)) is not None:
            words.allowed_text, words.allowed_letters = text, letter_count(text)

    def hold(self, pcm: bytes, duration_ms: float, item: PlayedItem, now_ms: float) -> None:
        """Audio came."""
        words = self._words.setdefault(key_of(item), _Words(item.response_id))
        words.received_ms += duration_ms
        leaves_ms = now_ms + self._unguarded.delay_ms(duration_ms, now_ms)
        self._unguarded.sent(duration_ms, leaves_ms)
        self._held.append(Held(pcm, duration_ms, item, words.received_ms, leaves_ms + self._guard_ms))
        self.held_ms += duration_ms

    def pop_covered(self) -> list[Held]:
        """Take what may leave, in order."""
        covered: list[Held] = []
        while self._held and self._held[0].end_ms <= self._covered_ms(key_of(self._held[0].item)):
            covered.append(self._pop())
        return covered

    def pop_late(self, now_ms: float) -> list[Held]:
        """Take what has been delayed long enough, in order."""
        late: list[Held] = []
        while self._held and self._held[0].due_ms <= now_ms:
            late.append(self._pop())
        return late

    def pop_all(self) -> list[Held]:
        """Take everything: nobody judges any more."""
        return [self._pop() for _ in range(len(self._held))]

    def first_late(self, key: str) -> bool:
        """Whether this is the first time that audio of the item left before its verdict."""
        words = self._words[key]
        was_late, words.was_late = words.was_late, True
        return not was_late

    @property
    def next(self) -> Held | None:
        """The audio that is to leave next, if any waits."""
        return self._held[0] if self._held else None

    def clear(self) -> None:
        """The answer was cut: throw everything away."""
        self._held.clear()
        self._words.clear()
        self._unguarded.cleared()
        self.held_ms = 0.0

    def _pop(self) -> Held:
        held = self._held.popleft()
        self.held_ms -= held.duration_ms
        return held

    def _covered_ms(self, key: str) -> float:
        words = self._words[key]
        if words.is_whole and words.text == words.allowed_text:
            return float("inf")
        if times := self._times.of(key):
            return letters_reach_ms(times, words.allowed_letters)
        return words.allowed_letters * MS_PER_LETTER


def key_of(item: PlayedItem) -> str:
    """How an item's audio and its words find each other: by its id, else by its answer's."""
    return item.item_id or item.response_id
