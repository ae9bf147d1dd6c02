"""OpenAI's two audio messages, built and scanned as text: they are 98 % of the wire, and JSON is most of their cost.

`append_message` builds ``input_audio_buffer.append``; `DeltaReader` reads ``response.output_audio.delta`` in the
shape the services write it (type first, then the ids, no escapes; with or without blanks after colons). Whatever looks
different is ``None`` here and goes through JSON: slower, same meaning. Other dialects of this protocol use both.
"""

from __future__ import annotations

import re
from typing import Final

from roomkit.errors import WireError
from roomkit.providers.shared.coding import decode_base64, encode_base64
from roomkit.providers.shared.objects import Json, text_of
from roomkit.providers.shared.samples import SampleAligner
from roomkit.voice.realtime.provider_events import Audio, tuple_of

AUDIO_DELTA_TYPES: Final = ("response.output_audio.delta", "response.audio.delta")
"""Today's name, then the one of the beta that compatible servers still speak."""

_MAX_HEAD_CHARS: Final = 512
"""Ids are about 30 characters; where the audio has not begun by then, this is some other shape."""


def append_message(pcm: bytes) -> str:
    """The message that carries a piece of the caller's voice (PCM16 LE mono, 24 kHz)."""
    return '{"type":"input_audio_buffer.append","audio":"' + encode_base64(pcm) + '"}'


_USUAL: Final = re.compile(
    r"""(?P<head>\{"type":\x20?"response\.(?:output_)?audio\.delta",\x20?"event_id":\x20?")[^"\\\x00-\x1f]*
    (?P<path>",\x20?"response_id":\x20?"(?P<response_id>[^"\\\x00-\x1f]+)",\x20?"item_id":\x20?"(?P<item_id>[^"\\\x00-\x1f]+)"
    (?:,\x20?"(?:output|content)_index":\x20?(?:0|[1-9][0-9]{0,3}))*,\x20?"delta":\x20?")""",
    re.VERBOSE,
)

_TAIL: Final = re.compile(
    r"""(?P<before>"(?:,\x20?"(?!(?:type|response_id|item_id|delta)")[a-z_]++":\x20?
    (?:"[^"\\\x00-\x1f]*+"|(?:0|[1-9][0-9]{0,18})(?:\.[0-9]{1,18})?|null|true|false))*?
    ,\x20?"ts":\x20?)(?P<clock>0|[1-9][0-9]{0,18})(?P<after>(?:,\x20?"previous_item_id":\x20?null)?\})""",
    re.VERBOSE,
)
"""What xAI writes behind the audio: plain values, no key that is read here, and a clock that differs each time."""


_PLAIN_TAIL: Final = '"}'


class DeltaReader:
    """Reads audio deltas as whole samples, remembering how the last was written: within an item little else changes.

    From one to the next those are the audio, the event's id and, with xAI, a clock.
    """

    def __init__(self) -> None:
        self._head = self._path = self._tail = self._end = "nothing read yet"
        self._event_id_at, self._audio_at = slice(0), slice(None)  # a message is not itself and more: nothing is alike
        self._clock_at: slice | None = None
        self._response_id = ""
        self._item_id = ""
        self._aligner = SampleAligner()

    def read(self, message: str) -> Audio | None:
        """The audio in ``message``; ``None``: it is something else, or of another shape."""
        event_id, audio, tail = message[self._event_id_at], message[self._audio_at], self._tail
        is_json = '"' not in event_id and "\\" not in event_id and event_id.isprintable()
        if self._clock_at is not None:
            clock = message[self._clock_at]
            is_json = is_json and clock.isdigit() and clock.isascii() and clock[0] != "0"
            tail = f"{tail}{clock}{self._end}"
        if not is_json or message != f"{self._head}{event_id}{self._path}{audio}{tail}":
            if not self._learn(message):
                return None
            audio = message[self._audio_at]
        try:
            pcm = decode_base64(audio)
        except ValueError:  # an escape, which JSON knows to read
            return None
        heard = tuple_of(Audio, (pcm, self._response_id, self._item_id))
        return self._aligner.aligned(heard) if self._aligner.has_rest or len(pcm) & 1 else heard

    def parsed(self, event: Json) -> Audio:
        """The audio in a delta that JSON has read.

        Raises:
            WireError: Its audio is no base64.
        """
        return self._aligner.aligned(audio_of(event))

    def _learn(self, message: str) -> bool:
        usual = _USUAL.match(message, 0, _MAX_HEAD_CHARS)
        end = message.find('"', usual.end()) if usual is not None else -1
        if usual is None or end < 0:
            return False
        size = len(message)
        if message.endswith(_PLAIN_TAIL, end) and end == size - len(_PLAIN_TAIL):
            self._tail, self._end, self._clock_at = _PLAIN_TAIL, "", None
        elif (tail := _TAIL.fullmatch(message, end)) is not None:
            self._tail, self._end = tail["before"], tail["after"]
            self._clock_at = slice(tail.start("clock") - size, tail.end("clock") - size)
        else:
            return False
        self._head, self._path = usual["head"], usual["path"]
        self._event_id_at = slice(usual.end("head"), usual.start("path"))
        self._audio_at = slice(usual.end(), end - size)
        self._response_id, self._item_id = usual["response_id"], usual["item_id"]
        return True


def audio_of(event: Json) -> Audio:
    """The audio in a delta that was parsed as JSON.

    Raises:
        WireError: Its audio is no base64.
    """
    try:
        pcm = decode_base64(text_of(event, "delta"))
    except ValueError as error:
        raise WireError("an audio delta is not base64", code="not_base64") from error
    return Audio(pcm, text_of(event, "response_id"), text_of(event, "item_id"))
