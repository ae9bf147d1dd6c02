"""Which agent audio may leave while hooks judge its words. Pure: time is an argument (RFC 0006, R-0006-70..73).

A piece of audio is *covered*, and leaves at once, when a verdict on words that surely reach beyond it allowed them: by
the vendor's own times (`SpokenWords`), at the pace of the fastest speech, or because all words of its item are known.
What is not covered when the guard's time is up was judged if the words known when it came were allowed, and can be its
words at the pace of slow speech; else its verdict is *late*. Not in here: asking (`output_guard`).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from roomkit.voice.audio.pacer import Lead
from roomkit.voice.audio.playback import PlayedItem
from roomkit.voice.session.words.heard import WordTimes, letter_count, letters_reach_ms

PIECE_MS: Final = 20.0
"""Audio is held in pieces of this length at most: a verdict may cover the beginning of a chunk of seconds."""

MAX_ITEMS: Final = 16
"""Items whose words are remembered: more than are ever said and not yet judged."""

FASTEST_MS_PER_LETTER: Final = 40.0
"""Audio that an allowed letter surely covers: nobody speaks 25 letters a second (white space not counted)."""

SLOWEST_MS_PER_LETTER: Final = 100.0
"""Audio beyond this for each allowed letter cannot have been judged: voices speak 12 to 16 letters a second."""


@dataclass(frozen=True, slots=True)
class Held:
    """Audio that waits for a verdict.

    Attributes:
        end_ms: Where in its item's audio it ends.
        known_letters: How many letters of its item were known when it came.
        due_ms: When, by the clock, the guard has delayed it as long as it may.
    """

    pcm: bytes
    duration_ms: float
    item: PlayedItem
    end_ms: float
    known_letters: int
    due_ms: float


@dataclass(slots=True)
class _Words:
    """What is known of one item: its words so far, what was allowed of them, how much audio came."""

    response_id: str
    text: str = ""
    letters: int = 0
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
        words = self._words_of(key, response_id)
        words.text, words.letters, words.is_whole = text, letter_count(text), is_whole or words.is_whole

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
        words = self._words_of(key_of(item), item.response_id)
        ms_per_byte = duration_ms / len(pcm)
        size_bytes = 2 * max(1, int(PIECE_MS / ms_per_byte / 2.0))
        for at in range(0, len(pcm), size_bytes):
            piece = pcm[at : at + size_bytes]
            piece_ms = len(piece) * ms_per_byte
            words.received_ms += piece_ms
            leaves_ms = now_ms + self._unguarded.delay_ms(piece_ms, now_ms)
            self._unguarded.sent(piece_ms, leaves_ms)
            due_ms = leaves_ms + self._guard_ms
            self._held.append(Held(piece, piece_ms, item, words.received_ms, words.letters, due_ms))
        self.held_ms += duration_ms

    @property
    def next(self) -> Held | None:
        """The audio that is to leave next, if any waits."""
        return self._held[0] if self._held else None

    def pop_covered(self) -> list[Held]:
        """Take what may leave, in order."""
        covered: list[Held] = []
        while self._held and self._is_covered(self._held[0]):
            covered.append(self._pop())
        return covered

    def pop_due(self, now_ms: float, *, even_late: bool) -> list[Held]:
        """Take what was delayed long enough, in order; without ``even_late`` up to the first whose verdict is late."""
        due: list[Held] = []
        while (held := self.next) is not None and held.due_ms <= now_ms and (even_late or self._was_judged(held)):
            due.append(self._pop())
        return due

    def pop_all(self) -> list[Held]:
        """Take everything: nobody judges any more."""
        return [self._pop() for _ in range(len(self._held))]

    def first_late(self, key: str) -> bool:
        """Whether this is the first time that audio of the item left before its verdict."""
        words = self._words[key]
        was_late, words.was_late = words.was_late, True
        return not was_late

    def clear(self) -> None:
        """The answer was cut: throw everything away."""
        self._held.clear()
        self._words.clear()
        self._unguarded.cleared()
        self.held_ms = 0.0

    def _words_of(self, key: str, response_id: str) -> _Words:
        words = self._words.setdefault(key, _Words(response_id))
        while len(self._words) > MAX_ITEMS:
            oldest = next(iter(self._words))
            if any(key_of(held.item) == oldest for held in self._held):
                break
            del self._words[oldest]
        return words

    def _pop(self) -> Held:
        held = self._held.popleft()
        self.held_ms -= held.duration_ms
        return held

    def _is_covered(self, held: Held) -> bool:
        words = self._words[key_of(held.item)]
        if words.is_whole and words.text == words.allowed_text:
            return True
        if times := self._times.of(key_of(held.item)):
            return held.end_ms <= letters_reach_ms(times, words.allowed_letters)
        return self._may_be_judged(held, FASTEST_MS_PER_LETTER)

    def _was_judged(self, held: Held) -> bool:
        if self._is_covered(held):
            return True
        return not self._times.of(key_of(held.item)) and self._may_be_judged(held, SLOWEST_MS_PER_LETTER)

    def _may_be_judged(self, held: Held, ms_per_letter: float) -> bool:
        """Whether the words known when it came were allowed, and are enough of them for its place in the item."""
        letters = self._words[key_of(held.item)].allowed_letters
        return letters >= held.known_letters and held.end_ms <= letters * ms_per_letter


def key_of(item: PlayedItem) -> str:
    """How an item's audio and its words find each other: by its id, else by its answer's."""
    return item.item_id or item.response_id
