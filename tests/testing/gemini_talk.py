"""For tests of the pure simulated Gemini: a session, a client that speaks to it, the vendor's types between them."""

from __future__ import annotations

import base64
import itertools
import json
from typing import Any

from google.genai import types

from roomkit.testing.simulators.connection import Close
from roomkit.testing.simulators.gemini.handles import Handles
from roomkit.testing.simulators.gemini.reading import read
from roomkit.testing.simulators.gemini.session import GeminiSimulatorSession
from roomkit.testing.simulators.sound import tone
from roomkit.testing.simulators.speech import Call, Speech

NATIVE = "models/gemini-2.5-flash-native-audio-preview-12-2025"
EARLY = "models/gemini-3.1-flash-live-preview"
NEWEST = "models/gemini-3.8-live"
MANUAL = {"automaticActivityDetection": {"disabled": True}}
WORDS = {"clientContent": {"turns": [{"role": "user", "parts": [{"text": "Hi"}]}], "turnComplete": True}}


class Talk:
    """A session and a client that speaks to it, at a time of its own."""

    def __init__(self, handles: Handles | None = None, *, is_alpha: bool = False, **setup: Any) -> None:
        numbers = itertools.count(1)
        self.now_ms = 0.0
        self.handles = handles or Handles(lambda kind: f"{kind}-{next(numbers)}")
        self.closed: Close | None = None
        self.session = GeminiSimulatorSession(
            new_id=lambda kind: f"{kind}-{next(numbers)}", handles=self.handles, is_alpha=is_alpha, now_ms=0.0
        )
        self.ready = self.says({"setup": {"model": NATIVE, **setup}}) + self.waits(10) if setup else []

    def says(self, message: Any) -> list[dict[str, Any]]:
        text = message if isinstance(message, str | bytes) else json.dumps(message)
        self.session.receive(read(text), self.now_ms)
        return self.hears()

    def waits(self, duration_ms: float) -> list[dict[str, Any]]:
        self.now_ms += duration_ms
        self.session.wake(self.now_ms)
        return self.hears()

    def hears(self) -> list[dict[str, Any]]:
        messages = []
        for out in self.session.take():
            if isinstance(out, Close):
                self.closed = out
            else:
                assert isinstance(out, dict)
                types.LiveServerMessage.model_validate(out)
                messages.append(out)
        return messages

    def answers(self, *parts: Speech | Call) -> list[dict[str, Any]]:
        self.session.answer(parts, self.now_ms)
        return self.hears()

    def speaks(self, duration_ms: int = 200, silence_ms: int = 500) -> list[dict[str, Any]]:
        return self.says(audio(tone(duration_ms)[: duration_ms * 32] + bytes(silence_ms * 32)))


def audio(pcm: bytes, rate_hz: int = 16_000) -> dict[str, Any]:
    blob = {"mimeType": f"audio/pcm;rate={rate_hz}", "data": base64.b64encode(pcm).decode()}
    return {"realtimeInput": {"audio": blob}}


def spoken(text: str = "Hello.", tone_ms: int = 100) -> Speech:
    return Speech(text, tone_ms=tone_ms)


def members(messages: list[dict[str, Any]]) -> list[str]:
    """What the messages are about, runs of one kind as one."""
    kinds = [next(iter(one["serverContent"])) if "serverContent" in one else next(iter(one)) for one in messages]
    return [kind for kind, _ in itertools.groupby(kinds)]
