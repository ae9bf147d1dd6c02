"""What the simulated OpenAI server refuses, in the vendor's words: and the session lives on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.testing.simulators.connection import Close
from roomkit.testing.simulators.openai.reading import read
from roomkit.testing.simulators.sound import tone
from tests.testing.openai_talk import Talk, answered_item, b64, types


@pytest.fixture
def talk() -> Talk:
    talk = Talk()
    talk.hears()
    return talk


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"type": "realtime", "modalities": ["text"]}, "unknown_parameter", "session.modalities"),
        ({"instructions": "x"}, "missing_required_parameter", "session.type"),
        ({"type": "realtime", "instructions": 5}, "invalid_type", "session.instructions"),
        (
            {"type": "realtime", "output_modalities": ["audio", "text"]},
            "array_above_max_length",
            "session.output_modalities",
        ),
        ({"type": "realtime", "max_output_tokens": 5000}, "integer_above_max_value", "session.max_output_tokens"),
        ({"type": "realtime", "temperature": 0.8}, "unknown_parameter", "session.temperature"),
        (
            {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}},
            "invalid_value",
            "session.audio.input.format.rate",
        ),
        (
            {"type": "realtime", "audio": {"output": {"speed": 2.0}}},
            "decimal_above_max_value",
            "session.audio.output.speed",
        ),
        (
            {"type": "realtime", "audio": {"output": {"voice": "nobody"}}},
            "invalid_value",
            "session.audio.output.voice",
        ),
        (
            {"type": "realtime", "tools": [{"type": "function", "name": "a", "handler": "b"}]},
            "unknown_parameter",
            "session.tools[0].handler",
        ),
        ({"type": "realtime", "model": "another"}, "invalid_value", "session.model"),
    ],
)
def test_one_wrong_key_fails_the_whole_update(talk: Talk, session: dict[str, Any], code: str, param: str) -> None:
    error = talk.error("session.update", event_id="mine", session={**session, "tool_choice": "none"})

    assert (error["code"], error["param"], error["event_id"]) == (code, param, "mine")
    assert talk.session.session["tool_choice"] == "auto"


def test_only_one_response_at_a_time_belongs_to_the_conversation(talk: Talk) -> None:
    response_id = talk.says("response.create")[0]["response"]["id"]

    error = talk.error("response.create", event_id="second")

    assert error["code"] == "conversation_already_has_active_response"
    assert error["message"] == f"Conversation already has an active response in progress: {response_id}."
    assert error["event_id"] == "second"


def test_cancelling_nothing_is_refused(talk: Talk) -> None:
    assert talk.error("response.cancel")["code"] == "response_cancel_not_active"


def test_truncation_is_measured_against_the_audio_that_was_sent(talk: Talk) -> None:
    item_id = answered_item(talk, tone_ms=3_700)
    cut = {"item_id": item_id, "content_index": 0}

    error = talk.error("conversation.item.truncate", **cut, audio_end_ms=3_760)
    truncated = talk.says("conversation.item.truncate", **cut, audio_end_ms=1_480)[0]
    again = talk.error("conversation.item.truncate", **cut, audio_end_ms=1_500)

    assert error["message"] == "Audio content of 3700ms is already shorter than 3760ms"
    assert truncated["audio_end_ms"] == 1_480
    assert again["message"] == "Audio content of 1480ms is already shorter than 1500ms"
    assert "transcript" not in talk.session.conversation.show(item_id)["content"][0]


def test_the_voice_is_frozen_after_the_first_audio(talk: Talk) -> None:
    answered_item(talk)
    change = {"output": {"voice": "marin"}}

    updated = talk.error("session.update", session={"type": "realtime", "audio": change})
    asked = talk.error("response.create", response={"audio": change})

    assert (updated["code"], updated["param"]) == ("cannot_update_voice", "session.audio.output.voice")
    assert asked["param"] == "response.audio.output.voice"


def test_a_commit_needs_a_hundred_milliseconds_of_audio(talk: Talk) -> None:
    talk.says("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": None}}})
    talk.says("input_audio_buffer.append", audio=b64(tone(90)))

    error = talk.error("input_audio_buffer.commit")
    talk.says("input_audio_buffer.append", audio=b64(tone(10)))
    committed = talk.says("input_audio_buffer.commit")

    assert error["code"] == "input_audio_buffer_commit_empty"
    assert "only has 90.00ms" in error["message"]
    assert types(committed) == ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]
    assert talk.error("input_audio_buffer.commit")["code"] == "input_audio_buffer_commit_empty"


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"type": "conversation.item.delete", "item_id": "no"}, "item_delete_invalid_item_id"),
        ({"type": "conversation.item.retrieve", "item_id": "no"}, "item_retrieve_invalid_item_id"),
        (
            {"type": "conversation.item.truncate", "item_id": "no", "content_index": 0, "audio_end_ms": 1},
            "item_truncate_invalid_item_id",
        ),
        (
            {
                "type": "conversation.item.create",
                "item": {"type": "function_call_output", "call_id": "no", "output": ""},
            },
            "invalid_tool_call_id",
        ),
        ({"type": "no.such.event"}, "invalid_value"),
        ({"type": 5}, "invalid_value"),
        ({}, "missing_required_parameter"),
        ({"type": "input_audio_buffer.append"}, "missing_required_parameter"),
        ({"type": "input_audio_buffer.append", "audio": "not base64!"}, "invalid_value"),
        ({"type": "input_audio_buffer.append", "audio": b64(b"odd")}, "invalid_value"),
        ({"type": "response.create", "response": {"modalities": ["audio"]}}, "unknown_parameter"),
        ({"type": "response.cancel", "event_id": "x" * 513}, "string_above_max_length"),
        ({"type": "output_audio_buffer.clear"}, "invalid_value"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_done_is_an_error_event_and_the_session_lives_on(
    talk: Talk, event: dict[str, Any], code: str
) -> None:
    answer = talk.writes(json.dumps(event))

    assert [one["type"] for one in answer] == ["error"]
    assert answer[0]["error"]["code"] == code
    assert types(talk.says("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]


def test_an_append_holds_fifteen_megabytes_at_most(talk: Talk) -> None:
    error = talk.error("input_audio_buffer.append", audio=b64(bytes(20 * 1024 * 1024)))

    assert error["param"] == "audio"
    assert types(talk.says("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]


@pytest.mark.parametrize("message", ["", "{", "[" * 100_000, "null", "[]", '"text"', b"\x00\xff", b"{}"])
def test_rubbish_is_an_error_event_and_the_session_lives_on(talk: Talk, message: str | bytes) -> None:
    assert types(talk.writes(message)) == ["error"]
    assert types(talk.says("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(
    type_=st.sampled_from(
        ["session.update", "conversation.item.create", "response.create", "conversation.item.truncate"]
    ),
    key=st.sampled_from(["session", "item", "response", "item_id", "event_id"]),
    value=JSON
    | st.fixed_dictionaries({"type": st.sampled_from(["realtime", "message", "function_call"]), "audio": JSON}),
)
def test_no_value_whatsoever_breaks_the_server(type_: str, key: str, value: Any) -> None:
    talk = Talk()

    talk.session.receive(read(json.dumps({"type": type_, key: value})))

    assert types(talk.hears())[0] == "session.created"


def test_a_session_ends_after_sixty_minutes(talk: Talk) -> None:
    talk.session.wake(3_600_000.0 - 1)
    assert talk.hears() == []

    talk.session.wake(3_600_000.0)

    error, close = talk.session.take()
    assert isinstance(error, dict)
    assert error["error"]["code"] == "session_expired"
    assert close == Close(1001, "Your session hit the maximum duration of 60 minutes.")
