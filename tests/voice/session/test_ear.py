"""The ear of our own: what it takes for speech, and how much of it is kept (RFC 0006, R-0006-17)."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.voice.session.media.unsettled import Unsettled
from tests.voice.session.microphone import FRAME_BYTES, RATE_HZ, Caller


@pytest.mark.parametrize("tells", [True, False])
def test_a_sentence_nobody_has_spoken_of_is_kept_from_just_before_it_began(tells: bool) -> None:
    caller = Caller(tells=tells)
    caller.is_quiet(3_000)
    sentence = caller.speaks(1_000)
    caller.is_quiet(14_000)

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
