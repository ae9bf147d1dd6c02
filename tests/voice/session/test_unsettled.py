"""What settles what the caller said, so that no other link is told it (RFC 0006, R-0006-18, R-0006-19)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.voice.session.microphone import FRAME_MS, RATE_HZ, Caller


def test_noise_that_a_living_vendor_says_nothing_of_is_settled_but_for_its_last_second() -> None:
    """R-0006-18."""
    caller = Caller()
    noise = caller.speaks(20_000, shows_life=True)

    taken = caller.taken()

    assert taken == list(noise)[-len(taken) :]
    assert 500 <= len(taken) * FRAME_MS <= 1_100


def test_noise_is_not_settled_by_life_the_vendor_showed_before_it() -> None:
    caller = Caller()
    caller.is_quiet(5_000, shows_life=True)
    sentence = caller.speaks(2_000)

    assert set(sentence) <= set(caller.taken())


def test_life_settles_nothing_of_a_vendor_that_would_not_have_said_that_it_hears_somebody() -> None:
    caller = Caller(tells=False)
    sentence = caller.speaks(5_000, shows_life=True)

    assert set(sentence) <= set(caller.taken())


def test_what_the_vendor_hears_is_kept_however_much_it_says_meanwhile() -> None:
    caller = Caller()
    caller.is_quiet(1_000)
    first = caller.speaks(200)
    caller.unsettled.speech_began()
    rest = caller.speaks(5_000, shows_life=True)
    caller.unsettled.speech_ended("u")
    caller.is_quiet(5_000, shows_life=True)

    assert {*first, *rest} <= set(caller.taken())


def test_quiet_for_longer_than_a_dead_line_needs_to_be_found_settles_a_cough() -> None:
    """R-0006-18."""
    caller = Caller(tells=False)
    caller.speaks(300)
    caller.is_quiet(40_000)
    was_kept = caller.unsettled.position
    caller.is_quiet(6_000)

    assert was_kept > 300 * RATE_HZ * 2 // 1000
    assert caller.taken() == []


def test_of_noise_before_the_vendor_hears_somebody_no_more_is_kept_than_it_takes_to_say_so() -> None:
    caller = Caller()
    noise = caller.speaks(5_000)
    caller.unsettled.speech_began()
    words = caller.speaks(1_000)

    taken = caller.taken()

    assert taken == [*noise, *words][-len(taken) :]
    assert 1_500 <= len(taken) * FRAME_MS <= 2_100


@pytest.mark.parametrize("known_by", ["words", "answer", "noise"])
def test_what_is_known_is_settled(known_by: str) -> None:
    caller = Caller()
    caller.unsettled.speech_began()
    caller.speaks(1_000)
    match known_by:
        case "noise":
            caller.unsettled.was_noise()
        case "words":
            caller.unsettled.speech_ended("u")
            caller.unsettled.words_known("u")
        case _:
            caller.unsettled.speech_ended("u")
            caller.unsettled.answer_began(was_asked=False)
            caller.unsettled.answer_ended(is_settled=True)

    assert caller.taken() == []


def test_words_of_one_sentence_do_not_settle_the_next_which_has_begun() -> None:
    """R-0006-19: the transcript of the first comes when the second has gone on for long."""
    caller = Caller()
    caller.unsettled.speech_began()
    first = caller.speaks(1_000)
    caller.is_quiet(600)
    caller.unsettled.speech_ended("1")
    second = [*caller.speaks(300)]
    caller.unsettled.speech_began()
    second += caller.speaks(4_000)

    caller.unsettled.words_known("1")

    taken = set(caller.taken())
    assert set(second) <= taken
    assert not taken & set(first)


def test_a_vendor_that_says_nothing_but_words_settles_what_came_before_the_last_pause() -> None:
    """R-0006-19."""
    caller = Caller(tells=False)
    first = caller.speaks(1_000)
    caller.is_quiet(500)
    second = caller.speaks(1_000)

    caller.unsettled.words_known("")

    taken = set(caller.taken())
    assert set(second) <= taken
    assert not taken & set(first)


def test_a_caller_who_goes_on_while_the_vendor_says_that_they_stopped_keeps_the_new_beginning() -> None:
    caller = Caller()
    caller.unsettled.speech_began()
    first = caller.speaks(1_000)
    caller.is_quiet(500)
    second = caller.speaks(100)

    caller.unsettled.speech_ended("1")
    caller.unsettled.words_known("1")

    taken = set(caller.taken())
    assert set(second) <= taken
    assert not taken & set(first)


def test_words_that_come_twice_settle_nothing_new() -> None:
    caller = Caller()
    for _ in range(2):
        caller.unsettled.speech_began()
        second = caller.speaks(1_000)
        caller.unsettled.speech_ended("1")
        caller.unsettled.words_known("1")
    second = caller.speaks(3_000)

    caller.unsettled.words_known("1")

    assert set(second) <= set(caller.taken())


@pytest.mark.parametrize(("was_asked", "is_kept"), [(True, True), (False, False)])
def test_an_answer_settles_what_was_said_before_it_unless_it_answers_something_typed(
    was_asked: bool, is_kept: bool
) -> None:
    caller = Caller(tells=False)
    sentence = caller.speaks(1_000)
    caller.is_quiet(1_000)

    caller.unsettled.answer_began(was_asked=was_asked)
    caller.unsettled.answer_ended(is_settled=True)

    assert (set(sentence) <= set(caller.taken())) is is_kept


def test_an_answer_ends_an_utterance_whose_end_the_vendor_did_not_tell() -> None:
    caller = Caller()
    caller.unsettled.speech_began()
    caller.speaks(1_000)
    caller.unsettled.answer_began(was_asked=False)
    caller.unsettled.answer_ended(is_settled=True)
    caller.is_quiet(5_000)

    assert caller.taken() == []


def test_an_answer_that_failed_settles_nothing() -> None:
    caller = Caller()
    caller.unsettled.speech_began()
    sentence = caller.speaks(1_000)
    caller.unsettled.speech_ended("u")

    caller.unsettled.answer_began(was_asked=False)
    caller.unsettled.answer_ended(is_settled=False)

    assert set(sentence) <= set(caller.taken())


def test_a_barge_in_is_not_settled_by_the_answer_it_cuts() -> None:
    caller = Caller(tells=False)
    caller.speaks(1_000)
    caller.is_quiet(1_000)
    caller.unsettled.answer_began(was_asked=False)
    barge_in = caller.speaks(3_000)

    caller.unsettled.answer_ended(is_settled=True)

    assert set(barge_in) <= set(caller.taken())


# --- turns by hand, links -----------------------------------------------------------------------------------------


def test_a_turn_by_hand_is_kept_through_any_silence_until_its_words_are_known() -> None:
    caller = Caller()
    caller.unsettled.turn_began()
    words = caller.speaks(1_000, shows_life=True)
    caller.is_quiet(60_000, shows_life=True)
    caller.unsettled.turn_ended()
    caller.is_quiet(5_000, shows_life=True)
    kept = caller.unsettled.is_noticed

    caller.unsettled.speech_ended("u")
    caller.unsettled.words_known("u")

    assert kept
    assert len(words) == 50
    assert caller.taken() == []


def test_a_turn_by_hand_goes_on_over_a_lost_link() -> None:
    caller = Caller()
    caller.unsettled.turn_began()
    caller.speaks(500)
    caller.taken()
    caller.unsettled.link_up(None)
    rest = caller.is_quiet(500)

    assert caller.unsettled.is_noticed
    assert caller.taken() == list(rest)


@pytest.mark.parametrize("tells", [True, False])
def test_what_a_link_was_told_first_is_settled_by_that_link_and_not_by_its_being_there(tells: bool) -> None:
    caller = Caller(tells=False)
    sentence = caller.speaks(2_000)
    told = caller.unsettled.take()
    for piece in told:
        caller.unsettled.feed(piece)
    caller.said += 1
    caller.unsettled.link_up((lambda: caller.said) if tells else None)
    caller.said += 1
    caller.is_quiet(400)

    assert set(sentence) <= set(caller.taken())


def test_what_a_replaced_link_heard_to_its_end_is_not_for_another() -> None:
    caller = Caller()
    caller.speaks(500)
    caller.is_quiet(1_000)

    caller.unsettled.link_replaced(goes_on=False)

    assert caller.taken() == []


def test_another_rate_takes_nothing_along() -> None:
    caller = Caller()
    caller.speaks(500)

    caller.unsettled.resample_from(16_000)

    assert caller.taken() == []


# --- whatever happens ---------------------------------------------------------------------------------------------

STEPS = {
    "speaks": lambda caller: caller.speaks(260, shows_life=caller.count % 3 == 0),
    "is quiet": lambda caller: caller.is_quiet(700),
    "is quiet for long": lambda caller: caller.is_quiet(9_000, shows_life=True),
    "clicks": lambda caller: caller.is_quiet(20),
    "began": lambda caller: caller.unsettled.speech_began(),
    "ended": lambda caller: caller.unsettled.speech_ended(str(caller.count)),
    "ended again": lambda caller: caller.unsettled.speech_ended("1"),
    "noise": lambda caller: caller.unsettled.was_noise(),
    "words": lambda caller: caller.unsettled.words_known(str(caller.count)),
    "late words": lambda caller: caller.unsettled.words_known("1"),
    "answer": lambda caller: caller.unsettled.answer_began(was_asked=False),
    "answer to text": lambda caller: caller.unsettled.answer_began(was_asked=True),
    "answered": lambda caller: caller.unsettled.answer_ended(is_settled=True),
    "failed": lambda caller: caller.unsettled.answer_ended(is_settled=False),
    "key down": lambda caller: caller.unsettled.turn_began(),
    "key up": lambda caller: caller.unsettled.turn_ended(),
    "replaced": lambda caller: caller.unsettled.link_replaced(goes_on=caller.count % 2 == 0),
    "another link": lambda caller: caller.unsettled.link_up(None if caller.count % 2 else lambda: caller.said),
}


@given(names=st.lists(st.sampled_from(sorted(STEPS)), max_size=60), tells=st.booleans())
def test_whatever_happens_each_frame_is_told_once_in_order_and_ten_seconds_of_them_at_most(
    names: list[str], tells: bool
) -> None:
    caller, told = Caller(tells=tells), list[int]()
    for name in [*names, "take"]:
        if name == "take" or len(told) > 10_000:
            taken = caller.taken()
            assert len(taken) * FRAME_MS <= 10_000
            told += taken
        else:
            STEPS[name](caller)

    assert told == sorted(set(told))


@given(names=st.lists(st.sampled_from(["is quiet", "clicks", "began", "key down", "late words"]), max_size=20))
def test_a_sentence_of_which_nothing_is_known_is_kept_whatever_else_happens(names: list[str]) -> None:
    caller = Caller(tells=False)
    caller.unsettled.speech_ended("1")  # the vendor tells ends: words that are late change nothing
    sentence = caller.speaks(1_000)
    for name in names:
        STEPS[name](caller)

    assert set(sentence) <= set(caller.taken())
