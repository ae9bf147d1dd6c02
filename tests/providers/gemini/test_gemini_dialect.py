"""The Gemini dialect, message by message: what is said, what is understood, who is asked when. No socket, no loop."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from roomkit.errors import ConfigError, WireError
from roomkit.providers.gemini.dialect import GeminiDialect
from roomkit.voice.realtime.commands import (
    AskForResponse,
    BeginInput,
    CancelResponse,
    Command,
    CommitInput,
    DeleteItem,
    InjectImage,
    InjectText,
    InputPaused,
    LinkConfig,
    RecallToolCall,
    SendAudio,
    Speak,
    ToolResult,
    ToolSpec,
    TruncateOutput,
    UpdateSession,
)
from roomkit.voice.realtime.provider_events import (
    Audio,
    GoingAway,
    InputCommitted,
    Interrupted,
    LinkReady,
    ProviderEvent,
    ResponseDone,
    ResponseStarted,
    Resumable,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    ToolCallCancelled,
    Transcript,
    TranscriptFailed,
)

NATIVE = "gemini-2.5-flash-native-audio-preview-12-2025"
EARLY = "gemini-3.1-flash-live-preview"
NEWEST = "gemini-3.8-live"
SLOT = ToolSpec("get_slot", "Find a slot", {"type": "object", "properties": {"day": {"type": "string"}}})
MANUAL = {"automatic_activity_detection": {"disabled": True}}
PCM = b"\x01\x00\x02\x00"
Check = Callable[[Any], None]


class Wire:
    """A dialect whose set-up is complete, and both its directions as JSON."""

    def __init__(self, model: str = NEWEST, **config: Any) -> None:
        self.dialect = GeminiDialect(model)
        self.setup: dict[str, Any] = json.loads(self.dialect.open(LinkConfig("s", **config))[0])["setup"]
        self.ready = self.hears({"setupComplete": {}})
        self.replies: list[Any] = []

    def hears(self, *messages: dict[str, Any]) -> list[ProviderEvent]:
        events: list[ProviderEvent] = []
        for message in messages:
            decoded = self.dialect.decode(json.dumps(message, indent=2).encode())
            events += decoded.events
            self.replies = [json.loads(reply) for reply in decoded.replies]
        return events

    def says(self, command: Command) -> list[Any]:
        return [json.loads(message) for message in self.dialect.encode(command)]


def content(**fields: Any) -> dict[str, Any]:
    return {"serverContent": fields}


def chunk(pcm: bytes = PCM) -> dict[str, Any]:
    inline = {"mimeType": "audio/pcm;rate=24000", "data": base64.b64encode(pcm).decode()}
    return content(modelTurn={"parts": [{"inlineData": inline}]})


def heard(text: str, **fields: Any) -> dict[str, Any]:
    return content(inputTranscription={"text": text, **fields})


def spoken(text: str) -> dict[str, Any]:
    return content(outputTranscription={"text": text})


def called(call_id: str = "c-1", name: str = "get_slot", **args: Any) -> dict[str, Any]:
    return {"toolCall": {"functionCalls": [{"id": call_id, "name": name, "args": args}]}}


COMPLETE = content(turnComplete=True)
GENERATED = content(generationComplete=True)
INTERRUPTED = content(interrupted=True)


def turn(text: str, role: str = "user", *, is_complete: bool = True) -> dict[str, Any]:
    return {"clientContent": {"turns": [{"role": role, "parts": [{"text": text}]}], "turnComplete": is_complete}}


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


# --- audio ------------------------------------------------------------------------------------------------------


def test_audio_goes_out_labelled_with_its_rate() -> None:
    data = base64.b64encode(PCM).decode()

    assert Wire().says(SendAudio(PCM)) == [
        {"realtimeInput": {"audio": {"mimeType": "audio/pcm;rate=16000", "data": data}}}
    ]


def test_samples_cut_in_half_are_put_together() -> None:
    wire = Wire()

    pieces = [event.pcm for event in wire.hears(chunk(PCM[:3]), chunk(PCM[3:])) if isinstance(event, Audio)]

    assert b"".join(pieces) == PCM
    assert all(len(pcm) % 2 == 0 for pcm in pieces)


def test_a_pause_is_told_once_and_only_after_audio() -> None:
    wire = Wire()

    assert wire.says(InputPaused()) == []
    wire.says(SendAudio(PCM))
    assert wire.says(InputPaused()) == [{"realtimeInput": {"audioStreamEnd": True}}]
    assert wire.says(InputPaused()) == []


def test_a_manual_turn_is_put_between_its_marks() -> None:
    wire = Wire(provider_config=MANUAL)

    sent = [message for command in (BeginInput(), SendAudio(PCM), CommitInput()) for message in wire.says(command)]

    assert wire.setup["realtimeInputConfig"] == {"automaticActivityDetection": {"disabled": True}}
    assert [next(iter(message["realtimeInput"])) for message in sent] == ["activityStart", "audio", "activityEnd"]


def test_a_turn_that_is_committed_without_having_been_begun_is_heard_too() -> None:
    wire = Wire(provider_config=MANUAL)

    assert wire.says(SendAudio(PCM)) == wire.says(SendAudio(PCM)) == []
    started, audio, ended = wire.says(CommitInput())
    assert (started, ended) == ({"realtimeInput": {"activityStart": {}}}, {"realtimeInput": {"activityEnd": {}}})
    assert base64.b64decode(audio["realtimeInput"]["audio"]["data"]) == PCM * 2
    assert wire.says(CommitInput()) == []


def test_what_was_said_before_a_manual_turn_begins_does_not_count() -> None:
    wire = Wire(provider_config=MANUAL)
    wire.says(SendAudio(PCM))

    wire.says(BeginInput())

    assert wire.says(CommitInput()) == [{"realtimeInput": {"activityEnd": {}}}]
    assert wire.says(CommitInput()) == []


def test_marks_mean_nothing_while_the_service_detects_speech_itself() -> None:
    wire = Wire()

    assert wire.says(BeginInput()) == wire.says(CommitInput()) == []


def test_a_pause_means_nothing_in_manual_turns() -> None:
    wire = Wire(provider_config=MANUAL)
    wire.says(BeginInput())
    wire.says(SendAudio(PCM))

    assert wire.says(InputPaused()) == []


# --- words, pictures --------------------------------------------------------------------------------------------


def test_typed_words_are_a_turn_and_silent_ones_are_context() -> None:
    wire = Wire()

    assert wire.says(InjectText("Hi")) == [turn("Hi")]
    assert wire.says(InjectText("Hello.", "assistant", silent=True)) == [turn("Hello.", "model", is_complete=False)]


def test_the_systems_words_are_the_users_with_a_mark() -> None:
    (sent,) = Wire().says(InjectText("The line is bad", "system", silent=True))

    (said,) = sent["clientContent"]["turns"]
    assert said["role"] == "user"
    assert said["parts"][0]["text"].endswith(" The line is bad")
    assert "system" in said["parts"][0]["text"]


def test_a_model_that_takes_turns_only_at_first_is_told_the_history_at_once() -> None:
    wire = Wire(EARLY)

    assert wire.setup["historyConfig"] == {"initialHistoryInClientContent": True}
    assert wire.says(InjectText("Hi", silent=True)) == wire.says(InjectText("Hello.", "assistant", silent=True)) == []
    history, audio = wire.says(SendAudio(PCM))
    assert [(each["role"], each["parts"][0]["text"]) for each in history["clientContent"]["turns"]] == [
        ("user", "Hi"),
        ("model", "Hello."),
    ]
    assert history["clientContent"]["turnComplete"] is True
    assert "audio" in audio["realtimeInput"]


def test_later_that_model_is_told_everything_as_typed_input() -> None:
    wire = Wire(EARLY)
    wire.says(SendAudio(PCM))

    assert wire.says(InjectText("Hi")) == [{"realtimeInput": {"text": "Hi"}}]
    (context,) = wire.says(InjectText("It rains", silent=True))
    assert "do not answer" in context["realtimeInput"]["text"]
    assert context["realtimeInput"]["text"].endswith("It rains")


def test_a_conversation_taken_up_again_has_no_history_to_tell() -> None:
    wire = Wire(EARLY, resume="handle")

    assert "historyConfig" not in wire.setup
    assert len(wire.says(SendAudio(PCM))) == 1


def test_a_picture_is_a_frame_to_be_seen_or_a_turn_to_be_answered() -> None:
    wire = Wire()
    blob = {"mimeType": "image/png", "data": "eA=="}

    assert wire.says(InjectImage(b"x", "image/png", silent=True)) == [{"realtimeInput": {"video": blob}}]
    (asked,) = wire.says(InjectImage(b"x", "image/png"))
    assert asked["clientContent"]["turns"][0]["parts"] == [{"inlineData": blob}]
    assert asked["clientContent"]["turnComplete"] is True


def test_a_picture_of_another_kind_is_refused_before_the_wire() -> None:
    with pytest.raises(ConfigError, match="image/jpeg and image/png"):
        Wire().says(InjectImage(b"x", "image/gif"))


# --- asking -----------------------------------------------------------------------------------------------------


def test_what_may_wait_waits_for_the_end_of_the_answer() -> None:
    wire = Wire()
    wire.hears(chunk())

    assert wire.says(AskForResponse()) == wire.says(AskForResponse()) == []
    wire.hears(COMPLETE)

    assert wire.replies == [{"clientContent": {"turnComplete": True}}]
    wire.hears(chunk(), COMPLETE)
    assert wire.replies == []


def test_words_to_be_said_follow_each_other() -> None:
    wire = Wire()

    (first,) = wire.says(Speak("One."))
    assert wire.says(Speak("Two.")) == []
    wire.hears(chunk(), COMPLETE)

    assert '"One."' in first["clientContent"]["turns"][0]["parts"][0]["text"]
    assert '"Two."' in wire.replies[0]["clientContent"]["turns"][0]["parts"][0]["text"]


def test_after_a_cancellation_nothing_waits_for_the_answer_that_is_not_wanted() -> None:
    wire = Wire()
    wire.hears(chunk())
    wire.says(Speak("Later"))

    assert wire.says(CancelResponse()) == []
    assert len(wire.says(Speak("Now"))) == 1
    wire.hears(INTERRUPTED, COMPLETE)
    assert wire.replies == []


def test_an_answer_asked_for_after_a_complete_one_is_another_even_if_that_is_still_being_played() -> None:
    wire = Wire()
    wire.hears(chunk(), GENERATED)
    wire.says(InjectText("And then?"))

    events = wire.hears(chunk())

    assert events[1:] == [ResponseStarted("response-2"), Audio(PCM, "response-2")]


def test_typed_words_wait_where_the_caller_may_not_interrupt() -> None:
    wire = Wire(provider_config={"activity_handling": "NO_INTERRUPTION"})
    wire.hears(chunk())

    assert wire.says(InjectText("Hi")) == []
    wire.hears(COMPLETE)
    assert wire.replies == [turn("Hi")]


@pytest.mark.parametrize("command", [TruncateOutput("item", 20), DeleteItem("item")])
def test_what_the_service_cannot_do_is_left_out_silently(command: Command) -> None:
    assert Wire().says(command) == []


# --- tools ------------------------------------------------------------------------------------------------------


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
