"""How far a phrase is behind free phones, and the mean it is heard with: pure, without a recogniser."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.voice.stt.second_look import (
    NOTHING_SEEN,
    USUAL_MEAN,
    USUAL_MEAN_FRAMES,
    Margin,
    Seen,
    Span,
    compared,
    reweighed,
)

PHONES = [Span("SIL", 0, 9, -100.0), Span("HH", 10, 29, -400.0), Span("L", 30, 49, -400.0)]
"""20 points a frame from frame 10 on."""


def test_a_word_as_likely_as_free_phones_is_not_behind_them() -> None:
    assert compared([Span("help(2)", 10, 49, -800.0)], PHONES) == Seen("help", 0.0, 0.0)


def test_a_word_is_behind_by_its_points_a_frame() -> None:
    seen = compared([Span("help", 10, 49, -1_200.0)], PHONES)

    assert seen.whole == pytest.approx(400 / 40)
    assert seen.worst == pytest.approx(400 / (40 + 10))  # a word alone is judged ten frames longer than it is


def test_one_wrong_word_among_right_ones_shows_in_the_worst() -> None:
    right, wrong = Span("can", 10, 29, -400.0), Span("again", 30, 49, -1_400.0)

    seen = compared([right, wrong], PHONES)

    assert seen.words == "can again"
    assert seen.whole == pytest.approx(25)
    assert seen.worst == pytest.approx(1_000 / 30)


def test_frames_free_phones_say_nothing_of_count_as_theirs_for_nothing() -> None:
    assert compared([Span("help", 50, 59, -100.0)], PHONES).whole == pytest.approx(10)


@pytest.mark.parametrize(
    ("seen", "allowed"),
    [
        (Seen("help", 20.0, 22.0), True),
        (Seen("help", 20.1, 0.0), False),
        (Seen("help", 0.0, 22.1), False),
        (Seen("help", -5.0, -5.0), True),
        (NOTHING_SEEN, False),
    ],
)
def test_a_margin_allows_what_is_within_both_of_its_bounds(seen: Seen, allowed: bool) -> None:
    assert Margin(whole=20.0, worst=22.0).allows(seen) is allowed


def test_silence_breath_and_noise_are_not_speech() -> None:
    names = {"<sil>": False, "[NOISE]": False, "(NULL)": False, "+NSN+": False, "SIL": False, "help": True, "_a": True}

    assert {name: Span(name, 0, 1, 0.0).is_speech for name in names} == names


@given(own=st.floats(-80, 80), frames=st.floats(0, 3_000))
def test_the_mean_lies_between_the_usual_one_and_the_utterance_s_own(own: float, frames: float) -> None:
    mixed = [(500 * usual + frames * own) / (500 + frames) for usual in USUAL_MEAN]  # as the library mixes them

    share = frames / (frames + USUAL_MEAN_FRAMES)
    assert reweighed(mixed, frames) == pytest.approx([u + share * (own - u) for u in USUAL_MEAN], abs=1e-6)
