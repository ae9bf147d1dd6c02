"""What the caller said that the present provider link may not have heard, or has made nothing of yet. Pure.

An ear of our own listens to what is sent: where sound begins, an utterance may have begun, and is kept until it is
settled: by the vendor's words about it or an answer to it; by any word of a vendor that would have said that it hears
somebody (then it was no speech); or by quiet for longer than a dead line needs to be found. Not in here: the pieces
(`kept`), who asks and tells (`between`), where they go when a link is lost (`input`). Invariant: what is settled is
never told to another link.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from roomkit.voice.session.media.kept import BEFORE_MS, MAX_MS, Kept

STRETCH_MS: Final = 80.0
"""What the ear listens to at a time: frame by frame it would cost three times as much."""

MAX_PIECES: Final = 16
"""In a stretch: what a client sends in smaller ones is put together, or their number would fill the memory."""

PAUSE_MS: Final = 300.0
"""Between two sentences; within one there is seldom as much, and no vendor ends a turn after less by default."""

KEPT_PAUSE_MS: Final = 2_000.0
"""Of a pause in an utterance: enough to end a turn by. A link that hears nothing is not noticed for longer than that,
and the words before the pause are what the next one needs."""

LONG_QUIET_MS: Final = 20_000.0
"""After this nothing is kept: keep-alives find a dead line within 15 s of its last sign of life."""

LOOK_MS: Final = 250.0
"""How often, in audio, a sign of life is looked for. What was sent three looks ago was sent at least 500 ms before it:
within less, vendors say that they hear somebody."""

VERDICT_MS: Final = 2_000.0
"""Longest time from the end of a sentence to the vendor's word that it has ended."""

TELLING_MS: Final = 1_000.0
"""A vendor that says at once when it hears somebody has said so within this."""

ANSWERING_MS: Final = 5_000.0
"""Any other vendor has begun to answer within this, or heard nothing to answer."""

BY_HAND: Final = "by hand"
"""The key of a turn that push-to-talk ended, until the vendor names it; vendors' ids have no spaces."""

_HIGH_BYTES = slice(1, None, 16)
_QUIET = b"\x00\xff"
"""High bytes, of every eighth sample, below -42 dBFS: one pass in C."""

_SOUND_SHARE: Final = 16 * 16
"""A stretch sounds if one in sixteen of those samples is louder: 5 ms of it. A click is shorter, any vowel longer."""


