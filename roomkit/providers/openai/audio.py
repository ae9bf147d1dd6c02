"""OpenAI's two audio messages, built and scanned as text: they are 98 % of the wire, and JSON is most of their cost.

`append_message` builds ``input_audio_buffer.append``; `DeltaReader` reads ``response.output_audio.delta`` in the
shape the services write it (type first, then the ids, no escapes; with or without blanks after colons). Whatever looks
different is ``None`` here and goes through JSON: slower, same meaning. Other dialects of this protocol use both.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from typing import Final

from roomkit._extras import installed
from roomkit.errors import WireError
from roomkit.providers.shared.objects import Json, text_of
from roomkit.voice.realtime.provider_events import Audio, tuple_of

AUDIO_DELTA_TYPES: Final = ("response.output_audio.delta", "response.audio.delta")
"""Today's name, then the one of the beta that compatible servers still speak."""

_MAX_HEAD_CHARS: Final = 512
"""Ids are about 30 characters; where the audio has not begun by then, this is some other shape."""


def _codec() -> tuple[Callable[[bytes], str], Callable[[str], bytes]]:
    """Base64 both ways, strict: pybase64 (SIMD, 5 times faster) where it is installed."""
    if installed("pybase64"):
        import pybase64

        # by position: keywords make this call twice as slow; the third is `validate`
        decode = pybase64.b64decode
        return pybase64.b64encode_as_string, lambda text: decode(text, None, True)
    return (
        lambda data: binascii.b2a_base64(data, newline=False).decode("ascii"),
        lambda text: binascii.a2b_base64(text, strict_mode=True),
    )


encode_base64, decode_base64 = _codec()
"""``bytes -> str`` and ``str -> bytes``; the second raises `ValueError` on anything that is not base64."""


def append_message(pcm: bytes) -> str:
    """The message that carries a piece of the caller's voice (PCM16 LE mono, 24 kHz)."""
    return '{"type":"input_audio_buffer.append","audio":"' + encode_base64(pcm) + '"}'


_USUAL: Final = re.compile(
    r"""(?P<head>\{"type":\x20?"response\.(?:output_)?audio\.delta",\x20?"event_id":\x20?")[^"\\]*
    (?P<path>",\x20?"response_id":\x20?"(?P<response_id>[^"\\]+)",\x20?"item_id":\x20?"(?P<item_id>[^"\\]+)"
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


class SampleAligner:
    """Keeps PCM16 whole where a server cuts inside a sample: the odd byte waits for the item's next piece.

    Attributes:
        has_rest: A byte is waiting, so the next piece must pass through `aligned` even if it is even.
    """

    def __init__(self) -> None:
        self.has_rest = False
        self._item_id = ""
        self._rest = b""

    def aligned(self, audio: Audio) -> Audio:
        """``audio`` with what was left over before it, without what is left over now."""
        pcm = self._rest + audio.pcm if audio.item_id == self._item_id else audio.pcm
        whole_bytes = len(pcm) & ~1
        self._item_id, self._rest = audio.item_id, pcm[whole_bytes:]
        self.has_rest = bool(self._rest)
        return Audio(pcm[:whole_bytes], audio.response_id, audio.item_id)
