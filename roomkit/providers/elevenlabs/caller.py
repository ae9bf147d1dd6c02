"""The caller's turns: the vendor sends words and a voice score, and never says that speech began or ended. Pure.

Speech begins with the first tentative words, or with a voice score of `VOICE_ON` where the agent is set to send scores.
It ends with the final transcript. A score that falls below `VOICE_OFF` before any words came was noise. Invariant:
every `SpeechStarted` is followed by one `SpeechStopped` of the same item.
"""

from __future__ import annotations

from typing import Final

from roomkit.voice.realtime.provider_events import (
    InputCommitted,
    ProviderEvent,
    SpeechStarted,
    SpeechStopped,
    Transcript,
)

VOICE_ON: Final = 0.7
VOICE_OFF: Final = 0.3
"""Two thresholds, so that a score that trembles around one of them does not make a turn of every tremble."""


class CallerTurns:
    """The caller's turns of one conversation.

    Attributes:
        prefix: Starts every id, as in `Answers`.
    """

    def __init__(self) -> None:
        self.prefix = ""
        self._count = 1
        self._is_speaking = False
        self._has_words = False

    def voice(self, score: float) -> list[ProviderEvent]:
        """How sure the vendor is that this is a voice, 0 to 1."""
        if score >= VOICE_ON:
            return self._begin()
        if score <= VOICE_OFF and self._is_speaking and not self._has_words:
            noise = SpeechStopped(self._item_id, is_utterance=False)
            self._next()
            return [noise]
        return []

    def may_be_saying(self, text: str) -> list[ProviderEvent]:
        """Tentative words of the turn so far."""
        if not text:
            return []
        events = self._begin()
        self._has_words = True
        return [*events, Transcript("user", text, is_final=False, item_id=self._item_id)]

    def said(self, text: str) -> list[ProviderEvent]:
        """The turn is over, these are its words."""
        item_id = self._item_id
        events: list[ProviderEvent] = [
            *self._begin(),
            SpeechStopped(item_id),
            InputCommitted(item_id),
            Transcript("user", text, is_final=True, item_id=item_id),
        ]
        self._next()
        return events

    @property
    def _item_id(self) -> str:
        return f"{self.prefix}caller-{self._count}"

    def _begin(self) -> list[ProviderEvent]:
        if self._is_speaking:
            return []
        self._is_speaking = True
        return [SpeechStarted(self._item_id)]

    def _next(self) -> None:
        self._count += 1
        self._is_speaking = self._has_words = False
