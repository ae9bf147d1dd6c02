"""What travels between our WebSocket clients and us, as values: decode and encode, no socket, no clock, no state.

`docs/websocket-protocol.md` is the table of messages. Invariant: whatever a client sends, decoding returns a value or
raises `BadMessageError` with a sentence the client's author can act on; it never raises anything else.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from roomkit.voice.backends.base import (
    ClientCapabilities,
    ClientDigit,
    ClientEvent,
    ClientGoodbye,
    ClientInterrupt,
    ClientMuted,
    ClientPlayback,
    ClientText,
    ClientTurn,
)

AudioWireFormat = Literal["base64_json", "binary"]
"""How audio travels: base64 inside JSON text messages, or bare PCM16 as binary messages."""

MAX_TEXT_CHARS = 16_384
"""A typed message is a few sentences; longer ones belong in a document, not in a conversation turn."""

_AUDIO_HEAD, _AUDIO_TAIL = '{"type":"audio","data":"', '"}'
_AUDIO_HEAD_SPACED = '{"type": "audio", "data": "'  # as Python's json.dumps writes it; browsers write the other
_DIGITS = frozenset("0123456789*#ABCD")

try:
    from pybase64 import b64decode as _b64decode
    from pybase64 import b64encode_as_string as _b64encode
except ImportError:
    from base64 import b64decode as _b64decode  # type: ignore[assignment]  # the same call, without the SIMD

    def _b64encode(pcm: bytes) -> str:  # type: ignore[misc]  # as above
        return base64.b64encode(pcm).decode("ascii")


class BadMessageError(Exception):
    """A client message that cannot be taken.

    Attributes:
        code: For programs (``"bad_json"``, ``"unknown_type"``, ``"bad_field"`` ...).
        detail: For the client's author; holds none of what was sent but a type's name.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class ClientPing:
    """The client asks for a pong."""


def decode_text(message: str) -> bytes | ClientEvent | ClientPing:
    """What a text message means: ``bytes`` is caller audio, PCM16 LE mono.

    Raises:
        BadMessageError: It is nothing we know.
    """
    if message.endswith(_AUDIO_TAIL):
        for head in (_AUDIO_HEAD, _AUDIO_HEAD_SPACED):
            if message.startswith(head):
                try:
                    return _b64decode(message[len(head) : -2], validate=True)
                except ValueError:
                    break  # an escape or one more field: let the parser look
    return _decode_object(_parse(message))


def encode_audio(pcm: bytes) -> str:
    """Agent audio as a text message."""
    return f"{_AUDIO_HEAD}{_b64encode(pcm)}{_AUDIO_TAIL}"


def encode(message: Mapping[str, Any]) -> str:
    """Any other server message."""
    return json.dumps(message, separators=(",", ":"))


def encode_error(code: str, detail: str) -> str:
    """An ``error`` message."""
    return encode({"type": "error", "code": code, "message": detail})


def _parse(message: str) -> dict[str, Any]:
    if not message:
        raise BadMessageError("empty", "an empty message: send a JSON object with a 'type'")
    try:
        parsed = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise BadMessageError("bad_json", "not JSON: send a JSON object with a 'type'") from error
    if not isinstance(parsed, dict):
        raise BadMessageError("bad_json", f"a JSON {_json_name(parsed)}: send a JSON object with a 'type'")
    return parsed


def _decode_object(fields: dict[str, Any]) -> bytes | ClientEvent | ClientPing:
    kind = fields.get("type")
    if not isinstance(kind, str):
        raise BadMessageError("bad_field", f"'type' must be a string, not {_json_name(kind)}")
    decode = _DECODERS.get(kind)
    if decode is None:
        raise BadMessageError("unknown_type", f"unknown type {kind[:40]!r}: known are {', '.join(_DECODERS)}")
    return decode(fields)


def _audio(fields: dict[str, Any]) -> bytes:
    try:
        return _b64decode(_string(fields, "data"), validate=True)
    except (ValueError, binascii.Error) as error:
        raise BadMessageError("bad_audio", "'data' must be base64 of PCM16 samples") from error


def _text(fields: dict[str, Any]) -> ClientText:
    text = _string(fields, "text")
    if len(text) > MAX_TEXT_CHARS:
        raise BadMessageError("text_too_long", f"'text' has {len(text)} characters: at most {MAX_TEXT_CHARS}")
    # Neither can be stored (PostgreSQL has no NUL, UTF-8 no lone surrogate), so neither may enter a room.
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise BadMessageError("bad_field", "'text' must not hold null bytes or lone surrogates")
    return ClientText(text)


def _playback(fields: dict[str, Any]) -> ClientPlayback:
    epoch = fields.get("epoch", 0)
    if not isinstance(epoch, int) or isinstance(epoch, bool) or epoch < 0:
        raise BadMessageError("bad_field", "'epoch' must be a whole number, 0 or more")
    return ClientPlayback(_milliseconds(fields, "played_ms"), epoch)


def _capabilities(fields: dict[str, Any]) -> ClientCapabilities:
    given = {name: _boolean(fields, name) for name in ("microphone", "speaker") if name in fields}
    if not given:
        raise BadMessageError("bad_field", "'capabilities' must say 'microphone' or 'speaker', true or false")
    return ClientCapabilities(**given)


def _digit(fields: dict[str, Any]) -> ClientDigit:
    digit = _string(fields, "digit")
    if digit not in _DIGITS:
        raise BadMessageError("bad_field", "'digit' must be one of 0-9, *, #, A-D")
    return ClientDigit(digit)


_DECODERS: dict[str, Callable[[dict[str, Any]], bytes | ClientEvent | ClientPing]] = {
    "audio": _audio,
    "text": _text,
    "playback": _playback,
    "mute": lambda fields: ClientMuted(_boolean(fields, "muted")),
    "capabilities": _capabilities,
    "interrupt": lambda _: ClientInterrupt(),
    "turn": lambda fields: ClientTurn(_boolean(fields, "begins")),
    "dtmf": _digit,
    "end": lambda _: ClientGoodbye(),
    "ping": lambda _: ClientPing(),
}


def _string(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise BadMessageError("bad_field", f"{name!r} must be a string, not {_json_name(value)}")
    return value


def _boolean(fields: dict[str, Any], name: str) -> bool:
    value = fields.get(name)
    if not isinstance(value, bool):
        raise BadMessageError("bad_field", f"{name!r} must be true or false, not {_json_name(value)}")
    return value


def _milliseconds(fields: dict[str, Any], name: str) -> float:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadMessageError("bad_field", f"{name!r} must be a number, not {_json_name(value)}")
    # The bound (11 days) also keeps an integer of a thousand digits from overflowing a float.
    if not 0 <= value <= 1e9 or not math.isfinite(value):
        raise BadMessageError("bad_field", f"{name!r} must be 0 or more milliseconds, within reason")
    return float(value)


def _json_name(value: object) -> str:
    """What JSON calls the type of a parsed value."""
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
    return names.get(type(value), "null")
