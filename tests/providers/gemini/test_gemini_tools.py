"""Tool calls in the Gemini dialect: reported once, answered at most once, told in words to a later link."""

from __future__ import annotations

from typing import Any

import pytest

from roomkit.voice.realtime.commands import (
    RecallToolCall,
    ToolResult,
)
from roomkit.voice.realtime.provider_events import (
    Audio,
    ResponseDone,
    ToolCall,
    ToolCallCancelled,
)
from tests.providers.gemini.gemini_wire import (
    COMPLETE,
    NATIVE,
    PCM,
    SLOT,
    Wire,
    called,
    chunk,
    heard,
)


def test_a_tool_turn_is_one_answer() -> None:
    wire = Wire(NATIVE)

    (_, call) = wire.hears(heard("Friday?"), called(day="Fri"))[-2:]
    (sent,) = wire.says(ToolResult("c-1", "get_slot", '{"slot": "10:30"}'))
    after = wire.hears(chunk(), COMPLETE)

    assert call == ToolCall("c-1", "get_slot", '{"day": "Fri"}', "response-1")
    assert sent == {
        "toolResponse": {"functionResponses": [{"id": "c-1", "name": "get_slot", "response": {"slot": "10:30"}}]}
    }
    assert after == [Audio(PCM, "response-1"), ResponseDone("response-1")]


@pytest.mark.parametrize(
    ("output", "response"),
    [("half past ten", {"output": "half past ten"}), ("[1]", {"output": [1]}), ("null", {"output": None}), ("{}", {})],
)
def test_a_result_that_is_no_object_is_put_into_one(output: str, response: dict[str, Any]) -> None:
    wire = Wire(NATIVE)
    wire.hears(called())

    (sent,) = wire.says(ToolResult("c-1", "get_slot", output))

    assert sent["toolResponse"]["functionResponses"][0]["response"] == response


def test_a_result_beside_the_conversation_says_when_it_wants_to_be_taken_up() -> None:
    wire = Wire(provider_config={"tool_scheduling": "INTERRUPT"}, tools=(SLOT,))
    wire.hears(called("c-1"), called("c-2"))

    results = [ToolResult("c-1", "get_slot", "1", asks=False), ToolResult("c-2", "get_slot", "2")]
    sent = [message["toolResponse"]["functionResponses"][0] for each in results for message in wire.says(each)]

    assert [each["scheduling"] for each in sent] == ["SILENT", "INTERRUPT"]


def test_a_cancelled_call_is_told_and_its_result_kept_back() -> None:
    wire = Wire()
    wire.hears(called())

    assert wire.hears({"toolCallCancellation": {"ids": ["c-1", "c-1", "unknown", 7]}}) == [ToolCallCancelled(("c-1",))]
    assert wire.says(ToolResult("c-1", "get_slot", "late")) == []


def test_a_call_told_twice_is_reported_once_and_answered_once() -> None:
    wire = Wire()

    events = wire.hears(called(), called())

    assert len([event for event in events if isinstance(event, ToolCall)]) == 1
    assert len(wire.says(ToolResult("c-1", "get_slot", "1"))) == 1
    assert wire.says(ToolResult("c-1", "get_slot", "1")) == []


def test_a_call_of_an_earlier_link_and_its_result_are_told_in_words() -> None:
    wire = Wire()

    assert wire.says(RecallToolCall("old", "get_slot", '{"day": "Fri"}')) == []
    (told,) = wire.says(ToolResult("old", "get_slot", "10:30", asks=False))

    words = told["clientContent"]["turns"][0]["parts"][0]["text"]
    assert 'get_slot with {"day": "Fri"}' in words
    assert words.endswith("10:30")
    assert told["clientContent"]["turnComplete"] is False


def test_a_result_that_comes_after_its_link_is_told_and_answered() -> None:
    (told,) = Wire(resume="handle").says(ToolResult("old", "get_slot", "10:30"))

    assert told["clientContent"]["turnComplete"] is True
