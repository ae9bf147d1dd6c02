"""A dialect with its conversation begun, and the vendor's events in short."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest

from roomkit.providers.elevenlabs.dialect import ElevenLabsDialect
from roomkit.voice.realtime.commands import Command, LinkConfig
from roomkit.voice.realtime.provider_events import ProviderEvent


class Conversation:
    """One socket's worth of the dialect, spoken to in the vendor's words."""

    def __init__(self, config: LinkConfig | None = None, audio_format: str = "pcm_16000") -> None:
        self.dialect = ElevenLabsDialect()
        self.dialect.open(config or LinkConfig("s"))
        self.begun = self.got(
            "conversation_initiation_metadata",
            "conversation_initiation_metadata_event",
            conversation_id="c",
            agent_output_audio_format=audio_format,
            user_input_audio_format=audio_format,
        )

    def got(self, kind: str, body_key: str, **body: Any) -> list[ProviderEvent]:
        return list(self.dialect.decode(json.dumps({"type": kind, body_key: body})).events)

    def sends(self, command: Command) -> list[dict[str, Any]]:
        return [json.loads(message) for message in self.dialect.encode(command)]

    def agent_says(self, text: str, event_id: int | str) -> list[ProviderEvent]:
        return self.got("agent_response", "agent_response_event", agent_response=text, event_id=event_id)

    def audio(self, event_id: int | str, *, ms: int = 20, chars: str = "", step_ms: int = 1) -> list[ProviderEvent]:
        body: dict[str, Any] = {"audio_base_64": base64.b64encode(bytes(32 * ms)).decode(), "event_id": event_id}
        if chars:
            starts_ms = [step_ms * at for at in range(len(chars))]
            body["alignment"] = {
                "chars": list(chars),
                "char_start_times_ms": starts_ms,
                "char_durations_ms": [step_ms] * len(chars),
            }
        return self.got("audio", "audio_event", **body)

    def interrupts(self, event_id: int) -> list[ProviderEvent]:
        return self.got("interruption", "interruption_event", event_id=event_id)

    def caller_says(self, text: str, event_id: int) -> list[ProviderEvent]:
        return self.got("user_transcript", "user_transcription_event", user_transcript=text, event_id=event_id)

    def caller_may_say(self, text: str) -> list[ProviderEvent]:
        return self.got(
            "tentative_user_transcript", "tentative_user_transcription_event", user_transcript=text, event_id=2
        )

    def voice_score(self, score: float) -> list[ProviderEvent]:
        return self.got("vad_score", "vad_score_event", vad_score=score)

    def pings(self, count: int) -> list[ProviderEvent]:
        return [event for at in range(count) for event in self.got("ping", "ping_event", event_id=at, ping_ms=None)]


def names(events: Sequence[ProviderEvent]) -> list[str]:
    return [type(event).__name__ for event in events]


@pytest.fixture
def conversation() -> Conversation:
    return Conversation()
