"""When an answer of the agent begins, what belongs to it, and when it is taken to be over."""

from __future__ import annotations

import pytest

from roomkit.voice.realtime.commands import CancelResponse
from roomkit.voice.realtime.provider_events import (
    Audio,
    Interrupted,
    ResponseDone,
    ResponseStarted,
    SpokenWords,
    Transcript,
)
from tests.providers.elevenlabs.conftest import Conversation, names

ANSWER_1 = "c/answer-1"


def test_an_answer_begins_with_its_text(conversation: Conversation) -> None:
    assert conversation.agent_says("Hello.", 3) == [
        ResponseStarted(ANSWER_1),
        Transcript("assistant", "Hello.", is_final=False, item_id=ANSWER_1, response_id=ANSWER_1),
    ]


def test_an_answer_may_begin_with_its_audio_and_get_its_text_later(conversation: Conversation) -> None:
    assert names(conversation.audio(3)) == ["ResponseStarted", "Audio"]
    assert names(conversation.agent_says("Hello.", 3)) == ["Transcript"]
    assert names(conversation.audio(3)) == ["Audio"]


def test_characters_that_cover_the_text_end_the_answer(conversation: Conversation) -> None:
    conversation.agent_says("One two.", 3)

    assert names(conversation.audio(3, chars="One ")) == ["Audio"]
    assert names(conversation.audio(3, chars="two.")) == [
        "Audio",
        "SpokenWords",
        "SpokenWords",
        "Transcript",
        "ResponseDone",
    ]


def test_text_that_comes_behind_all_of_its_audio_ends_the_answer(conversation: Conversation) -> None:
    conversation.audio(3, chars="One two.")

    assert names(conversation.agent_says("One two.", 3))[-1] == "ResponseDone"


def test_the_next_text_ends_the_answer_before_it(conversation: Conversation) -> None:
    conversation.agent_says("Let me look.", 3)
    conversation.audio(3)

    events = conversation.agent_says("Half past ten.", 4)

    assert names(events) == ["Transcript", "ResponseDone", "ResponseStarted", "Transcript"]
    assert events[0] == Transcript("assistant", "Let me look.", True, ANSWER_1, ANSWER_1)


def test_a_text_that_is_repeated_is_no_other_answer(conversation: Conversation) -> None:
    conversation.agent_says("Hello.", 3)

    assert conversation.agent_says("Hello.", 3) == []


def test_the_callers_next_turn_ends_the_answer_before_it(conversation: Conversation) -> None:
    conversation.agent_says("Hello.", 3)
    conversation.audio(3)

    events = conversation.caller_says("Hi.", 4)

    assert names(events)[:3] == ["Transcript", "ResponseDone", "SpeechStarted"]


def test_audio_after_the_callers_turn_is_another_answer_unless_it_has_the_old_number(
    conversation: Conversation,
) -> None:
    conversation.agent_says("Hello.", 3)
    conversation.audio(3)
    conversation.caller_says("Mhm.", 4)

    same, other = conversation.audio(3), conversation.audio(5)

    assert same[0] == ResponseStarted(ANSWER_1)
    assert ResponseStarted("c/answer-2") in other


def test_two_quiet_pings_end_an_answer_and_one_does_not(conversation: Conversation) -> None:
    conversation.agent_says("Hello.", 3)
    conversation.audio(3)

    assert conversation.pings(1) == []
    conversation.audio(3)
    assert conversation.pings(1) == []
    assert names(conversation.pings(1)) == ["Transcript", "ResponseDone"]


def test_audio_that_still_comes_reopens_the_answer_under_its_id(conversation: Conversation) -> None:
    conversation.agent_says("Hello.", 3)
    conversation.audio(3)
    conversation.pings(2)

    assert names(conversation.audio(3)) == ["ResponseStarted", "Audio"]
    assert conversation.pings(2) == [ResponseDone(ANSWER_1)]


def test_pings_while_nothing_is_said_mean_nothing(conversation: Conversation) -> None:
    assert conversation.pings(10) == []


def test_an_interruption_ends_the_answer_and_drops_what_was_on_its_way(conversation: Conversation) -> None:
    conversation.agent_says("A long story.", 3)
    conversation.audio(3)

    assert conversation.interrupts(3) == [
        Interrupted(ANSWER_1),
        ResponseDone(ANSWER_1, "cancelled", reason="turn_detected"),
    ]
    assert conversation.audio(3) == conversation.audio(2) == []
    assert names(conversation.audio(4)) == ["ResponseStarted", "Audio"]


def test_numbers_written_as_text_count_as_numbers(conversation: Conversation) -> None:
    conversation.audio("3")
    conversation.interrupts(3)

    assert conversation.audio("3") == []
    assert names(conversation.audio("4")) == ["ResponseStarted", "Audio"]


def test_an_older_interruption_does_not_bring_audio_back(conversation: Conversation) -> None:
    conversation.audio(5)
    conversation.interrupts(5)
    conversation.interrupts(2)

    assert conversation.audio(4) == []


def test_an_answer_that_is_over_and_still_heard_is_interrupted_too(conversation: Conversation) -> None:
    conversation.agent_says("Hello.", 3)
    conversation.audio(3, chars="Hello.")

    assert conversation.interrupts(3) == [Interrupted(ANSWER_1)]


def test_an_interruption_of_nothing_is_passed_on(conversation: Conversation) -> None:
    assert conversation.interrupts(3) == [Interrupted()]


