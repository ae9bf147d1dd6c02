"""The dialect's promises one by one: one response at a time, each word and call once, the caller's turn, set-up."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.errors import ConfigError
from roomkit.providers.openai.dialect import OpenAIDialect
from roomkit.voice.realtime.commands import (
    AskForResponse,
    BeginInput,
    CancelResponse,
    Command,
    CommitInput,
    InjectImage,
    InputPaused,
    LinkConfig,
    SendAudio,
    Speak,
    ToolResult,
    UpdateSession,
)
from roomkit.voice.realtime.dialect import Decoded
from roomkit.voice.realtime.provider_events import (
    LinkReady,
    ProviderFault,
    ResponseDone,
    SpeechStarted,
    ToolCall,
    Transcript,
)
from roomkit.voice.wires.port import WireMessage


def opened(**provider_config: Any) -> OpenAIDialect:
    dialect = OpenAIDialect()
    dialect.open(LinkConfig("s", provider_config=provider_config))
    hear(dialect, "session.updated", session={"id": "sess_1"})
    return dialect


def hear(dialect: OpenAIDialect, kind: str, **fields: Any) -> Decoded:
    return dialect.decode(json.dumps({"type": kind, **fields}))


def created(dialect: OpenAIDialect, response_id: str) -> Decoded:
    return hear(dialect, "response.created", response={"id": response_id})


def done(dialect: OpenAIDialect, response_id: str, status: str = "completed", **fields: Any) -> Decoded:
    return hear(dialect, "response.done", response={"id": response_id, "status": status, **fields})


def fails(dialect: OpenAIDialect, code: str | None, event_id: str | None = None, **fields: Any) -> Decoded:
    error = {"type": "invalid_request_error", "code": code, "message": "", "event_id": event_id, **fields}
    return hear(dialect, "error", error=error)


def kinds(messages: list[WireMessage] | tuple[WireMessage, ...]) -> list[str]:
    return [json.loads(message)["type"] for message in messages]


def id_of(message: WireMessage) -> str:
    return str(json.loads(message)["event_id"])


# --- one response at a time -------------------------------------------------------------------------------------


def test_a_response_asked_for_during_a_response_waits_for_its_end() -> None:
    dialect = opened()
    created(dialect, "resp_1")

    assert dialect.encode(AskForResponse()) == []
    assert kinds(done(dialect, "resp_1").replies) == ["response.create"]


def test_two_asks_in_one_tick_send_one_request() -> None:
    dialect = opened()

    assert kinds(dialect.encode(AskForResponse())) == ["response.create"]
    assert dialect.encode(AskForResponse()) == []


def test_a_request_lost_to_the_servers_own_response_is_sent_again_after_it() -> None:
    dialect = opened()
    (request,) = dialect.encode(AskForResponse())
    created(dialect, "resp_vad")

    assert fails(dialect, "conversation_already_has_active_response", id_of(request)) == Decoded()
    assert kinds(done(dialect, "resp_vad").replies) == ["response.create"]


def test_a_busy_server_that_has_announced_no_response_is_waited_for() -> None:
    dialect = opened()
    (request,) = dialect.encode(AskForResponse())

    fails(dialect, "conversation_already_has_active_response", id_of(request))

    assert dialect.encode(AskForResponse()) == []
    assert kinds(done(dialect, "resp_unseen").replies) == ["response.create"]


def test_a_response_that_ends_without_saying_which_frees_the_way() -> None:
    dialect = opened()
    created(dialect, "resp_1")
    dialect.encode(AskForResponse())

    assert kinds(hear(dialect, "response.done", response={}).replies) == ["response.create"]


def test_the_end_of_another_response_does_not() -> None:
    dialect = opened()
    created(dialect, "resp_1")
    dialect.encode(AskForResponse())

    assert done(dialect, "resp_0").replies == ()


def test_a_server_error_that_names_nothing_does_not_silence_the_agent_for_ever() -> None:
    dialect = opened()
    dialect.encode(AskForResponse())

    fails(dialect, None, type="server_error")

    assert kinds(dialect.encode(AskForResponse())) == ["response.create"]


def test_an_answer_asked_for_while_the_caller_speaks_is_given_with_the_servers_own() -> None:
    dialect = opened()
    hear(dialect, "input_audio_buffer.speech_started", item_id="i")

    assert kinds(dialect.encode(ToolResult("call_1", "look", "found"))) == ["conversation.item.create"]
    hear(dialect, "input_audio_buffer.speech_stopped", item_id="i")
    created(dialect, "resp_vad")
    assert done(dialect, "resp_vad").replies == ()


def test_an_answer_asked_for_while_the_caller_speaks_is_given_at_once_where_the_server_gives_none() -> None:
    dialect = opened(create_response=False)
    hear(dialect, "input_audio_buffer.speech_started", item_id="i")

    assert kinds(dialect.encode(AskForResponse())) == ["response.create"]


def test_an_answer_is_not_waited_for_when_what_the_caller_said_was_cleared() -> None:
    dialect = opened()
    hear(dialect, "input_audio_buffer.speech_started", item_id="i")
    dialect.encode(AskForResponse())

    assert kinds(hear(dialect, "input_audio_buffer.cleared").replies) == ["response.create"]


def test_words_to_be_said_exactly_do_not_wait_for_the_caller() -> None:
    dialect = opened()
    hear(dialect, "input_audio_buffer.speech_started", item_id="i")

    assert kinds(dialect.encode(Speak("One moment."))) == ["response.create"]


def test_cancelling_withdraws_what_waited_and_what_was_asked() -> None:
    dialect = opened()
    dialect.encode(AskForResponse())
    dialect.encode(Speak("later"))

    assert kinds(dialect.encode(CancelResponse())) == ["response.cancel"]
    created(dialect, "resp_1")
    assert done(dialect, "resp_1", "cancelled").replies == ()


@given(
    st.lists(
        st.sampled_from(["ask", "speak", "result", "hear", "vad", "create", "done", "busy", "refuse", "cancel"]),
        max_size=40,
    )
)
def test_there_are_never_two_requests_in_flight(moves: list[str]) -> None:
    """Against a model of the server: it holds at most one request and one response, and refuses nothing of ours."""
    dialect = opened()
    unanswered: list[str] = []
    active = ""

    def takes(messages: list[WireMessage] | tuple[WireMessage, ...]) -> None:
        unanswered.extend(id_of(message) for message in messages if "response.create" in kinds([message]))
        assert len(unanswered) + bool(active) <= 1

    for number, move in enumerate(moves):
        if move in ("ask", "speak", "result", "cancel"):
            commands: dict[str, Command] = {
                "ask": AskForResponse(),
                "speak": Speak("Hello."),
                "result": ToolResult(f"call_{number}", "look", "found"),
                "cancel": CancelResponse(),
            }
            takes(dialect.encode(commands[move]))
        elif move == "hear":
            hear(dialect, "input_audio_buffer.speech_started", item_id=f"item_{number}")
        elif (move == "vad" and not unanswered and not active) or (move == "create" and unanswered):
            unanswered.clear()
            active = f"resp_{number}"
            created(dialect, active)
        elif move == "busy" and unanswered:
            active, refused = f"resp_{number}", unanswered.pop()
            created(dialect, active)
            takes(fails(dialect, "conversation_already_has_active_response", refused).replies)
        elif move == "refuse" and unanswered:
            takes(fails(dialect, "invalid_value", unanswered.pop()).replies)
        elif move == "done" and active:
            finished, active = active, ""
            takes(done(dialect, finished).replies)


# --- each word and each call once -------------------------------------------------------------------------------


def test_a_tool_call_told_twice_is_reported_once() -> None:
    dialect = opened()
    call = {"call_id": "call_1", "name": "look", "arguments": "{}"}

    first = hear(dialect, "response.function_call_arguments.done", response_id="resp_1", **call)
    last = done(dialect, "resp_1", output=[{"type": "function_call", **call}])

    assert first.events == (ToolCall("call_1", "look", "{}", "resp_1"),)
    assert last.events == (ResponseDone("resp_1"),)


def test_a_tool_call_told_without_its_name_is_taken_from_the_finished_response() -> None:
    dialect = opened()

    first = hear(dialect, "response.function_call_arguments.done", call_id="call_1", arguments="{}")
    last = done(dialect, "resp_1", output=[{"type": "function_call", "call_id": "call_1", "name": "look"}])

    assert first.events == ()
    assert last.events[0] == ToolCall("call_1", "look", "", "resp_1")


def test_a_cut_response_calls_no_tool_whose_arguments_may_be_half() -> None:
    half = {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": '{"a'}

    events = done(opened(), "resp_1", "cancelled", output=[half]).events

    assert events == (ResponseDone("resp_1", "cancelled"),)


def test_a_final_transcript_told_twice_is_reported_once() -> None:
    dialect = opened()
    kind = "conversation.item.input_audio_transcription.completed"

    assert hear(dialect, kind, item_id="i", transcript="Hi").events == (Transcript("user", "Hi", True, "i"),)
    assert hear(dialect, kind, item_id="i", transcript="Hi").events == ()


def test_a_final_that_does_not_name_its_response_belongs_to_that_of_its_deltas() -> None:
    dialect = opened()
    hear(dialect, "response.output_audio_transcript.delta", item_id="i", response_id="resp_1", delta="Al")

    (final,) = hear(dialect, "response.output_audio_transcript.done", item_id="i", transcript="All.").events

    assert final == Transcript("assistant", "All.", True, "i", "resp_1")


def test_words_that_come_after_the_final_are_not_reported() -> None:
    dialect = opened()
    hear(dialect, "response.output_audio_transcript.done", item_id="i", response_id="r", transcript="All.")

    assert hear(dialect, "response.output_audio_transcript.delta", item_id="i", delta="late").events == ()


# --- the caller's turn ------------------------------------------------------------------------------------------


def test_a_commit_the_server_would_refuse_is_not_sent() -> None:
    dialect = opened(turn_detection=None)
    dialect.encode(SendAudio(bytes(99 * 48)))

    assert dialect.encode(CommitInput()) == []
    dialect.encode(SendAudio(bytes(48)))
    assert kinds(dialect.encode(CommitInput())) == ["input_audio_buffer.commit", "response.create"]


def test_a_committed_turn_whose_answer_is_held_waits_to_be_asked() -> None:
    dialect = OpenAIDialect()
    dialect.open(LinkConfig("s", provider_config={"turn_detection": None}, hold_answers=True))
    dialect.encode(SendAudio(bytes(9600)))

    assert kinds(dialect.encode(CommitInput())) == ["input_audio_buffer.commit"]
    assert kinds(dialect.encode(AskForResponse())) == ["response.create"]


def test_beginning_a_manual_turn_forgets_what_was_sent_before() -> None:
    dialect = opened(turn_detection=None)
    dialect.encode(SendAudio(bytes(9600)))

    assert kinds(dialect.encode(BeginInput())) == ["input_audio_buffer.clear"]
    assert dialect.encode(CommitInput()) == []


def test_a_pause_ends_an_utterance_once_and_only_where_the_server_listens_for_its_end() -> None:
    listening, manual = opened(silence_duration_ms=300), opened(turn_detection=None)
    for dialect in (listening, manual):
        assert dialect.encode(InputPaused()) == []
        assert hear(dialect, "input_audio_buffer.speech_started", item_id="i").events == (SpeechStarted("i"),)

    assert kinds(listening.encode(InputPaused())) == ["input_audio_buffer.append"]
    assert listening.encode(InputPaused()) == []
    assert manual.encode(InputPaused()) == []


# --- set-up -----------------------------------------------------------------------------------------------------


def test_the_link_is_ready_once_the_server_confirmed_our_configuration() -> None:
    dialect = OpenAIDialect()
    dialect.open(LinkConfig("s"))

    assert hear(dialect, "session.created", session={"id": "sess_1"}) == Decoded()
    assert hear(dialect, "session.updated", session={"id": "sess_1"}).events == (LinkReady(24000, 24000, "sess_1"),)
    assert hear(dialect, "session.updated", session={"id": "sess_1"}) == Decoded()


def test_a_refused_configuration_is_the_end_of_the_link() -> None:
    dialect = OpenAIDialect()
    (opening,) = dialect.open(LinkConfig("s"))

    (fault,) = fails(dialect, "unknown_parameter", id_of(opening), param="session.foo").events

    assert fault == ProviderFault(
        "unknown_parameter", "the session's configuration was refused: unknown_parameter at session.foo", is_fatal=True
    )


def test_a_refused_update_of_a_running_session_leaves_the_link_up() -> None:
    dialect = opened()
    (update,) = dialect.encode(UpdateSession(LinkConfig("s", voice="marin")))

    (fault,) = fails(dialect, "invalid_value", id_of(update)).events

    assert isinstance(fault, ProviderFault)
    assert not fault.is_fatal


def test_a_setting_that_cannot_work_changes_nothing() -> None:
    dialect = opened(turn_detection=None)

    with pytest.raises(ConfigError):
        dialect.encode(UpdateSession(LinkConfig("s", provider_config={"turn_detection": {"type": "magic"}})))

    assert kinds(dialect.encode(BeginInput())) == ["input_audio_buffer.clear"]


def test_a_picture_the_vendor_does_not_take_is_refused_with_those_it_does() -> None:
    with pytest.raises(ConfigError, match="image/png"):
        opened().encode(InjectImage(b"", "image/tiff"))
