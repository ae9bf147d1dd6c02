"""The caller's side of one socket: audio on its way in, and when it becomes a turn. Pure."""

from __future__ import annotations

from typing import Final

from roomkit.providers.openai.audio import append_message
from roomkit.providers.openai.session import RATE_HZ
from roomkit.voice.realtime.profile import TurnPolicy

_MIN_COMMIT_MS: Final = 100
"""The service refuses to commit less than 100 ms (``input_audio_buffer_commit_empty``)."""

_VAD_MARGIN_MS: Final = 100
"""More silence than the window asks for: detection works in blocks of some tens of milliseconds."""


class CallerInput:
    """What the server has of the caller's audio and has not made a turn of.

    Args:
        rate_hz: Of the PCM16 that is sent.

    Attributes:
        rate_hz: As given; a dialect that negotiates the rate sets it before audio flows.
        turns: How turns go under the configuration now in force.
        holds_answers: A committed turn is answered only when that is asked for.
    """

    def __init__(self, rate_hz: int = RATE_HZ) -> None:
        self.rate_hz = rate_hz
        self.turns = TurnPolicy()
        self.holds_answers = False
        self._uncommitted_bytes = 0
        self._is_hearing_speech = False

    def append(self, pcm: bytes) -> str:
        """The message with the next piece of audio."""
        self._uncommitted_bytes += len(pcm)
        return append_message(pcm)

    def pause(self) -> str | None:
        """The silence that ends an open utterance; ``None`` when none is open, or turns are manual."""
        if not self._is_hearing_speech or self.turns.manual:
            return None
        self._is_hearing_speech = False
        return append_message(bytes((self.turns.silence_ms + _VAD_MARGIN_MS) * self.rate_hz // 1000 * 2))

    def can_commit(self) -> bool:
        """Whether enough was sent since the last turn for the server to take a commit."""
        return self._uncommitted_bytes >= _MIN_COMMIT_MS * self.rate_hz // 1000 * 2

    def speech_started(self) -> None:
        """The server hears the caller speak."""
        self._is_hearing_speech = True

    def speech_stopped(self) -> None:
        """The server heard the caller stop."""
        self._is_hearing_speech = False

    def emptied(self) -> None:
        """What was sent became a turn, or was cleared."""
        self._uncommitted_bytes = 0