class Unsettled:
    """The ear of one session, and what it keeps.

    Args:
        rate_hz: Of the audio.
    """

    __slots__ = (
        "_answered", "_bytes_per_ms", "_fresh", "_fresh_bytes", "_is_by_hand", "_is_confirmed", "_is_told_ends",
        "_kept", "_looks", "_marks", "_quiet_bytes", "_seen", "_signs_of_life", "_sound_at", "_stretch_bytes",
        "_until_look_bytes",
    )  # fmt: skip

    def __init__(self, rate_hz: int) -> None:
        self._bytes_per_ms = rate_hz * 2 / 1000.0
        self._stretch_bytes = STRETCH_MS * self._bytes_per_ms
        self._kept = Kept(self._bytes_per_ms)
        self._fresh: list[bytes] = []
        self._fresh_bytes = 0
        self._quiet_bytes = self._sound_at = 0
        self._is_confirmed = self._is_by_hand = self._is_told_ends = False
        self._marks: dict[str, int] = {}
        self._answered: int | None = None
        self._signs_of_life: Callable[[], float] | None = None
        self._seen = 0.0
        self._looks = (0, 0, 0)
        self._until_look_bytes = 0.0

    # --- the ear --------------------------------------------------------------------------------------------------

    def feed(self, pcm: bytes) -> None:
        """A piece that goes to the link: PCM16 LE mono, whole samples."""
        self._fresh.append(pcm)
        self._fresh_bytes += len(pcm)
        if self._fresh_bytes >= self._stretch_bytes:
            self._listen()

    @property
    def is_long_pause(self) -> bool:
        """Whether it has been quiet, in audio that came, for longer than in any utterance that goes on."""
        return self._quiet_ms > KEPT_PAUSE_MS

    @property
    def is_hearing(self) -> bool:
        """Whether somebody seems to speak, or to have spoken, of whom the vendor has not said anything yet and may."""
        if not self._kept.is_open:
            return False
        since_ms = (self._kept.end - self._sound_at) / self._bytes_per_ms
        if self._signs_of_life is not None:
            return since_ms < TELLING_MS
        sound_ms = since_ms - min(self._quiet_ms, KEPT_PAUSE_MS)  # what goes on for longer is noise
        return self._quiet_ms < ANSWERING_MS and sound_ms < MAX_MS

    @property
    def patience_ms(self) -> float:
        """After which the vendor has said something of an utterance, or will not."""
        return ANSWERING_MS if self._signs_of_life is None else TELLING_MS

    @property
    def position(self) -> int:
        """Changes with every piece of an utterance."""
        return self._kept.end + self._fresh_bytes

    # --- what the vendor says of it -------------------------------------------------------------------------------

    def speech_began(self) -> None:
        """The vendor hears the caller."""
        if self._signs_of_life is not None and not self.is_noticed:
            self._settle(self._looks[0])  # of what was long before, it would have said so then
        self._is_confirmed = True
        self._quiet_bytes = 0
        self._open()

    def speech_ended(self, key: str) -> None:
        """The vendor heard the caller to the end of an utterance; ``key`` names it."""
        position = self._marks.pop(BY_HAND, None) or self._end_of_sentence()
        self._is_confirmed, self._is_told_ends = False, True
        if self._kept.is_open:
            self._marks.setdefault(key, position)

    def was_noise(self) -> None:
        """The vendor takes it back: nobody spoke."""
        position, self._is_confirmed = self._end_of_sentence(), False
        self._settle(position)

    def words_known(self, key: str) -> None:
        """The words of an utterance are known, or never will be. Those that come late or twice change nothing."""
        position = self._marks.get(key)
        if position is None and not self._is_told_ends:  # a vendor that says nothing of utterances but their words
            position = self._end_of_sentence()
        if position is not None:
            self._settle(position)

    def answer_began(self, *, was_asked: bool) -> None:
        """The agent begins an answer. ``was_asked``: by us, and not by the caller's voice."""
        self._answered = None
        if self._marks:
            self._answered = max(self._marks.values())
        elif self._kept.is_open and not was_asked:
            self._answered = self._end_of_sentence()
            self._is_confirmed = False  # whoever is answered has stopped, though some servers do not say so

    def answer_ended(self, *, is_settled: bool) -> None:
        """It ended. ``is_settled``: it came as a whole, or was heard, so what it answers was understood."""
        if self._answered is not None and is_settled:
            self._settle(self._answered)
        self._answered = None

    # --- turns by hand --------------------------------------------------------------------------------------------

    def turn_began(self) -> None:
        """Push-to-talk: whatever comes is the caller's."""
        self._is_by_hand = True
        self._open()

    def turn_ended(self) -> None:
        """Push-to-talk: that was the turn."""
        if self._is_by_hand:
            self._listen()
            self._is_by_hand = False
            self._marks[BY_HAND] = self._kept.end
            self._quiet_bytes = 0  # what was said before a silence within the turn is not old yet

    # --- links ----------------------------------------------------------------------------------------------------

    @property
    def is_noticed(self) -> bool:
        """Whether something is kept that the vendor took for speech, or the caller for a turn."""
        return self._is_confirmed or self._is_by_hand or bool(self._marks)

    def link_up(self, signs_of_life: Callable[[], float] | None) -> None:
        """Another link hears the caller from now on; what it was told first is unsettled like the rest.

        Args:
            signs_of_life: Changes with everything that comes from the link, of a vendor that says at once when it
                hears somebody; ``None`` of one that does not.
        """
        self._signs_of_life = signs_of_life
        self._is_told_ends = False
        self._look_from_now()

    def link_replaced(self, *, goes_on: bool) -> None:
        """Another link took over: what the old one heard to its end is not for the new one's successor.

        Args:
            goes_on: The caller is in the middle of an utterance.
        """
        self._listen()
        self._is_confirmed, self._answered = False, None
        self._marks.clear()
        if not goes_on:
            self._settle(self._kept.end)

    def take(self) -> list[bytes]:
        """Everything that is not settled, for another link to hear; nothing of it is kept here any more."""
        self._listen()
        self._is_confirmed, self._answered = False, None
        self._quiet_bytes = 0
        self._marks.clear()
        pieces = self._kept.take()
        if self._is_by_hand:
            self._open()
        return pieces

    def resample_from(self, rate_hz: int) -> None:
        """The audio has another rate from now on; what was kept at the old one is of no use."""
        self.take()
        self._bytes_per_ms = rate_hz * 2 / 1000.0
        self._stretch_bytes = STRETCH_MS * self._bytes_per_ms
        self._kept.set_rate(self._bytes_per_ms)

    # --- details --------------------------------------------------------------------------------------------------

    @property
    def _quiet_ms(self) -> float:
        return self._quiet_bytes / self._bytes_per_ms

    def _listen(self) -> None:
        """Hear what came since the last time."""
        pieces, size_bytes = self._fresh, self._fresh_bytes
        self._fresh, self._fresh_bytes = [], 0
        if len(pieces) > MAX_PIECES:
            pieces = [b"".join(pieces)]
        loud_count = 0
        for pcm in pieces:
            loud_count += len(pcm[_HIGH_BYTES].translate(None, _QUIET))
        if loud_count * _SOUND_SHARE > size_bytes:
            self._sounds()
        else:
            self._quiet_bytes += size_bytes
        kept = self._kept
        if kept.is_open:
            self._until_look_bytes -= size_bytes
            if self._until_look_bytes <= 0.0:
                self._look()
        if self.is_long_pause:
            kept.add_recent(pieces, size_bytes)
        else:
            kept.add(pieces, size_bytes)

    def _sounds(self) -> None:
        if not self._kept.is_open:
            self._open()
        elif self._quiet_ms >= PAUSE_MS:
            self._kept.open()
            self._sound_at = self._kept.end
        self._quiet_bytes = 0

    def _open(self) -> None:
        """Somebody may have begun to speak."""
        if not self._kept.is_open:
            self._kept.open()
            self._sound_at = self._kept.start
            self._look_from_now()

    def _look_from_now(self) -> None:
        self._looks = (self._kept.start,) * 3
        self._seen = 0.0 if self._signs_of_life is None else self._signs_of_life()
        self._until_look_bytes = LOOK_MS * self._bytes_per_ms

    def _look(self) -> None:
        self._until_look_bytes += LOOK_MS * self._bytes_per_ms
        is_alive = False
        if self._signs_of_life is not None:
            seen, self._seen = self._seen, self._signs_of_life()
            is_alive = seen != self._seen
        if self._quiet_ms > LONG_QUIET_MS and not self._is_by_hand:
            self._is_confirmed = False
            self._settle(self._kept.end)
        elif is_alive and not self.is_noticed:
            self._settle(self._looks[0])
        self._looks = (*self._looks[1:], self._kept.end)

    def _end_of_sentence(self) -> int:
        """Up to where the vendor's word about the caller reaches that came just now: they may have gone on since."""
        self._listen()
        kept, at = self._kept, self._sound_at
        goes_on = self._quiet_ms < PAUSE_MS and kept.end - at < VERDICT_MS * self._bytes_per_ms
        if goes_on and kept.start < at:
            return max(kept.start, at - int(BEFORE_MS * self._bytes_per_ms))
        return kept.end

    def _settle(self, position: int) -> None:
        """Nothing up to there is for another link."""
        self._kept.forget_to(position)
        self._marks = {key: mark for key, mark in self._marks.items() if mark > position}
        if not self.is_noticed and self._kept.end - self._kept.start <= self._quiet_bytes:
            self._kept.close()
