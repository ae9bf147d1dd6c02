"""The order of words (R-0006-20, R-0006-21)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from roomkit.voice.session.words.order import WordOrder


def test_an_entry_waits_for_everything_before_it() -> None:
    order: WordOrder[str] = WordOrder()
    order.reserve("question", deadline_ms=3_000)
    order.reserve("answer")
    order.fill("answer", "yes")

    assert order.pop_ready(now_ms=0) == ([], [])
    order.fill("question", "open?")
    assert order.pop_ready(now_ms=0) == (["open?", "yes"], [])


def test_a_released_place_holds_nobody_up() -> None:
    order: WordOrder[str] = WordOrder()
    order.reserve("noise", deadline_ms=3_000)
    order.reserve("answer")
    order.fill("answer", "yes")

    order.release("noise")

    assert order.pop_ready(now_ms=0) == (["yes"], [])


def test_a_place_runs_out_at_its_deadline_and_its_words_are_late() -> None:
    order: WordOrder[str] = WordOrder()
    order.reserve("question", deadline_ms=3_000)
    order.reserve("answer")
    order.fill("answer", "yes")

    assert order.pop_ready(now_ms=2_999) == ([], [])
    assert order.pop_ready(now_ms=3_000) == (["yes"], ["question"])
    assert not order.fill("question", "open?")


def test_at_the_end_everything_filled_comes_out_in_order() -> None:
    order: WordOrder[str] = WordOrder()
    for key in ("a", "b", "c"):
        order.reserve(key)
    order.fill("c", "C")
    order.fill("a", "A")

    assert order.pop_all() == ["A", "C"]


@given(st.permutations(range(8)), st.sets(st.integers(0, 7)))
def test_whatever_order_they_are_settled_in_words_come_out_as_they_were_reserved(
    settled: list[int], released: set[int]
) -> None:
    order: WordOrder[int] = WordOrder()
    for key in range(8):
        order.reserve(str(key))
    out: list[int] = []

    for key in settled:
        if key in released:
            order.release(str(key))
        else:
            order.fill(str(key), key)
        out += order.pop_ready(now_ms=0)[0]

    assert out == [key for key in range(8) if key not in released]
