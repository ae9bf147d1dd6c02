"""The pure protocol of the simulated OpenAI server: what it answers, event by event, in the order of the wire."""

from __future__ import annotations

import base64

import pytest

from roomkit.testing.simulators.sound import encode, tone
from roomkit.testing.simulators.speech import Call
from tests.testing.openai_talk import Talk, b64, spoken, types, user


@pytest.fixture
def talk() -> Talk:
    talk = Talk()
    talk.hears()
    return talk


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


def test_speech_that_was_cleared_away_lends_its_id_to_no_later_turn(talk: Talk) -> None:
    started = talk.says("input_audio_buffer.append", audio=b64(tone(200)))[0]

    talk.says("input_audio_buffer.clear")
    talk.says("input_audio_buffer.append", audio=b64(bytes(48 * 200)))
    committed = talk.says("input_audio_buffer.commit")[0]

    assert started["type"] == "input_audio_buffer.speech_started"
    assert committed["item_id"] != started["item_id"]


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
    talk.session.answer([spoken(tone_ms=5_000, is_realtime=True)], 0.0)
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
    talk.session.answer([spoken(tone_ms=100, is_realtime=True)], 0.0)
    sent: list[tuple[float, str]] = [(0.0, event["type"]) for event in talk.hears()]
    while "response.done" not in [type_ for _, type_ in sent]:
        now_ms = talk.session.due_ms
        assert now_ms is not None
        talk.session.wake(now_ms)
        sent += [(now_ms, event["type"]) for event in talk.hears()]

    assert [at for at, type_ in sent if type_ == "response.output_audio.delta"] == [0, 20, 40, 60, 80]
    assert sent[-1] == (100, "response.done")


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


def test_a_response_that_still_thinks_can_be_cancelled(talk: Talk) -> None:
    talk.says("response.create")

    done = talk.says("response.cancel")[-1]

    assert done["response"]["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert talk.session.answers.thinking is None


def test_items_are_kept_in_the_order_the_client_gave_them(talk: Talk) -> None:
    first = talk.says("conversation.item.create", item=user("one", id="a"))[0]
    talk.says("conversation.item.create", item=user("two", id="b"))
    front = talk.says("conversation.item.create", item=user("zero", id="z"), previous_item_id="root")[0]
    middle = talk.says("conversation.item.create", item=user("half", id="h"), previous_item_id="a")[0]

    assert [first["previous_item_id"], front["previous_item_id"], middle["previous_item_id"]] == [None, None, "a"]
    assert talk.says("conversation.item.retrieve", item_id="h")[0]["item"]["content"][0]["text"] == "half"
    assert talk.says("conversation.item.delete", item_id="h")[0]["item_id"] == "h"
    assert talk.error("conversation.item.retrieve", item_id="h")["code"] == "item_retrieve_invalid_item_id"
