"""What the simulated Gemini Live service takes and refuses, message by message. Pure: no socket, no loop."""

from __future__ import annotations

from typing import Any

import pytest

from roomkit.testing.simulators.sound import tone
from roomkit.testing.simulators.speech import Call, Speech
from tests.testing.gemini_talk import EARLY, MANUAL, NATIVE, NEWEST, WORDS, Talk, audio, members, spoken

# --- set-up -----------------------------------------------------------------------------------------------------


def test_a_set_up_is_complete_after_a_moment() -> None:
    assert members(Talk(generationConfig={}).ready) == ["setupComplete"]


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (WORDS, "first message must be setup"),
        ({"setup": {"model": NATIVE, "voice": "Puck"}}, "\"voice\" at 'setup'"),
        ({"setup": {"model": NATIVE, "generationConfig": {"thinking": 1}}}, "\"thinking\" at 'setup.generationConfig'"),
        ({"setup": {}}, "setup.model"),
        ({"setup": {"model": NATIVE, "generationConfig": {"responseModalities": ["TEXT"]}}}, "invalid argument"),
        ({"setup": {"model": NATIVE, "generationConfig": {"temperature": 9}}}, "setup.generationConfig.temperature"),
        ({"setup": {"model": NATIVE, "generationConfig": {"enableAffectiveDialog": True}}}, "enableAffectiveDialog"),
        ({"setup": {"model": NATIVE, "sessionResumption": {"handle": "stale"}}}, "resumption handle"),
        ({"setup": {"model": NEWEST, "generationConfig": {"thinkingConfig": {"thinkingBudget": 1}}}}, "Thinking"),
        ({"setup": {"model": NEWEST, "proactivity": {"proactiveAudio": False}}}, "Proactive"),
        ({"setup": {"model": f"{NEWEST}-extended-thinking"}}, "thinking level"),
        ("{", "Invalid JSON"),
        ("[]", "Invalid JSON"),
        (b"\xff", "Invalid JSON"),
        ({}, "exactly one member"),
        ({"hello": {}}, '"hello"'),
    ],
)
def test_a_set_up_that_cannot_work_is_hung_up_on_with_the_field_named(first: Any, reason: str) -> None:
    talk = Talk()

    assert talk.says(first) == []
    assert talk.closed is not None
    assert talk.closed.code == 1007
    assert reason in talk.closed.reason


def test_a_model_without_its_path_is_not_found() -> None:
    talk = Talk()
    talk.says({"setup": {"model": "gemini-3.8-live"}})

    assert talk.closed is not None
    assert talk.closed.code == 1008


def test_what_only_the_alpha_service_has_is_taken_there() -> None:
    assert Talk(is_alpha=True, generationConfig={"enableAffectiveDialog": True}).ready


@pytest.mark.parametrize("second", [WORDS, {"setup": {"model": NATIVE}}, audio(bytes(64))])
def test_nothing_may_come_before_the_set_up_is_complete(second: dict[str, Any]) -> None:
    talk = Talk()
    talk.says({"setup": {"model": NATIVE}})

    talk.says(second)

    assert talk.closed is not None
    assert "setupComplete" in talk.closed.reason


def test_a_set_up_comes_once() -> None:
    talk = Talk(generationConfig={})
    talk.says({"setup": {"model": NATIVE}})

    assert talk.closed is not None
    assert "once" in talk.closed.reason


