"""The caller's audio on its way in, and the marks around it. Pure.

With the service's own detection audio simply flows, and a pause is told. With manual turns only what lies between
``activityStart`` and ``activityEnd`` is heard: audio outside of a turn waits here, so that a turn that is committed
without having been begun is heard too.
"""

from __future__ import annotations

from typing import Final

from roomkit.providers.gemini.audio import audio_message
from roomkit.providers.gemini.setup import INPUT_RATE_HZ
from roomkit.voice.realtime.commands import BeginInput, CommitInput, InputPaused, SendAudio

_ACTIVITY_START: Final = '{"realtimeInput":{"activityStart":{}}}'
_ACTIVITY_END: Final = '{"realtimeInput":{"activityEnd":{}}}'
_STREAM_END: Final = '{"realtimeInput":{"audioStreamEnd":true}}'

_MAX_WAITING_BYTES: Final = 60_000 * INPUT_RATE_HZ * 2 // 1000
"""A minute: longer than anybody speaks before committing, and bounded where nobody ever commits."""


class CallerInput:
    """What the service was told of the caller's audio.

    Attributes:
        is_manual: Turns are the application's.
    """

    def __init__(self) -> None:
        self.is_manual = False
        self._is_flowing = False
        self._is_in_turn = False
        self._waiting = bytearray()

    def encode(self, command: SendAudio | InputPaused | BeginInput | CommitInput) -> list[str]:
        """The messages for what the caller does."""
        match command:
            case SendAudio(pcm):
                return self.append(pcm)
            case InputPaused():
                return self._pause()
            case BeginInput():
                return self._begin()
            case CommitInput():
                return self._commit()

    def append(self, pcm: bytes) -> list[str]:
        """The messages with the next piece of audio (PCM16 LE mono, 16 kHz)."""
        if self.is_manual and not self._is_in_turn:
            self._waiting += pcm
            del self._waiting[: max(0, len(self._waiting) - _MAX_WAITING_BYTES)]
            return []
        self._is_flowing = True
        return [audio_message(pcm)]

    def _pause(self) -> list[str]:
        """No audio will come for a while: the service is to make do with what it has."""
        if self.is_manual or not self._is_flowing:
            return []
        self._is_flowing = False
        return [_STREAM_END]

    def _begin(self) -> list[str]:
        """The caller's manual turn begins; what was said before does not count."""
        self._waiting.clear()
        if not self.is_manual or self._is_in_turn:
            return []
        self._is_in_turn = True
        return [_ACTIVITY_START]

    def _commit(self) -> list[str]:
        """The caller's manual turn is over; none where nothing was said."""
        if not self.is_manual:
            return []
        if self._is_in_turn:
            self._is_in_turn = False
            return [_ACTIVITY_END]
        if not self._waiting:
            return []
        waiting = bytes(self._waiting)
        self._waiting.clear()
        return [_ACTIVITY_START, audio_message(waiting), _ACTIVITY_END]
