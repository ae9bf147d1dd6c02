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
    (?:,\x20?"(?:output|content)_index":\x20?\d{1,4})*,\x20?"delta":\x20?")""",
    re.VERBOSE,
)

_TAIL: Final = re.compile(
    r"""(?P<before>"(?:,\x20?"(?!(?:type|response_id|item_id|delta)")[a-z_]++":\x20?
    (?:"[^"\\\x00-\x1f]*+"|(?:0|[1-9][0-9]{0,18})(?:\.[0-9]{1,18})?|null|true|false))*?)
    (?P<clock>,\x20?"ts":\x20?)(?:0|[1-9][0-9]{0,18})(?P<after>(?:,\x20?"previous_item_id":\x20?null)?\})""",
    re.VERBOSE,
)
"""What xAI writes behind the audio: plain values, no key that is read here, and a clock that differs each time."""


class DeltaReader:
    """Reads audio deltas of the usual shape, remembering the last: within an item little but the audio changes."""

    def __init__(self) -> None:
        self._head = "nothing read yet"
        self._path = ""
        self._path_start = 0
        self._audio_start = 0
        self._response_id = ""
        self._item_id = ""
        self._before_clock = "nothing read yet"
        self._after_clock = ""
        self._tail_chars = 0

    def read(self, message: str) -> Audio | None:
        """The audio in ``message``; ``None``: it is something else, or of another shape."""
        is_like_the_last = message.startswith(self._path, self._path_start) and message.startswith(self._head)
        if not (is_like_the_last or self._learn(message)):
            return None
        end = -2
        if message[-2:] != '"}':
            end = len(message) - self._tail_chars
            clock = message[end + len(self._before_clock) : -len(self._after_clock)]
            has_usual_tail = message.startswith(self._before_clock, end) and message.endswith(self._after_clock)
            if not (has_usual_tail and clock.isdigit()) and (end := self._learn_tail(message)) < 0:
                return None
        try:
            pcm = decode_base64(message[self._audio_start : end])
        except ValueError:  # an escape, or a key of OpenAI's behind the audio
            return None
        return tuple_of(Audio, (pcm, self._response_id, self._item_id))

    def _learn_tail(self, message: str) -> int:
        """Where the audio ends; -1 where what follows is not the usual."""
        end = message.find('"', self._audio_start)
        tail = _TAIL.fullmatch(message, end) if end > 0 else None
        if tail is None:
            return -1
        self._before_clock, self._after_clock = tail["before"] + tail["clock"], tail["after"]
        self._tail_chars = len(message) - end
        return end

    def _learn(self, message: str) -> bool:
        usual = _USUAL.match(message, 0, _MAX_HEAD_CHARS)
        if usual is None:
            return False
        self._head, self._path = usual["head"], usual["path"]
        self._path_start, self._audio_start = usual.span("path")
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
