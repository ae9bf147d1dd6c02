"""The Gemini dialect hears: turns counted, the session's notices, rubbish. No socket, no loop."""

from __future__ import annotations

import json
from typing import Any

import pytest

from roomkit.errors import WireError
from roomkit.voice.realtime.commands import (
    AskForResponse,
    Command,
    InjectImage,
    InjectText,
    InputPaused,
    LinkConfig,
    SendAudio,
    Speak,
    ToolResult,
    UpdateSession,
)
from roomkit.voice.realtime.provider_events import (
    Audio,
    GoingAway,
    InputCommitted,
    Interrupted,
    LinkReady,
    ResponseDone,
    ResponseStarted,
    Resumable,
    SpeechStarted,
    SpeechStopped,
    Transcript,
    TranscriptFailed,
)
from tests.providers.gemini.gemini_wire import (
    COMPLETE,
    EARLY,
    GENERATED,
    INTERRUPTED,
    NATIVE,
    NEWEST,
    PCM,
    SLOT,
    Check,
    Wire,
    called,
    chunk,
    content,
    heard,
    spoken,
)

# --- turns ------------------------------------------------------------------------------------------------------


def test_a_complete_set_up_makes_the_link_ready_once() -> None:
    wire = Wire()

    assert wire.ready == [LinkReady(16_000, 24_000, None)]
    assert wire.hears({"setupComplete": {}}) == []


def test_a_turn_is_heard_answered_and_counted() -> None:
    wire = Wire()

    events = wire.hears(
        heard(" Any"), heard(" slot?"), spoken("Let me"), chunk(), spoken(" look."), GENERATED, COMPLETE
    )

    assert events == [
        Transcript("user", "Any", False, "user-1"),
        Transcript("user", "Any slot?", False, "user-1"),
        InputCommitted("user-1"),
        Transcript("user", "Any slot?", True, "user-1"),
        ResponseStarted("response-1"),
        Transcript("assistant", "Let me", False, "", "response-1"),
        Audio(PCM, "response-1"),
        Transcript("assistant", "Let me look.", False, "", "response-1"),
        Transcript("assistant", "Let me look.", True, "", "response-1"),
        ResponseDone("response-1"),
    ]


def test_words_of_the_caller_that_come_after_the_answer_began_keep_the_place_of_their_turn() -> None:
    wire = Wire()

    events = wire.hears(chunk(), heard("Any slot?"), COMPLETE)

    assert events == [
        InputCommitted("user-1"),
        ResponseStarted("response-1"),
        Audio(PCM, "response-1"),
        Transcript("user", "Any slot?", False, "user-1"),
        ResponseDone("response-1"),
        Transcript("user", "Any slot?", True, "user-1"),
    ]


def test_a_place_no_words_came_for_is_given_up() -> None:
    wire = Wire()

    assert wire.hears(chunk(), COMPLETE)[-1] == TranscriptFailed("user-1", "no_transcript")


def test_without_transcripts_of_the_caller_no_place_is_kept_for_them() -> None:
    wire = Wire(provider_config={"input_audio_transcription": False})

    assert wire.hears(chunk())[0] == ResponseStarted("response-1")


def test_an_answer_to_typed_words_takes_no_place_for_spoken_ones() -> None:
    wire = Wire()
    wire.says(InjectText("Hi"))

    assert wire.hears(chunk())[0] == ResponseStarted("response-1")


def test_an_interruption_ends_the_answer_and_the_callers_words_belong_to_the_next_turn() -> None:
    wire = Wire()
    wire.hears(heard("One"), spoken("A long"), chunk())

    events = wire.hears(heard(" Wait"), INTERRUPTED, COMPLETE, heard(" a moment"), chunk())

    assert events == [
        Transcript("user", "Wait", False, "user-2"),
        Interrupted("response-1"),
        Transcript("assistant", "A long", True, "", "response-1"),
        ResponseDone("response-1", "cancelled", {}, "turn_detected"),
        Transcript("user", "Wait a moment", False, "user-2"),
        InputCommitted("user-2"),
        Transcript("user", "Wait a moment", True, "user-2"),
        ResponseStarted("response-2"),
        Audio(PCM, "response-2"),
    ]


