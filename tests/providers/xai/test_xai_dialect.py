"""The dialect case by case: what the recordings do not show, and what must never happen."""

from __future__ import annotations

import json
from typing import Any

import pytest

from roomkit.errors import ConfigError, WireError
from roomkit.providers.xai.dialect import XAIDialect
from roomkit.voice.realtime.commands import (
    AskForResponse,
    CancelResponse,
    InjectImage,
    InjectText,
    LinkConfig,
    SendAudio,
    Speak,
    ToolResult,
    ToolSpec,
    UpdateSession,
)
from roomkit.voice.realtime.dialect import Decoded
from roomkit.voice.realtime.provider_events import (
    LinkReady,
    ProviderFault,
    ResponseDone,
    ResponseStarted,
    Resumable,
    SpokenWords,
    ToolCall,
    Transcript,
    TranscriptFailed,
)

SAID = "conversation.item.input_audio_transcription"
TOOLS = tuple(ToolSpec(name, "", {}) for name in ("look", "book"))


def dialect(**settings: Any) -> XAIDialect:
    """One whose link is up."""
    fresh = XAIDialect()
    fresh.open(LinkConfig("s", **{"tools": TOOLS, **settings}))
    hear(fresh, "session.updated", session={})
    return fresh


def hear(one: XAIDialect, kind: str, **fields: Any) -> Decoded:
    return one.decode(json.dumps({"type": kind, **fields}))


def sent(one: XAIDialect, command: Any) -> list[dict[str, Any]]:
    return [json.loads(message) for message in one.encode(command)]


def types(messages: Any) -> list[str]:
    return [json.loads(message)["type"] for message in messages]


def call(one: XAIDialect, call_id: str, name: str = "look", response_id: str = "r1") -> Decoded:
    where = {"response_id": response_id, "call_id": call_id, "name": name, "arguments": "{}"}
    return hear(one, "response.function_call_arguments.done", **where)


def response(one: XAIDialect, response_id: str = "r1") -> Decoded:
    return hear(one, "response.created", response={"id": response_id})


def done(one: XAIDialect, response_id: str = "r1", **fields: Any) -> Decoded:
    return hear(one, "response.done", response={"id": response_id, "status": "completed", "usage": {}}, **fields)


# --- how a link comes up ------------------------------------------------------------------------------------------


def opening(conversation_id: str, *, replays: int, resume: str | None = "c1", **provider_config: Any) -> Decoded:
    fresh = XAIDialect()
    fresh.open(LinkConfig("s", resume=resume, provider_config=provider_config))
    hear(fresh, "session.created", session={"id": "s1"})
    hear(fresh, "conversation.created", conversation={"id": conversation_id})
    for number in range(replays):
        replayed = hear(fresh, "conversation.item.added", item={"id": f"i{number}", "role": "user"})
        assert replayed == Decoded()
    return hear(fresh, "session.updated", session={})


@pytest.mark.parametrize(
    ("conversation_id", "replays", "resume", "is_resumed"),
    [
        ("c1", 2, "c1", True),
        ("c1", 0, "c1", False),  # it kept the name and forgot the words
        ("c2", 2, "c1", False),
        ("c2", 0, None, False),
    ],
)
def test_a_link_is_resumed_where_the_same_conversation_came_with_its_items(
    conversation_id: str, replays: int, resume: str | None, is_resumed: bool
) -> None:
    decoded = opening(conversation_id, replays=replays, resume=resume)

    assert decoded.events == (LinkReady(16_000, 24_000, "s1", is_resumed), Resumable(conversation_id))


def test_without_resumption_there_is_no_handle() -> None:
    assert opening("c1", replays=0, resume=None, resumption=False).events == (LinkReady(16_000, 24_000, "s1"),)


def test_the_rates_are_the_ones_the_server_grants() -> None:
    fresh = XAIDialect()
    fresh.open(LinkConfig("s", input_rate_hz=8_000))
    formats = {side: {"format": {"type": "audio/pcm", "rate": 24_000}} for side in ("input", "output")}

    (ready, *_) = hear(fresh, "session.updated", session={"audio": formats}).events

    assert ready == LinkReady(24_000, 24_000)


def test_a_later_session_updated_is_no_second_link() -> None:
    assert hear(dialect(), "session.updated", session={}) == Decoded()


@pytest.mark.parametrize("error", [{"event_id": None}, {"event_id": "rk_1"}, {}])
def test_an_error_before_the_set_up_is_accepted_refuses_the_link(error: dict[str, Any]) -> None:
    fresh = XAIDialect()
    fresh.open(LinkConfig("s"))

    (fault,) = hear(fresh, "error", error={"type": "invalid_request_error", "message": "no", **error}).events

    assert isinstance(fault, ProviderFault)
    assert (fault.code, fault.is_fatal, fault.retryable) == ("session_refused", True, False)


