"""What a client's message is, before anything is done about it: JSON, a known event, well formed; audio out of base64.

Split from the session so that a message is read once, for the session and for the record alike.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from roomkit.testing.simulators.openai.conversation import Event, Refused
from roomkit.testing.simulators.openai.tables import CLIENT_EVENTS
from roomkit.testing.simulators.rules import Record, Refusal, check, unsupported

APPEND_LIMIT_BYTES: Final = 15 * 1024 * 1024
"""Of audio in one append; the vendor's limit."""

AUDIO_KEYS: Final = {"input_audio_buffer.append": "audio", "response.output_audio.delta": "delta"}

_PLAIN_APPEND: Final = {"type", "audio"}


@dataclass(frozen=True, slots=True)
class Reading:
    """A message as it was understood.

    Attributes:
        event: The JSON object; empty if it was none.
        refusal: Why it cannot be taken, if so.
    """

    event: Event
    refusal: Refusal | None = None

    @property
    def event_id(self) -> str | None:
        """What an error caused by it repeats."""
        event_id = self.event.get("event_id")
        return event_id if isinstance(event_id, str) else None


def read(message: str | bytes, events: Mapping[str, Record] = CLIENT_EVENTS) -> Reading:
    """Read one message of the client, by the rules of the ``events`` it may send; never raises."""
    if isinstance(message, bytes):
        return Reading({}, Refusal(None, "Binary messages are not supported: send JSON events as text messages."))
    try:
        event: Any = json.loads(message)
    except (ValueError, RecursionError):
        return Reading({}, Refusal("invalid_json", "The message is not valid JSON."))
    if not isinstance(event, dict):
        return Reading({}, Refusal("invalid_type", "An event is a JSON object."))
    return Reading(event, _refusal(event, events))


def decode_audio(audio: str, audio_type: str) -> bytes:
    """The bytes of an append.

    Raises:
        Refused: Not base64, too much, or half a sample.
    """
    try:
        pcm = base64.b64decode(audio, validate=True)
    except (binascii.Error, ValueError):
        text = "Invalid 'audio'. Expected base64-encoded audio bytes but got an invalid value."
        raise Refused("invalid_value", text, "audio") from None
    if len(pcm) > APPEND_LIMIT_BYTES:
        text = f"Invalid 'audio': {len(pcm)} bytes in one event, at most {APPEND_LIMIT_BYTES} are accepted."
        raise Refused("string_above_max_length", text, "audio")
    if audio_type == "audio/pcm" and len(pcm) % 2:
        raise Refused("invalid_value", "Invalid 'audio': half a sample; PCM16 has two bytes each.", "audio")
    return pcm


def audio_bytes(event: Mapping[str, Any]) -> int | None:
    """How much audio an event of either side carries; `None` if it is not about audio, or unreadable."""
    coded = event.get(AUDIO_KEYS.get(str(event.get("type")), ""))
    return len(coded) * 3 // 4 - coded[-2:].count("=") if isinstance(coded, str) else None


def _refusal(event: Event, events: Mapping[str, Record]) -> Refusal | None:
    type_ = event.get("type")
    if type_ == "input_audio_buffer.append" and event.keys() == _PLAIN_APPEND and isinstance(event["audio"], str):
        return None  # fifty a second: no need to walk the tables
    if type_ is None:
        return Refusal("missing_required_parameter", "Missing required parameter: 'type'.", "type")
    if not isinstance(type_, str) or type_ not in events:
        return unsupported(type_, events, "type")
    return check(events[type_], event, "")
