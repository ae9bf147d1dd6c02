"""The agent's first message is heard once in a call, however many links it has (RFC 0006, R-0006-67)."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from roomkit.providers.elevenlabs.dialect import ElevenLabsDialect
from roomkit.voice.realtime.commands import AskForResponse, InjectText, LinkConfig
from roomkit.voice.realtime.provider_events import Audio, ProviderEvent, Transcript

METADATA = {
    "type": "conversation_initiation_metadata",
    "conversation_initiation_metadata_event": {"conversation_id": "conv_2"},
}


def said(text: str, event_id: int) -> dict[str, Any]:
    return {"type": "agent_response", "agent_response_event": {"agent_response": text, "event_id": event_id}}


def voice(event_id: int) -> dict[str, Any]:
    pcm = base64.b64encode(bytes(320)).decode()
    return {"type": "audio", "audio_event": {"audio_base_64": pcm, "event_id": event_id}}


def link(**config: Any) -> ElevenLabsDialect:
    dialect = ElevenLabsDialect()
    dialect.open(LinkConfig("s1", **config))
    decode(dialect, METADATA)
    return dialect


def decode(dialect: ElevenLabsDialect, *events: dict[str, Any]) -> list[ProviderEvent]:
    return [event for each in events for event in dialect.decode(json.dumps(each)).events]


def words(events: list[ProviderEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, Transcript)]


def test_the_first_link_hears_the_opening() -> None:
    events = decode(link(), said("Hello!", 1), voice(1))

    assert words(events) == ["Hello!"]


@pytest.mark.parametrize("order", [[said("Hello!", 1), voice(1), voice(1)], [voice(1), said("Hello!", 1), voice(1)]])
def test_a_later_link_does_not_hear_it_again_but_everything_after_it(order: list[dict[str, Any]]) -> None:
    dialect = link(continues=True)

    opening = decode(dialect, *order)
    answer = decode(dialect, said("Still here.", 3), voice(3))

    assert opening == []
    assert words(answer) == ["Still here."]
    assert [type(event) for event in answer].count(Audio) == 1


def test_an_answer_that_was_asked_for_before_anything_was_said_is_no_opening() -> None:
    dialect = link(continues=True)
    dialect.encode(InjectText("hello", "user", silent=True))
    dialect.encode(AskForResponse())

    assert words(decode(dialect, said("At six.", 2))) == ["At six."]


def test_an_agent_that_waits_for_the_caller_is_heard_when_it_answers() -> None:
    dialect = link(continues=True)
    turn = {"type": "user_transcript", "user_transcription_event": {"user_transcript": "are you there"}}

    decode(dialect, turn)

    assert words(decode(dialect, said("I am.", 2))) == ["I am."]


def test_the_end_of_an_opening_is_not_heard_because_somebody_spoke_meanwhile() -> None:
    dialect = link(continues=True)
    decode(dialect, said("Hello!", 1), voice(1))
    dialect.encode(AskForResponse())

    assert decode(dialect, voice(1), voice(1)) == []
    assert words(decode(dialect, said("At six.", 2))) == ["At six."]


@pytest.mark.parametrize(
    "provider_config",
    [{"first_message": "Hi!"}, {"conversation_config_override": {"agent": {"first_message": "Hi!"}}}],
)
def test_an_opening_of_ours_is_left_out_and_then_nothing_is_thrown_away(provider_config: dict[str, Any]) -> None:
    dialect = ElevenLabsDialect()

    (first,) = dialect.open(LinkConfig("s1", provider_config=provider_config, continues=True))
    decode(dialect, METADATA)

    assert json.loads(str(first))["conversation_config_override"]["agent"]["first_message"] == ""
    assert words(decode(dialect, said("Still here.", 1))) == ["Still here."]
