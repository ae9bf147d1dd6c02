"""What a client's message is, before anything is done about it: JSON, of a known type, well formed. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from roomkit.testing.simulators.elevenlabs.tables import AUDIO, CLIENT_MESSAGES

_PLAIN_AUDIO: Final = {AUDIO}


@dataclass(frozen=True, slots=True)
class Reading:
    """A message as it was understood.

    Attributes:
        event: The JSON object, empty if it was none; an audio chunk has its key as ``type``.
        problem: Why it cannot be taken, if so.
    """

    event: dict[str, Any]
    problem: str = ""


def read(message: str | bytes) -> Reading:
    """Read one message of the client; never raises."""
    if isinstance(message, bytes):
        return Reading({}, "binary messages are not supported")
    try:
        event: Any = json.loads(message)
    except (ValueError, RecursionError):
        return Reading({}, "not JSON")
    if not isinstance(event, dict):
        return Reading({}, "not an object")
    if event.keys() == _PLAIN_AUDIO and isinstance(event[AUDIO], str):
        return Reading({"type": AUDIO, **event})
    type_ = event.get("type", AUDIO if AUDIO in event else None)
    if not isinstance(type_, str) or type_ not in CLIENT_MESSAGES or (type_ == AUDIO and "type" in event):
        return Reading(event, f"unknown message type: {str(type_)[:60]}")
    return Reading({"type": type_, **event}, CLIENT_MESSAGES[type_].problem_with(event))


def audio_bytes(event: Mapping[str, Any]) -> int | None:
    """How much audio an event of either side carries; `None` if it is not about audio, or unreadable."""
    body = event.get("audio_event")
    coded = body.get("audio_base_64") if isinstance(body, Mapping) else event.get(AUDIO)
    return len(coded) * 3 // 4 - coded[-2:].count("=") if isinstance(coded, str) else None