# --- input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("realtime_input", "reason"),
    [
        ({"mediaChunks": [{"mimeType": "audio/pcm", "data": "AAAA"}]}, "deprecated"),
        ({}, "exactly one"),
        ({"text": "a", "audioStreamEnd": True}, "exactly one"),
        ({"activityStart": {}}, "automatic activity detection is enabled"),
        ({"activityEnd": {}}, "automatic activity detection is enabled"),
        ({"audio": {"mimeType": "audio/pcm;rate=16000", "data": "AAA="}}, ""),
        ({"audio": {"mimeType": "audio/pcm;rate=16000", "data": "AA=="}}, "whole samples"),
        ({"audio": {"mimeType": "audio/opus", "data": "AAAA"}}, "PCM16"),
        ({"audio": {"data": "AAAA"}}, "mimeType"),
        ({"video": {"mimeType": "video/mp4", "data": "AAAA"}}, "image"),
        ({"sound": {}}, '"sound"'),
    ],
)
def test_input_that_may_not_come_is_hung_up_on(realtime_input: dict[str, Any], reason: str) -> None:
    talk = Talk(generationConfig={})

    talk.says({"realtimeInput": realtime_input})

    if not reason:
        assert talk.closed is None
    else:
        assert talk.closed is not None
        assert talk.closed.code == 1007
        assert reason in talk.closed.reason


def test_the_end_of_a_stream_means_nothing_in_manual_turns_and_is_refused() -> None:
    talk = Talk(realtimeInputConfig=MANUAL)
    talk.says({"realtimeInput": {"audioStreamEnd": True}})

    assert talk.closed is not None


def test_speech_is_heard_and_its_end_is_a_turn() -> None:
    talk = Talk(generationConfig={})
    talk.speaks()

    assert [heard.turn for heard in talk.session.heard] == ["speech"]
    assert talk.session.answers.is_thinking


def test_the_end_of_a_stream_ends_an_utterance() -> None:
    talk = Talk(generationConfig={})
    talk.speaks(silence_ms=0)
    assert not talk.session.heard

    talk.says({"realtimeInput": {"audioStreamEnd": True}})

    assert [heard.turn for heard in talk.session.heard] == ["speech"]


def test_speech_is_heard_at_any_declared_rate() -> None:
    talk = Talk(generationConfig={})
    talk.says(audio(tone(200) + bytes(500 * 48), 24_000))

    assert talk.session.heard


def test_marks_make_a_turn_by_hand() -> None:
    talk = Talk(realtimeInputConfig=MANUAL)
    talk.says({"realtimeInput": {"activityStart": {}}})
    talk.speaks()
    assert not talk.session.heard

    talk.says({"realtime_input": {"activity_end": {}}})

    assert [heard.turn for heard in talk.session.heard] == ["commit"]


def test_names_in_snake_case_and_url_safe_base64_are_taken() -> None:
    talk = Talk(generation_config={"speech_config": {"voice_config": {"prebuilt_voice_config": {"voice_name": "P"}}}})
    talk.says({"realtime_input": {"audio": {"mime_type": "audio/pcm", "data": "-_8"}}})

    assert talk.ready
    assert talk.closed is None


@pytest.mark.parametrize(
    ("model", "turn", "is_taken"),
    [
        (NATIVE, {"parts": [{"text": "Hi"}]}, True),
        (NEWEST, {"parts": [{"text": "Hi"}]}, False),
        (NEWEST, {"role": "model", "parts": [{"text": "Hi"}]}, True),
        (NATIVE, {"role": "system", "parts": [{"text": "Hi"}]}, False),
        (EARLY, {"role": "user", "parts": [{"text": "Hi"}]}, False),
    ],
)
def test_turns_need_a_role_the_model_knows_and_a_model_that_takes_them(
    model: str, turn: dict[str, Any], is_taken: bool
) -> None:
    talk = Talk(model=model)
    talk.says({"clientContent": {"turns": [turn], "turnComplete": True}})

    assert (talk.closed is None) is is_taken


def test_a_history_is_taken_first_and_not_answered() -> None:
    talk = Talk(model=EARLY, historyConfig={"initialHistoryInClientContent": True})

    talk.says(WORDS)

    assert not talk.session.answers.is_thinking
    assert len(talk.session.history) == 1
    talk.says({"realtimeInput": {"text": "And now?"}})
    assert talk.session.answers.is_thinking


# --- answers ----------------------------------------------------------------------------------------------------


