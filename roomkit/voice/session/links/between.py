"""The moment between turns, at which a call may go on with another link and nobody notices.

Not in here: why it should (`rollover`, `provider_side`).
"""

from __future__ import annotations

from typing import Final

from roomkit.voice.realtime.provider_events import (
    InputCommitted,
    ProviderEvent,
    ResponseDone,
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
    """

    def __init__(self, events: SessionEvents, lane: Lane) -> None:
        self._events = events
        self._lane = lane
        self.caller_is_speaking = False

    def note(self, event: ProviderEvent) -> None:
        """What the current link says."""
        match event:
            case SpeechStarted():
                self.caller_is_speaking = True
                self._events.media.input.begin_utterance()
            case SpeechStopped(is_utterance=is_utterance):
                self.caller_is_speaking = False
                if not is_utterance:
                    self._events.media.input.end_utterance()
            case InputCommitted():
                self.caller_is_speaking = False
            case Transcript("user", is_final=True) | TranscriptFailed() | ResponseDone(status="completed"):
                self._events.media.input.end_utterance()
            case _:
                pass

    def link_replaced(self) -> None:
        """Another link hears them from now on; what the old one heard to its end is not for the new one's successor."""
        if not self.caller_is_speaking:
            self._events.media.input.forget_utterance()
        self.caller_is_speaking = False

    def link_lost(self) -> None:
        """Who heard them is gone: the next link hears anew what has not become words or an answer."""
        is_answered = self._events.voice.is_speaking and not self.caller_is_speaking
        self.caller_is_speaking = False
        if is_answered:
            self._events.media.input.end_utterance()
        if self._events.media.input.recall():
            self._events.owes_answer = False  # the next link will answer what it hears, unasked

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
            or events.conversation.awaits_words
            or not self._lane.is_idle
            or (events.tools.is_busy if is_handover else events.owes_answer)
        )