def test_words_that_trail_behind_an_interruption_belong_to_what_was_cut() -> None:
    wire = Wire()

    events = wire.hears(spoken("Once upon"), chunk(), INTERRUPTED, spoken(" a time"), COMPLETE)

    assert [event for event in events if isinstance(event, ResponseStarted)] == [ResponseStarted("response-1")]
    assert Transcript("assistant", "Once upon a time", True, "", "response-1") in events


def test_an_answer_that_follows_an_interruption_without_its_end_is_another_one() -> None:
    wire = Wire()

    events = wire.hears(chunk(), INTERRUPTED, chunk())

    assert [event for event in events if isinstance(event, ResponseStarted | ResponseDone)] == [
        ResponseStarted("response-1"),
        ResponseDone("response-1", "cancelled", {}, "superseded"),
        ResponseStarted("response-2"),
    ]


def test_on_a_later_link_of_a_session_no_id_comes_again() -> None:  # R-0006-29
    wire = Wire(number=2)

    events = wire.hears(heard("Hi"), chunk())

    assert Transcript("user", "Hi", True, "link-2/user-1") in events
    assert Audio(PCM, "link-2/response-1") in events


def test_voice_activity_is_speech_where_the_service_tells_of_it() -> None:
    wire = Wire()

    events = wire.hears(
        {"voiceActivity": {"voiceActivityType": "ACTIVITY_START"}},
        heard("Hello"),
        {"voiceActivity": {"voiceActivityType": "ACTIVITY_END"}},
    )

    assert events == [SpeechStarted("user-1"), Transcript("user", "Hello", False, "user-1"), SpeechStopped("user-1")]


def test_a_turn_without_a_word_is_incomplete() -> None:
    wire = Wire()

    assert wire.hears(COMPLETE) == [
        ResponseStarted("response-1"),
        ResponseDone("response-1", "incomplete", {}, "empty_turn"),
    ]


def test_a_reason_for_the_end_that_is_a_failure_is_told_as_one() -> None:
    wire = Wire()

    done = wire.hears(chunk(), content(turnComplete=True, turnCompleteReason="RESPONSE_REJECTED"))[2:]

    assert ResponseDone("response-1", "failed", {}, "response_rejected") in done


def test_turns_completed_while_the_model_thinks_on_are_one_answer() -> None:
    wire = Wire("gemini-3.8-live-extended-thinking")

    events = wire.hears(
        chunk(), content(turnComplete=True, interactionStatus="IN_PROGRESS"), chunk(),
        content(turnComplete=True, interactionStatus="IDLE"),
    )  # fmt: skip

    assert [event for event in events if isinstance(event, ResponseDone)] == [ResponseDone("response-1")]


def test_thoughts_are_neither_heard_nor_the_beginning_of_an_answer() -> None:
    wire = Wire()

    assert wire.hears(content(modelTurn={"parts": [{"text": "**Checking**", "thought": True}]})) == []


def test_what_an_answer_cost_is_told_by_portable_names() -> None:
    wire = Wire()
    usage = {
        "promptTokenCount": 1_267, "responseTokenCount": 103, "totalTokenCount": 1_391, "thoughtsTokenCount": 21,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 1_200}, {"modality": "AUDIO", "tokenCount": 67}],
        "responseTokensDetails": [{"modality": "TEXT", "tokenCount": 22}, {"modality": "AUDIO", "tokenCount": 81}],
        "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 900}],
    }  # fmt: skip

    done = wire.hears(chunk(), {**COMPLETE, "usageMetadata": usage})[3]

    assert isinstance(done, ResponseDone)
    assert done.usage == {
        "input_text_tokens": 1_200, "input_audio_tokens": 67, "cached_text_tokens": 900,
        "output_text_tokens": 22, "output_audio_tokens": 81, "output_reasoning_tokens": 21, "total_tokens": 1_391,
    }  # fmt: skip


# --- the session ------------------------------------------------------------------------------------------------


def test_a_handle_makes_the_link_resumable_and_an_empty_one_does_not() -> None:
    wire = Wire()

    events = wire.hears(
        {"sessionResumptionUpdate": {"newHandle": "h-1", "resumable": True}},
        {"sessionResumptionUpdate": {"resumable": False}},
        {"sessionResumptionUpdate": {"newHandle": "h-2", "resumable": False}},
    )

    assert events == [Resumable("h-1")]


