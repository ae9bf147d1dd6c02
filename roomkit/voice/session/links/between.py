"""The moment between turns, at which a call may go on with another link and nobody notices.

Not in here: why it should (`moving`).
"""

from __future__ import annotations

from typing import Final

from roomkit.clock import Clock
from roomkit.voice.realtime.commands import BeginInput, Command, CommitInput
from roomkit.voice.realtime.provider_events import (
    InputCommitted,
    ProviderEvent,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    Transcript,
    TranscriptFailed,
)
from roomkit.voice.session.events import SessionEvents
from roomkit.voice.session.lane import Lane

POLL_S: Final = 0.02
"""A frame: how often a switch that is due looks for its moment."""


class BetweenTurns:
    """Knows whether one session is between turns.

    Attributes:
        caller_is_speaking: The vendor hears the caller, and has not heard them stop.
        is_in_turn: The caller holds the push-to-talk key.
    """

    def __init__(self, events: SessionEvents, lane: Lane, clock: Clock) -> None:
        self._events = events
        self._lane = lane
        self._clock = clock
        self.caller_is_speaking = False
        self.is_in_turn = False
        self._unsettled = events.media.input.unsettled
        self._heard_to = 0
        self._heard_at_ms = 0.0

    def take_turn(self, command: Command) -> None:
        """What the session tells the link: turns by hand among it."""
        match command:
            case BeginInput():
                self.is_in_turn = True
                self._unsettled.turn_began()
            case CommitInput():
                self.is_in_turn = False
                self._unsettled.turn_ended()
            case _:
                pass

    def note(self, event: ProviderEvent, *, is_asked: bool) -> None:
        """What the current link says. ``is_asked``: an answer, or something to say, is owed to us."""
        match event:
            case SpeechStarted():
                self.caller_is_speaking = True
                self._unsettled.speech_began()
            case SpeechStopped(is_utterance=False):
                self.caller_is_speaking = False
                self._unsettled.was_noise()
            case SpeechStopped(item_id) | InputCommitted(item_id):
                self.caller_is_speaking = False
                self._unsettled.speech_ended(item_id)
            case Transcript("user", is_final=True, item_id=item_id) | TranscriptFailed(item_id):
                self._unsettled.words_known(item_id)
            case ResponseStarted():
                self._unsettled.answer_began(was_asked=is_asked)
            case ResponseDone(status=status):
                self._unsettled.answer_ended(is_settled=status == "completed")
            case _:
                pass

    def link_replaced(self) -> None:
        """Another link hears them from now on; what the old one heard to its end is not for the new one's successor."""
        self._unsettled.link_replaced(goes_on=self.caller_is_speaking or self.is_in_turn or self._seems_to_speak)
        self.caller_is_speaking = False

    def link_lost(self) -> bool:
        """Who heard them is gone: the next link hears anew what has not become words or an answer.

        Returns whether it was an utterance for whoever is gone.
        """
        self.caller_is_speaking = False
        self._unsettled.answer_ended(is_settled=self._events.voice.is_speaking)
        if was_noticed := self._events.media.input.recall():
            self._events.owes_answer = False  # the next link will answer what it hears, unasked
        return was_noticed

    def is_now(self, *, is_handover: bool) -> bool:
        """Whether nobody speaks and every word so far has found its place.

        Args:
            is_handover: To another agent: it gives the answer that is owed, and open tool calls are the old one's.
                Otherwise the agent stays: what is owed is waited for, what tools return is told to the new link.
        """
        events = self._events
        return not (
            events.media.is_busy
            or self.caller_is_speaking
            or self.is_in_turn
            or self._seems_to_speak
            or events.conversation.awaits_words
            or not self._lane.is_idle
            or (events.tools.is_busy if is_handover else events.owes_answer)
        )

    @property
    def _seems_to_speak(self) -> bool:
        """Whether our own ear hears somebody, and goes on hearing them."""
        if not self._unsettled.is_hearing:
            return False
        now_ms = self._clock.now_ms()
        if self._unsettled.position != self._heard_to:
            self._heard_to, self._heard_at_ms = self._unsettled.position, now_ms
        return now_ms - self._heard_at_ms < self._unsettled.patience_ms  # some clients send no silence
