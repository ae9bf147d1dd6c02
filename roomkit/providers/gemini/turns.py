"""Who is speaking, counted: Gemini gives its turns no ids, so order is all there is. Pure.

The caller's turns are ``user-1``, ``user-2`` …, the answers ``response-1`` …; on the second link of a session they
are ``link-2/user-1`` …. A caller's turn ends when the answer begins; words that come later still belong to it until it
has its final. Invariant: one answer is open at a time, each is started once and done once, and a transcript is final
once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from roomkit.providers.shared.memory import longer
from roomkit.voice.realtime.provider_events import (
    InputCommitted,
    Interrupted,
    ProviderEvent,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    SpeechStarted,
    SpeechStopped,
    Transcript,
    TranscriptFailed,
)

EMPTY: Final = "empty_turn"
"""Why an answer is incomplete that ended before it said anything; the service does that now and then."""

_COMPLETE_REASONS: Final = frozenset({"", "TURN_COMPLETE_REASON_UNSPECIFIED", "NEED_MORE_INPUT"})


class CallerTurn:
    """The caller's side: the turn that is open, and how its words come.

    Attributes:
        prefix: Of its ids.
        hears_words: Transcripts of the caller were asked for.
    """

    def __init__(self) -> None:
        self.prefix = ""
        self.hears_words = True
        self._number = 0
        self._id = ""
        self._text = ""
        self._is_committed = False

    @property
    def has_words(self) -> bool:
        return bool(self._text)

    def began(self) -> SpeechStarted:
        """The service hears the caller speak."""
        self._open()
        return SpeechStarted(self._id)

    def stopped(self) -> SpeechStopped:
        """The service heard the caller stop."""
        return SpeechStopped(self._id or f"{self.prefix}user-{self._number}")

    def said(self, piece: str) -> list[ProviderEvent]:
        """Further words of the open turn; the first ones open it."""
        if not piece:
            return []
        self._open()
        self._text = longer(self._text, piece)
        return [Transcript("user", self._text.lstrip(), is_final=False, item_id=self._id)]

    def seems_to_say(self, words: str) -> list[ProviderEvent]:
        """A guess at the words that follow; the next one replaces it."""
        if not words:
            return []
        self._open()
        return [Transcript("user", (self._text + words).lstrip(), is_final=False, item_id=self._id)]

    def answered(self) -> list[ProviderEvent]:
        """The answer begins: the turn has its place now, and if its words are here, they are all there are."""
        if not self._id and not self.hears_words:
            return []
        self._open()
        events = self._commit()
        return [*events, *self.finished()] if self._text else events

    def finished(self) -> list[ProviderEvent]:
        """The service says that was all."""
        if not self._text:
            return []
        events = [*self._commit(), Transcript("user", self._text.lstrip(), is_final=True, item_id=self._id)]
        self._close()
        return events

    def answer_is_over(self) -> list[ProviderEvent]:
        """What has come by now belongs to the turn that was answered, and no more will."""
        if not self._id:
            return []
        events: list[ProviderEvent] = [TranscriptFailed(self._id, "no_transcript")] if self._is_committed else []
        if self._text:  # late pieces: they make no new turn, or an answer would be owed for them
            events = [Transcript("user", self._text.lstrip(), is_final=True, item_id=self._id)]
        self._close()
        return events

    def _open(self) -> None:
        if not self._id:
            self._number += 1
            self._id = f"{self.prefix}user-{self._number}"

    def _commit(self) -> list[ProviderEvent]:
        if self._is_committed:
            return []
        self._is_committed = True
        return [InputCommitted(self._id)]

    def _close(self) -> None:
        self._id = self._text = ""
        self._is_committed = False


class Turns:
    """Both sides of the conversation on one socket.

    Attributes:
        caller: The caller's side.
        current_id: The answer that what comes now belongs to; ``""``: it begins another.
        is_interrupted: The open answer was cut, and is not done.
    """

    def __init__(self) -> None:
        self.caller = CallerTurn()
        self.current_id = ""
        self._prefix = ""
        self._number = 0
        self._open_id = ""
        self._text = ""
        self._usage: Mapping[str, float] = {}
        self.is_interrupted = False
        self._is_generated = False

    def number_link(self, number: int) -> None:
        """Count for the session's ``number``-th link: an id of an earlier one never comes again."""
        self._prefix = self.caller.prefix = f"link-{number}/" if number > 1 else ""

    @property
    def is_answering(self) -> bool:
        """Whether an answer has begun and is not done."""
        return bool(self._open_id)

    def begin(self, *, was_asked: bool) -> list[ProviderEvent]:
        """The agent says something that belongs to no open answer.

        Args:
            was_asked: We asked for it: there is no turn of the caller's that it answers.
        """
        events = self._end("cancelled", "superseded") if self._open_id else []
        if not was_asked or self.caller.has_words:
            events += self.caller.answered()
        self._number += 1
        self._open_id = self.current_id = f"{self._prefix}response-{self._number}"
        return [*events, ResponseStarted(self._open_id)]

    def said(self, piece: str) -> list[ProviderEvent]:
        """Further words of the open answer."""
        if not piece:
            return []
        self._text = longer(self._text, piece)
        return [Transcript("assistant", self._text.lstrip(), is_final=False, response_id=self._open_id)]

    def cost(self, usage: Mapping[str, float]) -> None:
        """What the answer cost, or the next one where none is open; the newest count is the whole."""
        self._usage = usage or self._usage

    def generated(self) -> None:
        """Everything of the open answer has been said; the service waits for it to be played."""
        self._is_generated = True

    def asked(self) -> None:
        """We asked for an answer: after a complete one, what comes next is another."""
        if self._is_generated:
            self.current_id = ""

    def interrupted(self) -> list[ProviderEvent]:
        """The service cut the answer because the caller spoke."""
        self.is_interrupted = bool(self._open_id)
        self.current_id = ""
        return [Interrupted(self._open_id)]

    def completed(self, reason: str = "") -> list[ProviderEvent]:
        """The open answer is over.

        Args:
            reason: The vendor's ``turnCompleteReason``.
        """
        if self.is_interrupted:  # the caller is speaking: their words belong to the turn that follows
            return self._end("cancelled", "turn_detected")
        status: ResponseStatus = "completed" if reason in _COMPLETE_REASONS else "failed"
        return [*self._end(status, reason.lower()), *self.caller.answer_is_over()]

    def nothing_said(self, reason: str = "") -> list[ProviderEvent]:
        """A turn ended without an answer having begun."""
        events = self.begin(was_asked=True)
        is_usual = reason in _COMPLETE_REASONS
        return [*events, *self._end("incomplete" if is_usual else "failed", EMPTY if is_usual else reason.lower())]

    def _end(self, status: ResponseStatus, reason: str) -> list[ProviderEvent]:
        response_id, text, usage = self._open_id, self._text, self._usage
        self._open_id = self.current_id = self._text = ""
        self._usage = {}
        self.is_interrupted = self._is_generated = False
        final = [Transcript("assistant", text.lstrip(), is_final=True, response_id=response_id)] if text else []
        return [*final, ResponseDone(response_id, status, usage, reason)]
