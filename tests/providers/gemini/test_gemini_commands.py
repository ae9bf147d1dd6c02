"""The Gemini dialect speaks: audio, words and pictures, and who is asked when. No socket, no loop."""

from __future__ import annotations

import base64

import pytest

from roomkit.errors import ConfigError
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
    SendAudio,
    Speak,
    TruncateOutput,
)
from roomkit.voice.realtime.provider_events import (
    Audio,
    ResponseStarted,
)
from tests.providers.gemini.gemini_wire import (
    COMPLETE,
    EARLY,
    GENERATED,
    INTERRUPTED,
    MANUAL,
    PCM,
    Wire,
    chunk,
    turn,
)

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