def test_a_resumed_link_names_its_handle_and_says_so() -> None:
    wire = Wire(resume="h-1")

    assert wire.setup["sessionResumption"] == {"handle": "h-1"}
    assert wire.ready == [LinkReady(16_000, 24_000, None, is_resumed=True)]


@pytest.mark.parametrize(("left", "left_ms"), [("9.5s", 9_500.0), ("50s", 50_000.0), ("soon", 0.0), (None, 0.0)])
def test_a_link_that_will_go_away_says_when(left: object, left_ms: float) -> None:
    assert Wire().hears({"goAway": {"timeLeft": left}}) == [GoingAway(left_ms)]


def test_what_changed_is_replaced_on_the_live_link() -> None:
    wire = Wire(instructions="Be brief.")

    (update,) = wire.says(UpdateSession(LinkConfig("s", instructions="Be long.", tools=(SLOT,))))

    assert update["contextUpdate"]["systemInstruction"] == {"parts": [{"text": "Be long."}]}
    assert update["contextUpdate"]["tools"]["tools"][0]["functionDeclarations"][0]["name"] == "get_slot"
    assert wire.says(UpdateSession(LinkConfig("s", instructions="Be long.", tools=(SLOT,)))) == []


def test_an_older_model_is_told_its_new_instructions() -> None:
    wire = Wire(NATIVE, instructions="Be brief.")

    (told,) = wire.says(UpdateSession(LinkConfig("s", instructions="Be long.")))

    assert told["clientContent"]["turns"][0]["parts"][0]["text"].endswith("Be long.")


# --- rubbish ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", [b"", b"\xff\xfe", b"[]", b"null", "{", b"[" * 100_000])
def test_what_is_no_json_object_cannot_be_read(message: str | bytes) -> None:
    with pytest.raises(WireError):
        Wire().dialect.decode(message)


@pytest.mark.parametrize(
    "message",
    [
        {}, {"brandNew": {}}, {"serverContent": None}, {"serverContent": []}, {"serverContent": {"modelTurn": "x"}},
        content(modelTurn={"parts": [None, 1, {"inlineData": None}, {"inlineData": {"mimeType": "image/png"}}]}),
        content(inputTranscription={"text": 7}), content(turnComplete="yes"), {"toolCall": {"functionCalls": [{}]}},
        {"toolCallCancellation": {"ids": None}}, {"usageMetadata": {"promptTokensDetails": [{"modality": []}]}},
    ],
)  # fmt: skip
def test_wrong_types_and_unknown_keys_mean_nothing(message: dict[str, Any]) -> None:
    events = Wire().hears(message)

    assert [event for event in events if not isinstance(event, ResponseStarted | InputCommitted)] == []


@pytest.mark.parametrize(
    "inline", [{"mimeType": "audio/pcm;rate=24000", "data": "!"}, {"mimeType": "audio/pcm;rate=8000", "data": "AAAA"}]
)
def test_audio_that_cannot_be_played_cannot_be_read(inline: dict[str, str]) -> None:
    with pytest.raises(WireError):
        Wire().hears(content(modelTurn={"parts": [{"inlineData": inline}]}))


def test_text_frames_are_read_as_well_as_binary_ones() -> None:
    assert Audio(PCM, "response-1") in Wire().dialect.decode(json.dumps(chunk())).events


COMMANDS: list[Command] = [
    SendAudio(PCM), InputPaused(), AskForResponse(), AskForResponse("Be kind."), InjectText("\ud800"),
    InjectText("Hi", "system"), InjectText("Hi", silent=True), InjectImage(b"x", "image/jpeg"), Speak("Hi"),
    InjectImage(b"x", "image/jpeg", silent=True), ToolResult("c-1", "get_slot", "1"), ToolResult("x", "y", "z"),
    UpdateSession(LinkConfig("s", instructions="New", tools=(SLOT,))),
]  # fmt: skip


@pytest.mark.parametrize("model", [NATIVE, EARLY, NEWEST, "gemini-2.0-flash-live-001", "my-model"])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_gemini_would_take_whatever_is_sent(model: str, command: Command, accepted_by_gemini: Check) -> None:
    wire = Wire(model, instructions="Be brief.", tools=(SLOT,))
    wire.hears(called())

    for message in wire.dialect.encode(command):
        accepted_by_gemini(message)