def test_a_turn_is_complete_only_when_it_could_have_been_heard() -> None:
    talk = Talk(outputAudioTranscription={})
    talk.says(WORDS)

    said = talk.answers(spoken("Hello there.", 600))

    assert members(said) == [
        "outputTranscription",
        "modelTurn",
        "outputTranscription",
        "modelTurn",
        "generationComplete",
    ]
    assert talk.waits(599) == []
    (complete,) = talk.waits(1)
    assert complete["serverContent"] == {"turnComplete": True}
    assert complete["usageMetadata"]["responseTokenCount"] == 15


def test_an_interrupted_turn_has_no_complete_generation() -> None:
    talk = Talk(generationConfig={})
    talk.says(WORDS)
    talk.session.answer([Speech("", tone_ms=5_000, is_realtime=True)], talk.now_ms)
    talk.hears()

    assert members(talk.speaks(silence_ms=0)) == ["interrupted", "turnComplete"]
    assert talk.waits(10_000) == []


def test_where_the_caller_may_not_interrupt_their_turn_waits() -> None:
    talk = Talk(realtimeInputConfig={"activityHandling": "NO_INTERRUPTION"})
    talk.says(WORDS)
    talk.answers(spoken(tone_ms=1_000))

    assert talk.speaks() == []
    assert not talk.session.answers.is_thinking
    talk.waits(1_000)
    assert talk.session.answers.is_thinking


def test_a_result_needs_the_id_of_an_open_call() -> None:
    talk = Talk(generationConfig={})
    talk.says(WORDS)
    talk.answers(Call("look", "{}"))

    talk.says({"toolResponse": {"functionResponses": [{"id": "other", "name": "look", "response": {}}]}})

    assert talk.closed is not None
    assert talk.closed.code == 1008


def test_a_result_is_an_object() -> None:
    talk = Talk(generationConfig={})
    talk.says(WORDS)
    (call,) = talk.answers(Call("look", "{}"))
    call_id = call["toolCall"]["functionCalls"][0]["id"]

    talk.says({"toolResponse": {"functionResponses": [{"id": call_id, "name": "look", "response": "10:30"}]}})

    assert talk.closed is not None
    assert talk.closed.code == 1007


def test_a_blocking_call_keeps_its_turn_open_and_a_free_one_does_not() -> None:
    for model, is_open in ((NATIVE, True), (NEWEST, False)):
        talk = Talk(model=model)
        talk.says(WORDS)
        said = talk.answers(Call("look", "{}"))

        assert ("turnComplete" in members(said)) is not is_open


def test_a_context_is_updated_on_the_newest_model_alone() -> None:
    update = {"contextUpdate": {"systemInstruction": {"parts": [{"text": "New"}]}, "tools": {"tools": []}}}
    newest, native = Talk(model=NEWEST), Talk(generationConfig={})

    for talk in (newest, native):
        talk.says(update)

    assert newest.session.settings is not None
    assert newest.session.settings.setup["systemInstruction"] == {"parts": [{"text": "New"}]}
    assert native.closed is not None


# --- limits -----------------------------------------------------------------------------------------------------


def test_handles_are_given_between_answers_and_taken_up_by_the_same_model_for_two_hours() -> None:
    talk = Talk(sessionResumption={})
    first = talk.ready[-1]["sessionResumptionUpdate"]["newHandle"]
    talk.says(WORDS)
    during = talk.answers(spoken())
    after = talk.waits(100)[-1]

    assert during[0] == {"sessionResumptionUpdate": {"resumable": False}}
    newest = after["sessionResumptionUpdate"]["newHandle"]
    assert newest != first
    found = talk.handles.find(newest, NATIVE.removeprefix("models/"), 0)
    assert found is not None
    assert len(found.history) == 1
    assert talk.handles.find(newest, "other", 0) is None
    assert talk.handles.find(newest, NATIVE.removeprefix("models/"), 3 * 3_600_000) is None
