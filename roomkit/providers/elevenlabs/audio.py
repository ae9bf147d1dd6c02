"""ElevenLabs' two audio messages as text: they are nearly all of the wire, and JSON is most of their cost. Pure.

`chunk_message` builds ``user_audio_chunk``, the one message without a ``type``. `AudioReader` reads ``audio`` events:
the base64 is taken out before JSON sees the rest, and of events that differ from the last one only in audio and number,
JSON sees nothing. Whatever looks different is ``None`` here and goes through JSON whole: slower, same meaning.
"""

from __future__ import annotations

import re
from typing import Final

from pydantic_core import from_json

from roomkit.providers.elevenlabs.alignment import NO_CHARS, Timed, timed_chars
from roomkit.providers.shared.coding import decode_base64, encode_base64
from roomkit.providers.shared.objects import Json, object_of, text_of

_KEYS: Final = ('"audio_base_64":"', '"audio_base_64": "')
"""As written with and without blanks. Inside a JSON string the quotes would be escaped: this is always the key."""

_MAX_HEAD_CHARS: Final = 512
"""An alignment in front of the audio may be longer: then it is some other shape."""

_TAIL: Final = re.compile(r'(?P<before>"[^{}\[\]]{0,200}"event_id": ?)(?P<number>[0-9]{1,15})(?P<behind>[^\d]{1,200})')

NO_ID: Final = -1


Chunk = tuple[bytes, int, Timed]
"""One ``audio`` event: audio in the format the agent is set to, the event's number, its characters."""


def chunk_message(audio: bytes) -> str:
    """The message that carries a piece of the caller's voice, in the format the agent is set to."""
    return '{"user_audio_chunk":"' + encode_base64(audio) + '"}'


def id_of(body: Json) -> int:
    """An event's number, or `NO_ID`: an integer, though some servers write it as text."""
    value = body.get("event_id")
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 15:
        return int(value)
    return value if type(value) is int and 0 <= value < 10**15 else NO_ID


def chunk_of(body: Json) -> Chunk:
    """The chunk in an ``audio_event`` that was parsed as JSON.

    Raises:
        ValueError: Its audio is no base64.
    """
    return decode_base64(text_of(body, "audio_base_64")), id_of(body), timed_chars(object_of(body, "alignment"))


class AudioReader:
    """Reads audio events, remembering the shape of the last one without an alignment."""

    def __init__(self) -> None:
        self._head = self._before = self._behind = "nothing read yet"
        self._audio_from = self._tail_chars = 0
        self._number_from = self._number_end = -1
        self._number = ""
        self._event_id = NO_ID

    def read(self, message: str) -> Chunk | None:
        """The chunk in ``message``; ``None``: it is something else, or of another shape."""
        end = len(message) - self._tail_chars
        try:
            if message.startswith(self._head) and message.startswith(self._before, end) and self._takes_number(message):
                return decode_base64(message[self._audio_from : end]), self._event_id, NO_CHARS
            return self._learn(message)
        except ValueError:  # an escape in the audio, or JSON that only looked like it
            return None

    def _takes_number(self, message: str) -> bool:
        """Whether what is behind the audio is as it was but for the number, which is remembered."""
        number = message[self._number_from : self._number_end]
        if number != self._number:
            if not (number.isdecimal() and number.isascii() and number[0] != "0"):
                return False
            self._number, self._event_id = number, int(number)
        return message.endswith(self._behind)

    def _learn(self, message: str) -> Chunk | None:
        for key in _KEYS:
            if (key_at := message.find(key, 0, _MAX_HEAD_CHARS)) >= 0:
                break
        else:
            return None
        begin = key_at + len(key)
        end = message.find('"', begin)
        rest = from_json(message[:begin] + message[end:]) if end > begin else None
        if not isinstance(rest, dict) or rest.get("type") != "audio":
            return None
        body = object_of(rest, "audio_event")
        if body.get("audio_base_64") != "":
            return None
        event_id = id_of(body)
        usual = None if body.get("alignment") else _TAIL.fullmatch(message, end)
        if usual is not None and usual["number"] == str(event_id):  # not one of two numbers
            self._head, self._before, self._behind = message[:begin], usual["before"], usual["behind"]
            self._audio_from, self._tail_chars = begin, len(message) - end
            self._number_from, self._number_end = (at - len(message) for at in usual.span("number"))
            self._number, self._event_id = usual["number"], event_id
        return decode_base64(message[begin:end]), event_id, timed_chars(object_of(body, "alignment"))
