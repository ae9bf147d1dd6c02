"""The rest of the dialect: set-up, pings, the caller's turns, tool calls, trouble, and what the vendor lacks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from roomkit.errors import ConfigError, WireError
from roomkit.providers.elevenlabs.dialect import ElevenLabsDialect
from roomkit.voice.realtime.commands import (
    AskForResponse,
    BeginInput,
    CommitInput,
    DeleteItem,
    InjectImage,
    InjectText,
    InputPaused,
    LinkConfig,
    SendAudio,
    ToolResult,
    TruncateOutput,
    UpdateSession,
)
from roomkit.voice.realtime.dialect import Decoded
from roomkit.voice.realtime.provider_events import (
    Audio,
    InputCommitted,
    LinkReady,
    ProviderFault,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    Transcript,
)
from tests.providers.elevenlabs.conftest import Conversation, names
from tests.wire.elevenlabs_messages import check_client


def test_the_metadata_says_the_rates_and_the_conversation(conversation: Conversation) -> None:
    assert conversation.begun == [LinkReady(16_000, 16_000, "c")]


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_every_pcm_rate_is_spoken(rate_hz: int) -> None:
    assert Conversation(audio_format=f"pcm_{rate_hz}").begun == [LinkReady(rate_hz, rate_hz, "c")]


def test_a_format_nobody_speaks_ends_the_link_and_names_those_we_do() -> None:
    (fault,) = Conversation(audio_format="opus_48000").begun

    assert isinstance(fault, ProviderFault)
    assert fault.is_fatal
    assert "pcm_16000" in fault.message


def test_metadata_comes_once_and_is_ignored_when_it_comes_again(conversation: Conversation) -> None:
    assert conversation.got("conversation_initiation_metadata", "conversation_initiation_metadata_event") == []


def test_a_ping_is_answered_with_its_number_and_before_any_event(conversation: Conversation) -> None:
    decoded = conversation.dialect.decode('{"type":"ping","ping_event":{"event_id":"7","ping_ms":45}}')

    assert decoded == Decoded((), ('{"type":"pong","event_id":7}',))


@pytest.mark.parametrize("event", [{}, {"event_id": None}, {"event_id": -1}, {"event_id": [1]}, {"event_id": True}])
def test_a_ping_without_a_number_is_not_answered(conversation: Conversation, event: dict[str, Any]) -> None:
    assert conversation.dialect.decode(json.dumps({"type": "ping", "ping_event": event})) == Decoded()


# --- the caller -----------------------------------------------------------------------------------------------------


def test_tentative_words_begin_a_turn_and_final_ones_end_it(conversation: Conversation) -> None:
    item = "c/caller-1"

    assert conversation.caller_may_say("Any") == [SpeechStarted(item), Transcript("user", "Any", False, item)]
    assert conversation.caller_may_say("Any sl") == [Transcript("user", "Any sl", False, item)]
    assert conversation.caller_says("Any slot?", 2) == [
        SpeechStopped(item),
        InputCommitted(item),
        Transcript("user", "Any slot?", True, item),
    ]
    assert conversation.caller_may_say("And")[0] == SpeechStarted("c/caller-2")


def test_a_voice_score_begins_a_turn_before_its_words(conversation: Conversation) -> None:
    assert names(conversation.voice_score(0.5)) == []
    assert names(conversation.voice_score(0.9)) == ["SpeechStarted"]
    assert names(conversation.voice_score(0.95)) == []
    assert names(conversation.caller_may_say("Any")) == ["Transcript"]
    assert names(conversation.voice_score(0.0)) == []


def test_a_voice_without_words_was_noise_and_its_place_is_given_up(conversation: Conversation) -> None:
    conversation.voice_score(0.9)

    assert conversation.voice_score(0.1) == [SpeechStopped("c/caller-1", is_utterance=False)]
    assert conversation.caller_says("Late words.", 2)[0] == SpeechStarted("c/caller-2")


# --- tools ----------------------------------------------------------------------------------------------------------


def call(conversation: Conversation, **changes: Any) -> list[Any]:
    body = {"tool_name": "get_slot", "tool_call_id": "tc_1", "parameters": {"day": "Fri"}, "event_id": 3, **changes}
    return conversation.got("client_tool_call", "client_tool_call", **body)


def test_a_tool_call_is_told_once(conversation: Conversation) -> None:
    assert call(conversation) == [ToolCall("tc_1", "get_slot", '{"day": "Fri"}')]
    assert call(conversation) == []


@pytest.mark.parametrize("broken", [{"tool_name": ""}, {"tool_call_id": 5}, {"tool_name": None}])
def test_a_call_without_name_or_id_is_none(conversation: Conversation, broken: dict[str, Any]) -> None:
    assert call(conversation, **broken) == []


def test_parameters_that_are_no_object_are_none(conversation: Conversation) -> None:
    assert call(conversation, parameters=[1]) == [ToolCall("tc_1", "get_slot", "{}")]


@pytest.mark.parametrize(
    ("output", "is_error"),
    [
        ("10:30", False),
        ('{"slot": "10:30"}', False),
        ('{"error": "get_slot failed: KeyError"}', True),
        ('{"error": null, "slot": "10:30"}', False),
        ("{broken", False),
        ("{" * 100_000, False),
    ],
)
def test_a_result_goes_out_as_text_and_says_whether_it_is_an_error(
    conversation: Conversation, output: str, is_error: bool
) -> None:
    call(conversation)

    assert conversation.sends(ToolResult("tc_1", "get_slot", output)) == [
        {"type": "client_tool_result", "tool_call_id": "tc_1", "result": output, "is_error": is_error}
    ]


def test_an_empty_result_is_said_in_a_word(conversation: Conversation) -> None:
    call(conversation)

    assert conversation.sends(ToolResult("tc_1", "get_slot", ""))[0]["result"] == "Done."


def test_a_result_nobody_here_asked_for_travels_as_words(conversation: Conversation) -> None:
    call(conversation)
    conversation.sends(ToolResult("tc_1", "get_slot", "10:30"))

    assert conversation.sends(ToolResult("tc_1", "get_slot", "10:30", asks=False))[0]["type"] == "contextual_update"
    assert conversation.sends(ToolResult("old", "get_slot", "10:30"))[0]["type"] == "user_message"


# --- what the vendor lacks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [TruncateOutput("x", 10), DeleteItem("x"), BeginInput(), UpdateSession(LinkConfig("s", instructions="Other."))],
)
def test_what_a_session_sends_as_a_matter_of_course_is_left_out(conversation: Conversation, command: Any) -> None:
    assert conversation.sends(command) == []


@pytest.mark.parametrize("command", [InputPaused(), CommitInput()])
def test_a_second_of_silence_ends_an_utterance_when_the_audio_stops(conversation: Conversation, command: Any) -> None:
    (message,) = conversation.dialect.encode(command)

    check_client(message)
    assert len(json.loads(message)["user_audio_chunk"]) * 3 // 4 == pytest.approx(32_000, abs=2)


def test_an_image_is_refused_before_the_wire_with_the_way_out(conversation: Conversation) -> None:
    with pytest.raises(ConfigError, match="describe the picture"):
        conversation.dialect.encode(InjectImage(b"", "image/png"))


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (InjectText("Hi"), {"type": "user_message", "text": "Hi"}),
        (InjectText("Hurry.", "system"), {"type": "user_message", "text": "Hurry."}),
        (InjectText("Hi", silent=True), {"type": "contextual_update", "text": "The user said: Hi"}),
        (InjectText("It rains.", "system", True), {"type": "contextual_update", "text": "It rains."}),
        (InjectText("Hello.", "assistant", True), {"type": "contextual_update", "text": "You said: Hello."}),
        (AskForResponse(), {"type": "user_message", "text": "Please go on."}),
        (AskForResponse("Say hello."), {"type": "user_message", "text": "Say hello."}),
    ],
)
def test_words_travel_as_a_typed_turn_or_as_silent_context(
    conversation: Conversation, command: Any, message: dict[str, Any]
) -> None:
    assert conversation.sends(command) == [message]


def test_half_a_surrogate_pair_does_not_break_the_wire(conversation: Conversation) -> None:
    (message,) = conversation.dialect.encode(InjectText("\ud83d"))

    assert isinstance(message, str)
    assert message.isascii()


# --- audio and trouble ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"audio","audio_event":{"audio_base_64":"%s","event_id":3}}',
        '{"type": "audio", "audio_event": {"audio_base_64": "%s", "event_id": 3}}',
        '{"audio_event":{"audio_base_64":"%s","event_id":3},"type":"audio"}',
        '{"audio_event":{"event_id":3,"audio_base_64":"%s"},"type":"audio"}',
        '{"type":"audio","audio_event":{"audio_base_64":"%s","event_id":"3","alignment":null}}',
        '{"type":"audio","audio_event":{"audio_base_64" : "%s","event_id":3}}',
        '{"type":"audio","audio_event":{"audio_base_64":"%s"}}',
    ],
)
def test_audio_is_read_in_whatever_order_its_keys_come(conversation: Conversation, text: str) -> None:
    came = [conversation.dialect.decode(text % audio).events[-1] for audio in ("AAEC", "AwQF", "BgcI")]

    pcm = b"".join(event.pcm for event in came if isinstance(event, Audio))
    assert pcm == bytes(range(8))  # the ninth byte is half a sample


def test_an_escaped_slash_in_the_audio_is_read(conversation: Conversation) -> None:
    conversation.audio(3)
    events = (
        conversation.dialect.decode(
            '{"type":"audio","audio_event":{"audio_base_64":"\\/\\/\\/\\/","event_id":3}}'
        ).events
        + conversation.dialect.decode('{"type":"audio","audio_event":{"audio_base_64":"\\/w==","event_id":3}}').events
    )

    assert b"".join(event.pcm for event in events if isinstance(event, Audio)) == b"\xff" * 4


def test_the_number_of_a_chunk_is_read_anew_each_time(conversation: Conversation) -> None:
    for event_id in (3, 4, 5):
        conversation.audio(event_id)
    conversation.interrupts(5)

    assert conversation.audio(5) == conversation.audio(4) == []
    assert names(conversation.audio(16)) == ["ResponseStarted", "Audio"]


@pytest.mark.parametrize("audio", ["A", "!!!!", "AAAA====", "AAA A", 'AA\\"A'])
def test_audio_that_is_not_base64_is_a_wire_error(conversation: Conversation, audio: str) -> None:
    conversation.audio(3)

    with pytest.raises(WireError):
        conversation.dialect.decode('{"type":"audio","audio_event":{"audio_base_64":"' + audio + '","event_id":3}}')


@pytest.mark.parametrize("message", ["", "[]", "null", '"audio"', "{", b"\xff", "[" * 200_000])
def test_what_is_no_object_is_a_wire_error(conversation: Conversation, message: str | bytes) -> None:
    with pytest.raises(WireError):
        conversation.dialect.decode(message)


@pytest.mark.parametrize("kind", ["agent_reasoning_response_part", "rich_content", "brand_new", "context_usage"])
def test_other_events_mean_nothing(conversation: Conversation, kind: str) -> None:
    assert conversation.got(kind, kind, text="x") == []


@pytest.mark.parametrize(
    ("body", "code", "is_fatal", "retryable"),
    [
        ({"code": 1008, "error_type": "override_error"}, "override_error", True, False),
        ({"code": 1008, "error_type": "missing_dynamic_variable"}, "missing_dynamic_variable", True, False),
        ({"code": 1000, "error_type": "max_duration_exceeded"}, "max_duration_exceeded", True, False),
        ({"code": 1002, "error_type": "invalid_message"}, "invalid_message", False, False),
        ({"code": 1011, "error_type": "custom_llm_error"}, "custom_llm_error", False, True),
        ({"code": 1011}, "error_1011", False, True),
        ({"code": 1008}, "error_1008", False, False),
        ({"code": [1], "error_type": "sk-secret words with blanks"}, "unknown_error", False, True),
        ({}, "unknown_error", False, True),
    ],
)
def test_an_error_says_whether_it_ends_the_link_and_whether_to_try_again(
    conversation: Conversation, body: dict[str, Any], code: str, is_fatal: bool, retryable: bool
) -> None:
    (fault,) = conversation.got("error", "error_event", message="quotes the prompt", **body)

    assert isinstance(fault, ProviderFault)
    assert (fault.code, fault.is_fatal, fault.retryable) == (code, is_fatal, retryable)
    assert "quotes" not in fault.message
    assert "secret" not in fault.message


def test_every_error_before_the_conversation_began_refuses_it() -> None:
    dialect = ElevenLabsDialect()
    dialect.open(LinkConfig("s"))

    (fault,) = dialect.decode('{"type":"error","error_event":{"code":1011,"error_type":"llm_error"}}').events

    assert isinstance(fault, ProviderFault)
    assert (fault.is_fatal, fault.retryable) == (True, True)


def test_mu_law_audio_of_the_caller_is_half_the_size() -> None:
    telephone = Conversation(audio_format="ulaw_8000")

    (message,) = telephone.sends(SendAudio(bytes(320)))

    assert message == {"user_audio_chunk": "/" * 213 + "w=="}  # 160 times 0xFF: digital silence