def test_a_server_error_while_opening_is_worth_another_dial() -> None:
    fresh = XAIDialect()
    fresh.open(LinkConfig("s"))

    (fault,) = hear(fresh, "error", error={"type": "server_error", "message": "Internal error."}).events

    assert isinstance(fault, ProviderFault)
    assert (fault.is_fatal, fault.retryable) == (True, True)


# --- the caller's words -------------------------------------------------------------------------------------------


def test_a_snapshot_that_calls_itself_completed_is_not_final_until_it_is_not_in_progress() -> None:
    one = dialect()

    first = hear(one, f"{SAID}.completed", item_id="u1", transcript="Any", status="in_progress")
    again = hear(one, f"{SAID}.completed", item_id="u1", transcript="Any slot", status="completed")
    late = hear(one, f"{SAID}.completed", item_id="u1", transcript="Any slots", status="completed")

    assert first.events == (Transcript("user", "Any", False, "u1"),)
    assert again.events == (Transcript("user", "Any slot", True, "u1"),)
    assert late == Decoded()


def test_a_completed_without_a_status_is_final_as_openai_means_it() -> None:
    assert hear(dialect(), f"{SAID}.completed", item_id="u1", transcript="Hi").events[0] == Transcript(
        "user", "Hi", True, "u1"
    )


def test_half_a_transcript_is_not_taken_for_final_when_the_answer_begins_but_when_it_ends() -> None:
    one = dialect()
    hear(one, f"{SAID}.updated", item_id="u1", transcript="Any")
    hear(one, "input_audio_buffer.committed", item_id="u1")

    assert response(one).events == (ResponseStarted("r1"),)
    assert done(one).events[0] == Transcript("user", "Any", True, "u1")


def test_the_end_of_an_answer_to_somebody_else_leaves_the_callers_words_open() -> None:
    one = dialect()
    response(one)
    hear(one, f"{SAID}.updated", item_id="u2", transcript="Wait")
    hear(one, "input_audio_buffer.committed", item_id="u2")

    assert done(one).events == (ResponseDone("r1"),)


def test_a_failed_transcript_is_told_with_the_vendors_code() -> None:
    failed = hear(
        dialect(), f"{SAID}.failed", item_id="u1", error={"code": "unintelligible", "message": "secret words"}
    )

    assert failed.events == (TranscriptFailed("u1", "unintelligible"),)


# --- the agent's words --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["output_audio_transcript", "output_text", "text"])
def test_words_are_read_under_each_of_their_names(kind: str) -> None:
    where = {"item_id": "a1", "response_id": "r1", "delta": "Hi", "start_time": 1.25}

    words, said = hear(dialect(), f"response.{kind}.delta", **where).events

    assert words == SpokenWords("Hi", 1_250.0, "r1", "a1")
    assert said == Transcript("assistant", "Hi", False, "a1", "r1")


@pytest.mark.parametrize("start_time", [None, "0.5", True, -1, 1e30, [0]])
def test_a_time_that_is_none_is_left_out(start_time: Any) -> None:
    where = {"item_id": "a1", "response_id": "r1", "delta": "Hi", "start_time": start_time}

    assert hear(dialect(), "response.output_audio_transcript.delta", **where).events == (
        Transcript("assistant", "Hi", False, "a1", "r1"),
    )


# --- tools --------------------------------------------------------------------------------------------------------


def test_results_wait_for_the_end_of_the_answer_and_one_request_follows_the_last() -> None:
    one = dialect()
    response(one)
    call(one, "c1")
    call(one, "c2", "book")

    assert sent(one, ToolResult("c1", "look", "1")) == []
    assert types(done(one).replies) == ["conversation.item.create"]
    assert [m["type"] for m in sent(one, ToolResult("c2", "book", "2"))] == [
        "conversation.item.create",
        "response.create",
    ]


@pytest.mark.parametrize("response_id", ["", "r1"])
def test_a_call_that_belongs_to_no_answer_or_comes_after_it_is_not_waited_with(response_id: str) -> None:
    one = dialect()
    response(one)
    done(one)

    call(one, "c1", response_id=response_id)

    assert [m["type"] for m in sent(one, ToolResult("c1", "look", "1"))] == [
        "conversation.item.create",
        "response.create",
    ]


def test_calls_of_the_next_answer_do_not_wait_for_a_slow_tool_of_the_last() -> None:
    one = dialect()
    response(one)
    call(one, "slow")
    done(one)
    response(one, "r2")
    call(one, "c2", response_id="r2")
    done(one, "r2")

    assert [m["type"] for m in sent(one, ToolResult("c2", "look", "1"))] == [
        "conversation.item.create",
        "response.create",
    ]
    assert [m["type"] for m in sent(one, ToolResult("slow", "look", "2"))] == ["conversation.item.create"]


def test_a_result_that_asks_for_nothing_is_followed_by_nothing() -> None:
    one = dialect()
    response(one)
    call(one, "c1")
    done(one)

    assert [m["type"] for m in sent(one, ToolResult("c1", "look", "1", asks=False))] == ["conversation.item.create"]


