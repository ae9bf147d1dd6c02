"""The pure protocol of the simulated OpenAI server: what it answers, event by event, and when it refuses."""

from __future__ import annotations

import base64
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.realtime import RealtimeServerEvent
from pydantic import BaseModel, TypeAdapter

from roomkit.testing.simulators.openai_response import Call, Speech
from roomkit.testing.simulators.openai_session import Close, OpenAISimulatorSession
from roomkit.testing.simulators.sound import encode, tone

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
        self.session.receive(message, self.now_ms)
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


@pytest.fixture
def talk() -> Talk:
    talk = Talk()
    talk.hears()
    return talk


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


def spoken(text: str = "Let me look.", tone_ms: int = 600, *, realtime: bool = False) -> Speech:
    return Speech(text, None, tone_ms, realtime)


def test_a_new_connection_is_told_its_session_and_when_it_expires() -> None:
    created = Talk().hears()[0]

    assert created["type"] == "session.created"
    assert created["session"]["model"] == "gpt-realtime-2.1"
    assert created["session"]["expires_at"] == 1_000 + 3_600
    assert created["session"]["audio"]["input"]["turn_detection"]["type"] == "server_vad"


def test_an_update_changes_what_it_names_and_keeps_the_rest(talk: Talk) -> None:
    audio = {"output": {"voice": "marin"}, "input": {"turn_detection": {"type": "semantic_vad"}}}

    updated = talk.says("session.update", session={"type": "realtime", "instructions": "Be brief.", "audio": audio})[0]

    assert updated["session"]["instructions"] == "Be brief."
    assert updated["session"]["audio"]["output"] == {
        "format": {"type": "audio/pcm", "rate": 24000},
        "voice": "marin",
        "speed": 1.0,
    }
    assert updated["session"]["audio"]["input"]["turn_detection"]["eagerness"] == "auto"


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


def test_the_events_of_an_audio_turn_come_in_the_order_of_the_wire(talk: Talk) -> None:
    heard = talk.speaks(600)
    talk.session.answer([spoken()], talk.now_ms)
    answered = talk.hears()

    assert types(heard) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    assert [one for one in types(answered) if "delta" not in one] == [
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    assert types(answered)[3] == "response.output_audio_transcript.delta", "words lead the sound"


def test_voice_activity_says_where_in_the_audio_speech_lies(talk: Talk) -> None:
    talk.says("input_audio_buffer.append", audio=b64(bytes(1_000 * 48)))

    started, stopped, *_ = talk.speaks(600)

    assert started["audio_start_ms"] == 1_000 - 300
    assert stopped["audio_end_ms"] == 1_600 + 200


def test_quiet_audio_is_not_speech(talk: Talk) -> None:
    assert talk.says("input_audio_buffer.append", audio=b64(b"\x10\x00" * 24_000)) == []


@pytest.mark.parametrize("kind", ["audio/pcmu", "audio/pcma"])
def test_telephone_audio_is_heard_and_spoken_at_eight_kilohertz(talk: Talk, kind: str) -> None:
    audio = {"input": {"format": {"type": kind}}, "output": {"format": {"type": kind}}}
    talk.says("session.update", session={"type": "realtime", "audio": audio})

    heard = talk.says("input_audio_buffer.append", audio=b64(encode(tone(600) + bytes(48 * 400), kind)))
    talk.session.answer([spoken(tone_ms=600)], talk.now_ms)
    answer = talk.hears()

    assert heard[-1]["type"] == "response.created"
    deltas = [base64.b64decode(one["delta"]) for one in answer if one["type"] == "response.output_audio.delta"]
    assert sum(map(len, deltas)) == 600 * 8


def test_the_caller_cuts_a_running_answer(talk: Talk) -> None:
    talk.says("response.create")
    talk.session.answer([spoken(tone_ms=5_000, realtime=True)], 0.0)
    talk.session.wake(1_000.0)
    talk.hears()

    events = talk.speaks(200)

    done = next(event for event in events if event["type"] == "response.done")
    assert done["response"]["status"] == "cancelled"
    assert done["response"]["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert done["response"]["output"][0]["status"] == "incomplete"
    assert types(events)[0] == "input_audio_buffer.speech_started"


def test_an_answer_is_not_cut_where_the_session_forbids_it(talk: Talk) -> None:
    detection = {"type": "server_vad", "interrupt_response": False}
    talk.says("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": detection}}})
    talk.says("response.create")

    events = talk.speaks(200)

    assert "response.done" not in types(events)
    assert events[-1]["error"]["code"] == "conversation_already_has_active_response"