def test_the_text_of_an_interrupted_answer_may_come_late(conversation: Conversation) -> None:
    conversation.audio(3)
    conversation.interrupts(3)

    assert conversation.agent_says("A long story.", 3) == [
        Transcript("assistant", "A long story.", True, ANSWER_1, ANSWER_1)
    ]
    assert names(conversation.agent_says("Sorry.", 4))[0] == "ResponseStarted"


def test_a_correction_changes_nothing_for_we_know_better_what_was_heard(conversation: Conversation) -> None:
    conversation.agent_says("A long story.", 3)
    conversation.interrupts(3)

    assert conversation.got(
        "agent_response_correction",
        "agent_response_correction_event",
        original_agent_response="A long story.",
        corrected_agent_response="A long",
        event_id=3,
    ) == []  # fmt: skip


def test_what_the_session_cancelled_is_thrown_away_here(conversation: Conversation) -> None:
    conversation.agent_says("A long story.", 3)
    conversation.audio(3)

    assert conversation.sends(CancelResponse()) == []
    assert conversation.audio(3) == []
    assert conversation.pings(2)[-1] == ResponseDone(ANSWER_1, "cancelled")
    assert not [event for event in conversation.audio(3) if isinstance(event, Audio)]
    assert names(conversation.agent_says("Yes?", 5) + conversation.audio(5))[-1] == "Audio"


def test_cancelling_nothing_does_not_touch_the_next_answer(conversation: Conversation) -> None:
    conversation.sends(CancelResponse())

    assert names(conversation.audio(1)) == ["ResponseStarted", "Audio"]


def test_words_are_timed_from_the_start_of_the_answer_across_chunks(conversation: Conversation) -> None:
    conversation.agent_says("Half past ten, yes.", 3)

    events = conversation.audio(3, ms=100, chars="Half pa", step_ms=10)
    events += conversation.audio(3, ms=100, chars="st ten,", step_ms=10)
    events += conversation.pings(2)

    words = [(event.text, event.start_ms) for event in events if isinstance(event, SpokenWords)]
    assert words == [("Half ", 0.0), ("past ", 50.0), ("ten,", 130.0)]


@pytest.mark.parametrize(
    "alignment",
    [
        {"chars": ["a"], "char_start_times_ms": [0, 1]},
        {"chars": ["a"], "char_start_times_ms": ["0"]},
        {"chars": [1], "char_start_times_ms": [0]},
        {"chars": ["a", 1], "char_start_times_ms": [0, 1]},
        {"chars": ["a"], "char_start_times_ms": [True]},
        {"chars": ["a", "b"], "char_start_times_ms": [0, 1e9]},
        {"chars": ["a"], "char_start_times_ms": [-5]},
        {"chars": ["a"], "char_start_times_ms": [float("nan")]},
        {"chars": "a", "char_start_times_ms": "0"},
        [],
        "soon",
    ],
)
def test_an_alignment_that_makes_no_sense_leaves_the_audio(conversation: Conversation, alignment: object) -> None:
    events = conversation.got("audio", "audio_event", audio_base_64="AAAA" * 20, event_id=1, alignment=alignment)

    assert names(events) == ["ResponseStarted", "Audio"]


def test_a_word_without_end_is_let_out_in_pieces(conversation: Conversation) -> None:
    events = [event for _ in range(50) for event in conversation.audio(3, chars="a" * 10)]

    assert max(len(event.text) for event in events if isinstance(event, SpokenWords)) <= 64


def test_a_sample_cut_in_two_is_put_together(conversation: Conversation) -> None:
    first = conversation.got("audio", "audio_event", audio_base_64="AQID", event_id=1)
    second = conversation.got("audio", "audio_event", audio_base_64="BAUG", event_id=1)

    pcm = [event.pcm for event in first + second if isinstance(event, Audio)]
    assert pcm == [b"\1\2", b"\3\4\5\6"]


def test_half_a_sample_goes_before_a_chunk_of_whole_ones_and_away_with_its_answer(conversation: Conversation) -> None:
    def pcm(audio: str, event_id: int) -> list[bytes]:
        events = conversation.got("audio", "audio_event", audio_base_64=audio, event_id=event_id)
        return [event.pcm for event in events if isinstance(event, Audio)]

    came = [pcm("AQI=", 1), pcm("AwQ=", 1), pcm("BQYH", 1), pcm("CAk=", 1)]
    conversation.interrupts(1)

    assert came == [[b"\1\2"], [b"\3\4"], [b"\5\6"], [b"\7\10"]]
    assert pcm("CwwN", 2) == [b"\13\14"]


def test_pings_between_chunks_are_counted_anew_after_each(conversation: Conversation) -> None:
    heard = [conversation.audio(3) + conversation.pings(1) for _ in range(5)]

    assert names([event for events in heard for event in events]) == ["ResponseStarted", *["Audio"] * 5]


def test_text_in_parts_grows_and_its_whole_ends_it(conversation: Conversation) -> None:
    def part(text: str, kind: str) -> list[str]:
        events = conversation.got("agent_chat_response_part", "text_response_part", text=text, type=kind, event_id=2)
        return [event.text for event in events if isinstance(event, Transcript)]

    assert part("", "start") == []
    assert part("Hel", "delta") + part("lo.", "delta") == ["Hel", "Hello."]
    assert part("", "stop") == []
    assert names(conversation.agent_says("Hello.", 2)) == ["Transcript"]
    assert part(" again", "delta") == []
