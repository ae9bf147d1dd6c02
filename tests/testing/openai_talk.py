"""For tests of the pure simulator: a session, a client that speaks to it, the vendor's models as judge between them."""

from __future__ import annotations

import base64
import itertools
import json
from typing import Any

from openai.types.realtime import RealtimeServerEvent
from pydantic import BaseModel, TypeAdapter

from roomkit.testing.simulators.openai.reading import read
from roomkit.testing.simulators.openai.session import OpenAISimulatorSession
from roomkit.testing.simulators.sound import tone
from roomkit.testing.simulators.speech import Speech

SERVER_EVENT: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
ON_THE_WIRE_ONLY = {"obfuscation", "object", "id", "expires_at"}
"""Keys recorded traffic has and the vendor's models do not name."""


class Talk:
    """A session and a client that speaks to it, at a time of its own."""

    def __init__(self) -> None:
        numbers = itertools.count(1)
        self.now_ms = 0.0
        self.session = OpenAISimulatorSession(
            new_id=lambda kind: f"{kind}_{next(numbers)}", model="gpt-realtime-2.1", now_ms=0.0, wall_s=1_000.0
        )

    def says(self, type_: str, **fields: Any) -> list[dict[str, Any]]:
        return self.writes(json.dumps({"type": type_, **fields}))

    def writes(self, message: str | bytes) -> list[dict[str, Any]]:
        self.session.receive(read(message))
        return self.hears()

    def hears(self) -> list[dict[str, Any]]:
        events = []
        for out in self.session.take():
            assert isinstance(out, dict)
            assert not unknown_keys(SERVER_EVENT.validate_python(out))
            events.append(out)
        return events

    def speaks(self, duration_ms: int, silence_ms: int = 400) -> list[dict[str, Any]]:
        return self.says("input_audio_buffer.append", audio=b64(tone(duration_ms) + bytes(silence_ms * 48)))

    def error(self, type_: str, **fields: Any) -> dict[str, Any]:
        *others, last = self.says(type_, **fields)
        assert last["type"] == "error"
        assert not others
        inside: dict[str, Any] = last["error"]
        return inside


def b64(pcm: bytes) -> str:
    return base64.b64encode(pcm).decode()


def unknown_keys(value: Any) -> set[str]:
    """Keys the vendor's models do not know, anywhere in a validated event."""
    if isinstance(value, BaseModel):
        inner = (unknown_keys(getattr(value, name)) for name in type(value).model_fields)
        return set(value.model_extra or {}) - ON_THE_WIRE_ONLY | set().union(*inner)
    if isinstance(value, list):
        return set().union(*(unknown_keys(one) for one in value))
    return set()


def types(events: list[dict[str, Any]]) -> list[str]:
    """The types in order, runs of one type as one."""
    return [type_ for type_, _ in itertools.groupby(event["type"] for event in events)]


def spoken(text: str = "Let me look.", tone_ms: int = 600, *, is_realtime: bool = False) -> Speech:
    return Speech(text, None, tone_ms, is_realtime)


def user(text: str, **fields: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}], **fields}


def answered_item(talk: Talk, tone_ms: int = 600) -> str:
    """The id of an item the assistant has spoken."""
    talk.says("response.create")
    talk.session.answer([spoken(tone_ms=tone_ms)], talk.now_ms)
    item_id: str = talk.hears()[-1]["response"]["output"][0]["id"]
    return item_id