def test_an_answer_in_real_time_comes_twenty_milliseconds_at_a_time(talk: Talk) -> None:
    talk.says("response.create")
    talk.session.answer([spoken(tone_ms=100, realtime=True)], 0.0)
    sent: list[tuple[float, str]] = [(0.0, event["type"]) for event in talk.hears()]
    while "response.done" not in [type_ for _, type_ in sent]:
        now_ms = talk.session.due_ms
        assert now_ms is not None
        talk.session.wake(now_ms)
        sent += [(now_ms, event["type"]) for event in talk.hears()]

    assert [at for at, type_ in sent if type_ == "response.output_audio.delta"] == [0, 20, 40, 60, 80]
    assert sent[-1] == (100, "response.done")


def test_only_one_response_at_a_time_belongs_to_the_conversation(talk: Talk) -> None:
    response_id = talk.says("response.create")[0]["response"]["id"]

    error = talk.error("response.create", event_id="second")

    assert error["code"] == "conversation_already_has_active_response"
    assert error["message"] == f"Conversation already has an active response in progress: {response_id}."
    assert error["event_id"] == "second"


def test_a_response_outside_the_conversation_runs_beside_it_and_leaves_no_item(talk: Talk) -> None:
    talk.says("response.create")
    aside = {"conversation": "none", "output_modalities": ["text"], "metadata": {"purpose": "classify"}, "input": []}

    created = talk.says("response.create", response=aside)[0]["response"]
    talk.session.answer([spoken("main")], 0.0)
    talk.hears()
    talk.session.answer([spoken("aside")], 0.0)
    events = talk.hears()

    assert created["conversation_id"] is None
    assert "conversation.item.added" not in types(events)
    assert events[-1]["response"]["output"][0]["content"] == [{"type": "output_text", "text": "aside"}]
    assert events[-1]["response"]["metadata"] == {"purpose": "classify"}


def test_a_function_call_carries_its_arguments_as_json_text(talk: Talk) -> None:
    talk.says("response.create")
    talk.session.answer([Call("get_slot", '{"day": "Fri"}')], 0.0)
    events = talk.hears()

    done = next(one for one in events if one["type"] == "response.function_call_arguments.done")
    deltas = [one["delta"] for one in events if one["type"] == "response.function_call_arguments.delta"]
    assert "".join(deltas) == done["arguments"] == '{"day": "Fri"}'
    assert done["name"] == "get_slot"
    assert events[-1]["response"]["output"][0]["call_id"] == done["call_id"]


def test_cancelling_nothing_is_refused(talk: Talk) -> None:
    assert talk.error("response.cancel")["code"] == "response_cancel_not_active"


def test_a_response_that_still_thinks_can_be_cancelled(talk: Talk) -> None:
    talk.says("response.create")

    done = talk.says("response.cancel")[-1]

    assert done["response"]["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert talk.session.answers.thinking is None


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


def test_items_are_kept_in_the_order_the_client_gave_them(talk: Talk) -> None:
    first = talk.says("conversation.item.create", item=user("one", id="a"))[0]
    talk.says("conversation.item.create", item=user("two", id="b"))
    front = talk.says("conversation.item.create", item=user("zero", id="z"), previous_item_id="root")[0]
    middle = talk.says("conversation.item.create", item=user("half", id="h"), previous_item_id="a")[0]

    assert [first["previous_item_id"], front["previous_item_id"], middle["previous_item_id"]] == [None, None, "a"]
    assert talk.says("conversation.item.retrieve", item_id="h")[0]["item"]["content"][0]["text"] == "half"
    assert talk.says("conversation.item.delete", item_id="h")[0]["item_id"] == "h"
    assert talk.error("conversation.item.retrieve", item_id="h")["code"] == "item_retrieve_invalid_item_id"


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

    talk.session.receive(json.dumps({"type": type_, key: value}), 0.0)

    assert types(talk.hears())[0] == "session.created"


def test_a_session_ends_after_sixty_minutes(talk: Talk) -> None:
    talk.session.wake(3_600_000.0 - 1)
    assert talk.hears() == []

    talk.session.wake(3_600_000.0)

    error, close = talk.session.take()
    assert isinstance(error, dict)
    assert error["error"]["code"] == "session_expired"
    assert close == Close(1001, "Your session hit the maximum duration of 60 minutes.")


def user(text: str, **fields: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}], **fields}


def answered_item(talk: Talk, tone_ms: int = 600) -> str:
    """The id of an item the assistant has spoken."""
    talk.says("response.create")
    talk.session.answer([spoken(tone_ms=tone_ms)], talk.now_ms)
    item_id: str = talk.hears()[-1]["response"]["output"][0]["id"]
    return item_id
