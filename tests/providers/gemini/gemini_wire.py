"""For tests of the Gemini dialect: one whose set-up is complete, and the service's messages as JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from roomkit.providers.gemini.dialect import GeminiDialect
from roomkit.voice.realtime.commands import (
    Command,
    LinkConfig,
    ToolSpec,
)
from roomkit.voice.realtime.provider_events import (
    ProviderEvent,
)

NATIVE = "gemini-2.5-flash-native-audio-preview-12-2025"
EARLY = "gemini-3.1-flash-live-preview"
NEWEST = "gemini-3.8-live"
SLOT = ToolSpec("get_slot", "Find a slot", {"type": "object", "properties": {"day": {"type": "string"}}})
MANUAL = {"automatic_activity_detection": {"disabled": True}}
PCM = b"\x01\x00\x02\x00"
Check = Callable[[Any], None]


class Wire:
    """A dialect whose set-up is complete, and both its directions as JSON."""

    def __init__(self, model: str = NEWEST, **config: Any) -> None:
        self.dialect = GeminiDialect(model)
        self.setup: dict[str, Any] = json.loads(self.dialect.open(LinkConfig("s", **config))[0])["setup"]
        self.ready = self.hears({"setupComplete": {}})
        self.replies: list[Any] = []

    def hears(self, *messages: dict[str, Any]) -> list[ProviderEvent]:
        events: list[ProviderEvent] = []
        for message in messages:
            decoded = self.dialect.decode(json.dumps(message, indent=2).encode())
            events += decoded.events
            self.replies = [json.loads(reply) for reply in decoded.replies]
        return events

    def says(self, command: Command) -> list[Any]:
        return [json.loads(message) for message in self.dialect.encode(command)]


def content(**fields: Any) -> dict[str, Any]:
    return {"serverContent": fields}


def chunk(pcm: bytes = PCM) -> dict[str, Any]:
    inline = {"mimeType": "audio/pcm;rate=24000", "data": base64.b64encode(pcm).decode()}
    return content(modelTurn={"parts": [{"inlineData": inline}]})


def heard(text: str, **fields: Any) -> dict[str, Any]:
    return content(inputTranscription={"text": text, **fields})


def spoken(text: str) -> dict[str, Any]:
    return content(outputTranscription={"text": text})


def called(call_id: str = "c-1", name: str = "get_slot", **args: Any) -> dict[str, Any]:
    return {"toolCall": {"functionCalls": [{"id": call_id, "name": name, "args": args}]}}


COMPLETE = content(turnComplete=True)
GENERATED = content(generationComplete=True)
INTERRUPTED = content(interrupted=True)


def turn(text: str, role: str = "user", *, is_complete: bool = True) -> dict[str, Any]:
    return {"clientContent": {"turns": [{"role": role, "parts": [{"text": text}]}], "turnComplete": is_complete}}
