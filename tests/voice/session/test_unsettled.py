"""The ear of our own: what it keeps of the caller, and what settles it (RFC 0006, R-0006-12, R-0006-17..19)."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.voice.session.media.unsettled import Unsettled

RATE_HZ = 8_000
FRAME_MS = 20
FRAME_BYTES = RATE_HZ * 2 * FRAME_MS // 1000


class Caller:
    """Somebody in front of a microphone: every frame can be told from every other.

    Attributes:
        unsettled: The ear that hears them.
        said: How many messages have come from the vendor.
    """

    def __init__(self, *, tells: bool = True) -> None:
        self.unsettled = Unsettled(RATE_HZ)
        self.said = 0
        self.count = 0
        self.unsettled.link_up((lambda: self.said) if tells else None)

    def speaks(self, duration_ms: int, *, amplitude: int = 3_000, shows_life: bool = False) -> range:
        """Returns the numbers of the frames."""
        return self._feeds(duration_ms, amplitude, shows_life=shows_life)

    def is_quiet(self, duration_ms: int, *, shows_life: bool = False) -> range:
        return self._feeds(duration_ms, 0, shows_life=shows_life)

    def clicks(self) -> None:
        """A frame of 2.5 ms of noise."""
        self.unsettled.feed(struct.pack("<20h", *([20_000] * 20)) + bytes(FRAME_BYTES - 40))

    def _feeds(self, duration_ms: int, amplitude: int, *, shows_life: bool) -> range:
        first = self.count
        for _ in range(duration_ms // FRAME_MS):
            self.count += 1
            self.said += shows_life
            wave = [amplitude, -amplitude] * ((FRAME_BYTES - 4) // 4)
            self.unsettled.feed(struct.pack(f"<{len(wave) + 2}h", self.count // 100, self.count % 100, *wave))
        return range(first + 1, self.count + 1)

    def taken(self) -> list[int]:
        """The frames another link would be told."""
        return [_number(piece) for piece in self.unsettled.take()]


def _number(piece: bytes) -> int:
    hundreds, ones = struct.unpack_from("<2h", piece)
    return int(hundreds * 100 + ones)


# --- the ear ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tells", [True, False])
def test_a_sentence_nobody_has_spoken_of_is_kept_from_just_before_it_began(tells: bool) -> None:
    caller = Caller(tells=tells)
    caller.is_quiet(3_000)
    sentence = caller.speaks(1_000)
    caller.is_quiet(30_000)

    taken = caller.taken()

    assert taken[0] in range(sentence[0] - 12, sentence[0] - 7)
    assert set(sentence) <= set(taken)
    assert len(taken) < 12 + 50 + 105  # of the pause, two seconds


def test_while_nobody_speaks_a_fifth_of_a_second_is_kept_and_none_of_it_told() -> None:
    caller = Caller()
    caller.is_quiet(60_000)

    assert caller.unsettled.position == 0 or caller.unsettled.position < FRAME_BYTES * 4
    assert caller.taken() == []


def test_a_click_is_not_speech() -> None:
    caller = Caller()
    caller.is_quiet(1_000)
    caller.clicks()
    caller.is_quiet(1_000)

    assert caller.taken() == []


def test_a_murmur_below_the_ear_is_kept_once_the_vendor_hears_it() -> None:
    caller = Caller()
    caller.speaks(1_000, amplitude=200)
    caller.unsettled.speech_began()
    murmur = caller.speaks(1_000, amplitude=200)

    assert set(murmur) <= set(caller.taken())


def test_a_sentence_that_began_in_this_very_frame_is_kept() -> None:
    caller = Caller()
    caller.is_quiet(1_000)
    word = caller.speaks(20)

    assert set(word) <= set(caller.taken())


def test_of_a_monologue_the_last_ten_seconds_are_kept() -> None:
    caller = Caller(tells=False)
    monologue = caller.speaks(60_000)

    assert caller.taken() == list(monologue)[-500:]


def test_words_after_a_long_pause_are_kept_with_what_came_just_before_them() -> None:
    caller = Caller(tells=False)
    first = caller.speaks(400)
    caller.is_quiet(10_000)
    second = caller.speaks(400)

    taken = caller.taken()

    assert {*first, *second, second[0] - 1, second[0] - 7} <= set(taken)
    assert len(taken) < 20 + 105 + 12 + 20


@given(sizes=st.lists(st.integers(1, 700), min_size=1, max_size=400))
def test_what_is_kept_does_not_depend_on_how_the_audio_was_cut(sizes: list[int]) -> None:
    stream = struct.pack(f"<{sum(sizes)}h", *(3_000 + n % 7 for n in range(sum(sizes))))
    unsettled = Unsettled(RATE_HZ)
    at = 0
    for size in sizes:
        unsettled.feed(stream[at : at + 2 * size])
        at += 2 * size

    assert b"".join(unsettled.take()) == stream[-RATE_HZ * 20 :]


def test_a_client_that_sends_single_samples_does_not_fill_the_memory() -> None:
    unsettled = Unsettled(RATE_HZ)
    for _ in range(RATE_HZ):
        unsettled.feed(b"\x00\x0b")

    assert len(unsettled.take()) < 20


def test_nothing_at_all_is_neither_sound_nor_quiet() -> None:
    unsettled = Unsettled(RATE_HZ)
    unsettled.feed(b"")

    assert unsettled.take() == []


# --- what settles it ----------------------------------------------------------------------------------------------


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
    caller.is_quiet(250)

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


@pytest.mark.parametrize(
    ("tells", "sound_ms", "quiet_ms", "hears"),
    [
        (True, 300, 0, True), (True, 300, 400, True), (True, 300, 1_000, False), (True, 2_000, 0, False),
        (False, 300, 0, True), (False, 300, 4_000, True), (False, 300, 6_000, False), (False, 9_000, 3_000, True),
        (False, 12_000, 0, False), (False, 0, 1_000, False),
    ],
)  # fmt: skip
def test_the_ear_hears_somebody_as_long_as_the_vendor_may_still_speak_of_them(
    tells: bool, sound_ms: int, quiet_ms: int, hears: bool
) -> None:
    caller = Caller(tells=tells)
    caller.speaks(sound_ms)
    caller.is_quiet(quiet_ms)

    assert caller.unsettled.is_hearing is hears
