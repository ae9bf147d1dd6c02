"""How the service writes its messages, and how the record reads those of either side. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from roomkit.testing.simulators.gemini.answers import audio_message


def write(message: Mapping[str, Any]) -> bytes:
    """A server message as the service sends it: indented JSON in a binary frame."""
    if (audio := _audio_of(message)) is not None:
        return _AUDIO_HEAD + audio.encode("ascii") + _AUDIO_TAIL  # fifty a second, and indenting is slow
    return json.dumps(message, indent=2).encode() + b"\n"


def as_logged(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """A server message with its member as ``type``."""
    kind = next(iter(message), "")
    inside = message.get(kind)
    return {"type": kind, **inside} if isinstance(inside, Mapping) else {"type": kind}


def audio_bytes(event: Mapping[str, Any]) -> int | None:
    """How much audio a message carries; `None` if it is not about audio, or unreadable."""
    coded = _audio_of({event["type"]: event}) if event.get("type") == "serverContent" else None
    blob = event.get("audio")
    if event.get("type") == "realtimeInput" and isinstance(blob, Mapping):
        coded = blob.get("data")
    return len(coded) * 3 // 4 - coded[-2:].count("=") if isinstance(coded, str) else None


def _audio_of(message: Mapping[str, Any]) -> str | None:
    match message:
        case {"serverContent": {"modelTurn": {"parts": [{"inlineData": {"data": str(data)}}]}}}:
            return data
        case _:
            return None


def _around_audio() -> tuple[bytes, bytes]:
    head, _, tail = json.dumps(audio_message("*"), indent=2).encode().partition(b"*")
    return head, tail + b"\n"


_AUDIO_HEAD, _AUDIO_TAIL = _around_audio()
