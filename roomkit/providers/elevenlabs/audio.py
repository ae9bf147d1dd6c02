"""ElevenLabs' two audio messages as text: they are nearly all of the wire, and JSON is most of their cost. Pure.

`chunk_message` builds ``user_audio_chunk``, the one message without a ``type``. `AudioReader` reads ``audio`` events:
the base64 is taken out before JSON sees the rest, and of events that differ from the last one only in audio and number,
JSON sees nothing. Whatever looks different is ``None`` here and goes through JSON whole: slower, same meaning.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from pydantic_core import from_json

from roomkit.providers.elevenlabs.alignment import Timed, timed_chars
from roomkit.providers.shared.coding import decode_base64, encode_base64
from roomkit.providers.shared.objects import Json, object_of, text_of

_KEYS: Final = ('"audio_base_64":"', '"audio_base_64": "')
"""As written with and without blanks. Inside a JSON string the quotes would be escaped: this is always the key."""

_TAKEN_OUT: Final = "#"
"""Stands for the audio in what JSON sees, or audio of another object, or a second of this one, would count as it."""

_MAX_HEAD_CHARS: Final = 512
"""An alignment in front of the audio may be longer: then it is some other shape."""

_TAIL: Final = re.compile(r'(?P<before>"[^{}\[\]]{0,200}"event_id": ?)(?P<number>[0-9]{1,15})(?P<behind>[^\d]{1,200})')

NO_ID: Final = -1


Chunk = tuple[bytes, int, Timed]
"""One ``audio`` event: audio as PCM16 (as base64 has it: it may end inside a sample), number, characters."""


def chunk_message(audio: bytes) -> str:
    """The message that carries a piece of the caller's voice, in the format the agent is set to."""
    return '{"user_audio_chunk":"' + encode_base64(audio) + '"}'


def id_of(body: Json) -> int:
    """An event's number, or `NO_ID`: an integer, though some servers write it as text."""
    value = body.get("event_id")
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 15:
        return int(value)
    return value if type(value) is int and 0 <= value < 10**15 else NO_ID


class AudioReader:
    """Reads audio events, remembering the shape of the last one without characters.

    Args:
        decode: Makes PCM16 of the base64; raises `ValueError` on what is none.
    """

    def __init__(self, decode: Callable[[str], bytes] = decode_base64) -> None:
        self._decode = decode
        self._taken_back = NO_ID
        self.forget()

    def forget(self) -> None:
        """Take the next chunk for the first one."""
        self._head = self._before = self._behind = "nothing read yet"
        self._audio_at = self._number_at = slice(0)
        self._lowest = ""

    def interrupted(self, event_id: int) -> None:
        """Chunks up to this number are none of those that `more` reads."""
        self._taken_back = max(self._taken_back, event_id)
        self.forget()

    def more(self, message: str) -> bytes | None:
        """The audio of a chunk that is written as the last one was; ``None``: it is something else.

        Its number was not taken back by an interruption; read it with `number_of` where it matters.
        """
        audio, number = message[self._audio_at], message[self._number_at]
        if message != f"{self._head}{audio}{self._before}{number}{self._behind}":
            return None
        if not (number >= self._lowest and number.isascii() and number.isdigit()):  # equally long: compared as numbers
            return None
        try:
            return self._decode(audio)
        except ValueError:  # an escape, which JSON knows to read
            return None

    def number_of(self, message: str) -> int:
        """The number of a chunk that `more` has read."""
        return int(message[self._number_at])

    def read(self, message: str) -> Chunk | None:
        """The chunk in ``message``, whose shape is new; ``None``: it is something else, or of no shape for this."""
        for key in _KEYS:
            if (key_at := message.find(key, 0, _MAX_HEAD_CHARS)) >= 0:
                break
        else:
            return None
        begin = key_at + len(key)
        end = message.find('"', begin)
        try:
            return self._without_audio(message, begin, end) if end > begin else None
        except (ValueError, TypeError):  # an escape in the audio, JSON that only looked like it, half a surrogate pair
            return None

    def parsed(self, body: Json) -> Chunk:
        """The chunk in an ``audio_event`` that JSON has read.

        Raises:
            ValueError: Its audio is no base64.
        """
        return self._decode(text_of(body, "audio_base_64")), id_of(body), timed_chars(object_of(body, "alignment"))

    def _without_audio(self, message: str, begin: int, end: int) -> Chunk | None:
        """A chunk of any shape, which is learned if it has no characters: JSON sees all but the audio."""
        rest = from_json(f"{message[:begin]}{_TAKEN_OUT}{message[end:]}")
        if not isinstance(rest, dict) or rest.get("type") != "audio":
            return None
        body = object_of(rest, "audio_event")
        if body.get("audio_base_64") != _TAKEN_OUT:
            return None
        event_id, chars = id_of(body), timed_chars(object_of(body, "alignment"))
        usual = None if chars[0] else _TAIL.fullmatch(message, end)
        if usual is not None and usual["number"] == str(event_id) and event_id > self._taken_back:
            self._learn(message, begin, usual)
        return self._decode(message[begin:end]), event_id, chars

    def _learn(self, message: str, begin: int, usual: re.Match[str]) -> None:
        size, (number_from, number_end) = len(message), usual.span("number")
        self._head, self._before, self._behind = message[:begin], usual["before"], usual["behind"]
        self._audio_at = slice(begin, usual.start() - size)
        self._number_at = slice(number_from - size, number_end - size)
        digits = number_end - number_from
        self._lowest = str(max(self._taken_back + 1, 10 ** (digits - 1)))  # a zero in front is no JSON