def test_a_call_that_is_only_in_the_finished_answer_is_reported_too() -> None:
    one = dialect()
    item = {"type": "function_call", "role": "tool", "call_id": "c1", "name": "look", "arguments": "{}"}
    finished = {"id": "r1", "status": "completed", "output": [item]}

    decoded = hear(one, "response.done", response=finished)

    assert decoded.events[0] == ToolCall("c1", "look", "{}", "r1")


def test_a_call_nobody_declared_is_the_servers_own_where_it_has_tools_and_ours_to_answer_where_not() -> None:
    with_search = dialect(vendor_tools=({"type": "x_search"},))

    assert call(with_search, "c1", "x_semantic_search").events == ()
    assert call(dialect(), "c1", "x_semantic_search").events == (ToolCall("c1", "x_semantic_search", "{}", "r1"),)


def test_a_call_for_a_tool_of_before_is_still_ours() -> None:
    one = dialect(vendor_tools=({"type": "x_search"},))

    one.encode(UpdateSession(LinkConfig("s", vendor_tools=({"type": "x_search"},))))

    assert len(call(one, "c1", "look").events) == 1


def test_a_call_id_is_given_back_as_it_came_however_long() -> None:
    one = dialect()
    long_id = "call-" + "0123456789abcdef" * 4
    call(one, long_id)
    done(one)

    assert sent(one, ToolResult(long_id, "look", "1"))[0]["item"]["call_id"] == long_id


# --- answers ------------------------------------------------------------------------------------------------------


def test_words_to_be_spoken_wait_their_turn_and_need_no_request() -> None:
    one = dialect()
    sent(one, AskForResponse())
    response(one)

    assert sent(one, Speak("Hello.")) == []
    (reply,) = done(one).replies
    assert json.loads(reply)["item"]["type"] == "force_message"
    assert sent(one, AskForResponse()) == []


def test_a_request_that_met_another_answer_is_made_again_after_it() -> None:
    one = dialect()
    sent(one, AskForResponse())
    busy = "Conversation already has an active response in progress: r9."

    refused = hear(one, "error", error={"type": "invalid_request_error", "code": "", "message": busy})

    assert refused == Decoded()
    assert types(done(one, "r9").replies) == ["response.create"]


def test_cancelling_what_is_over_says_nothing() -> None:
    one = dialect()
    response(one)
    done(one)

    assert sent(one, CancelResponse("r1")) == []


def test_usage_is_read_beside_the_response_or_inside_it() -> None:
    counts = {"input_token_details": {"text_tokens": 7, "grok_tokens": 3}, "billable_audio_seconds": 2.5}

    beside = done(dialect(), usage=counts).events[-1]
    inside = hear(dialect(), "response.done", response={"id": "r1", "usage": counts}).events[-1]

    assert beside == inside == ResponseDone("r1", usage={"input_text_tokens": 7, "billable_s": 2.5})


@pytest.mark.parametrize("count", ["7", True, -1, 1e300, None, [7]])
def test_a_count_that_is_none_is_left_out(count: Any) -> None:
    assert done(dialect(), usage={"total_tokens": count}).events[-1] == ResponseDone("r1")


# --- trouble ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"error": {"type": "a", "code": "b", "message": "secret"}}, "b"),
        ({"error": {"type": "a", "code": ""}}, "a"),
        ({"code": "flat", "message": "secret"}, "flat"),
        ({"error": "secret words"}, "unknown_error"),
        ({"error": {"code": "not an identifier: secret"}}, "unknown_error"),
        ({}, "unknown_error"),
    ],
)
def test_errors_of_either_shape_are_told_without_the_vendors_sentences(event: dict[str, Any], code: str) -> None:
    (fault,) = hear(dialect(), "error", **event).events

    assert isinstance(fault, ProviderFault)
    assert (fault.code, fault.is_fatal) == (code, False)
    assert "secret" not in fault.message


@pytest.mark.parametrize(
    "kind", ["ping", "mcp_list_tools.completed", "input_audio_buffer.timeout_triggered", "new", ""]
)
def test_what_is_not_known_means_nothing(kind: str) -> None:
    assert hear(dialect(), kind, timestamp=1) == Decoded()


@pytest.mark.parametrize("rubbish", ["", "{", "[]", "null", b"\xff", '"ping"'])
def test_what_is_no_event_is_a_wire_error(rubbish: str | bytes) -> None:
    with pytest.raises(WireError):
        dialect().decode(rubbish)


def test_pictures_are_refused_before_the_wire() -> None:
    with pytest.raises(ConfigError, match="sees no images"):
        dialect().encode(InjectImage(b"", "image/png"))


def test_half_a_surrogate_pair_does_not_break_the_wire() -> None:
    for message in dialect().encode(InjectText("\ud83d")):
        assert isinstance(message, str)
        assert message.isascii()


def test_a_frame_of_the_caller_is_one_message() -> None:
    assert sent(dialect(), SendAudio(b"\x01\x02")) == [{"type": "input_audio_buffer.append", "audio": "AQI="}]
