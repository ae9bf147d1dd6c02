"""Gemini's two audio messages, built and cut out as bytes: they are 98 % of the wire, and JSON is most of their cost.

`audio_message` builds ``realtimeInput.audio``; `ChunkReader` reads ``serverContent.modelTurn`` with one piece of audio
in it, indented as the service writes it or compact. Whatever looks different is ``None`` here and goes through JSON:
slower, same meaning.
"""

from __future__ import annotations

import re
from typing import Any, Final

from roomkit.errors import WireError
from roomkit.providers.gemini.setup import INPUT_RATE_HZ, OUTPUT_RATE_HZ
from roomkit.providers.shared.coding import decode_base64_bytes, encode_base64

AUDIO_TYPE: Final = "audio/pcm"

_MESSAGE_HEAD: Final = '{"realtimeInput":{"audio":{"mimeType":"' + f"{AUDIO_TYPE};rate={INPUT_RATE_HZ}" + '","data":"'
_MESSAGE_TAIL: Final = '"}}}'
_MAX_HEAD_BYTES: Final = 512
"""Indented it is about 190; where the audio has not begun by then, this is some other shape."""


def audio_message(pcm: bytes) -> str:
    """The message that carries a piece of the caller's voice (PCM16 LE mono, 16 kHz)."""
    return _MESSAGE_HEAD + encode_base64(pcm) + _MESSAGE_TAIL


def _json_pattern(pattern: bytes) -> re.Pattern[bytes]:
    r"""A pattern in which ``\s`` is what JSON allows between its tokens (RFC 8259 section 2), which is less."""
    return re.compile(pattern.replace(rb"\s", rb"[\x20\t\r\n]"))


_HEAD: Final = _json_pattern(
    rb'\s*\{\s*"serverContent"\s*:\s*\{\s*"modelTurn"\s*:\s*\{\s*"parts"\s*:\s*\[\s*\{\s*"inlineData"\s*:\s*\{'
    rb'\s*"mimeType"\s*:\s*"audio/pcm(?:;rate=24000)?"\s*,\s*"data"\s*:\s*"'
)
_TAIL: Final = _json_pattern(rb'"\s*\}\s*\}\s*\]\s*\}\s*\}\s*\}\s*')


class ChunkReader:
    """Reads messages of one audio part, remembering how the last one looked around its audio."""

    def __init__(self) -> None:
        self._head = b"nothing read yet"
        self._tail = b""
        self._start = 0
        self._end = 0

    def read(self, message: bytes) -> bytes | None:
        """The PCM in ``message``; ``None``: it is something else, or of another shape."""
        is_alike = message.startswith(self._head) and message.endswith(self._tail)
        is_whole = len(message) + self._end >= self._start  # cut short, one quote could be the end of both
        if not (is_alike and is_whole) and not self._learn(message):
            return None
        try:
            return decode_base64_bytes(message[self._start : self._end])
        except ValueError:  # an escape, or more parts between
            return None

    def _learn(self, message: bytes) -> bool:
        head = _HEAD.match(message, 0, _MAX_HEAD_BYTES)
        end = message.rfind(b'"')
        if head is None or end < head.end() or _TAIL.fullmatch(message, end) is None:
            return False
        self._head, self._tail = message[: head.end()], message[end:]
        self._start, self._end = head.end(), end - len(message)
        return True


def audio_of(inline: dict[str, Any]) -> bytes:
    """The PCM in an ``inlineData`` that was parsed as JSON; empty where it is no audio.

    Raises:
        WireError: Its audio is no base64, or at a rate that is not Gemini's.
    """
    kind, data = inline.get("mimeType"), inline.get("data")
    if not isinstance(kind, str) or not isinstance(data, str) or not kind.startswith(AUDIO_TYPE):
        return b""
    rate = kind.partition("rate=")[2]
    if rate and rate != str(OUTPUT_RATE_HZ):
        raise WireError("a piece of audio is not at 24 kHz", code="wrong_rate")
    try:
        return decode_base64_bytes(data.replace("-", "+").replace("_", "/").encode("ascii", "replace"))
    except ValueError as error:
        raise WireError("a piece of audio is not base64", code="not_base64") from error
