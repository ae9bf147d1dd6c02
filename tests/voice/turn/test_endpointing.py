"""When a turn begins and ends: the policy alone, fed with probabilities."""

from __future__ import annotations

import pytest

from roomkit.voice.turn.endpointing import Completeness, Edge, Endpointer, EndpointingPolicy, judge_nothing

POLICY = EndpointingPolicy(start_ms=64, silence_ms=256, complete_ms=96, incomplete_ms=640, longest_ms=3_000)
BLOCK_MS = 32.0


def speak(endpointer: Endpointer, blocks: int, probability: float = 0.9) -> list[Edge | None]:
    return [endpointer.feed(probability, BLOCK_MS, Completeness.UNKNOWN) for _ in range(blocks)]


def pause_until_stopped(endpointer: Endpointer, completeness: Completeness) -> float:
    for count in range(1, 1_000):
        if endpointer.feed(0.0, BLOCK_MS, completeness) is Edge.STOPPED:
            return count * BLOCK_MS
    raise AssertionError("it never stopped")


def test_speech_begins_after_enough_of_it_on_end() -> None:
    assert speak(Endpointer(POLICY), 3) == [None, Edge.STARTED, None]


def test_a_click_is_not_speech() -> None:
    endpointer = Endpointer(POLICY)

    for _ in range(50):
        assert endpointer.feed(0.9, BLOCK_MS, Completeness.UNKNOWN) is None
        assert endpointer.feed(0.1, BLOCK_MS, Completeness.UNKNOWN) is None

    assert not endpointer.is_speaking


@pytest.mark.parametrize(
    ("completeness", "pause_ms"),
    [(Completeness.COMPLETE, 96), (Completeness.UNKNOWN, 256), (Completeness.INCOMPLETE, 640)],
)
def test_the_pause_that_ends_a_turn_depends_on_what_was_understood(completeness: Completeness, pause_ms: float) -> None:
    endpointer = Endpointer(POLICY)
    speak(endpointer, 10)

    assert pause_until_stopped(endpointer, completeness) == pause_ms
    assert not endpointer.is_speaking


def test_speech_after_a_short_pause_starts_the_pause_anew() -> None:
    endpointer = Endpointer(POLICY)
    speak(endpointer, 10)
    speak(endpointer, 7, probability=0.0)
    assert endpointer.pause_ms == 224

    speak(endpointer, 1)

    assert endpointer.pause_ms == 0
    assert pause_until_stopped(endpointer, Completeness.UNKNOWN) == 256


def test_between_the_two_thresholds_nothing_changes() -> None:
    endpointer = Endpointer(POLICY)
    speak(endpointer, 10)
    speak(endpointer, 3, probability=0.0)

    speak(endpointer, 5, probability=0.4)

    assert endpointer.pause_ms == 96


def test_noise_that_passes_for_speech_is_cut_off() -> None:
    edges = speak(Endpointer(POLICY), 94)

    assert edges.index(Edge.STOPPED) * BLOCK_MS == pytest.approx(3_000, abs=2 * BLOCK_MS)


def test_the_judge_without_opinion_never_has_one() -> None:
    assert judge_nothing("what time is it") is Completeness.UNKNOWN
