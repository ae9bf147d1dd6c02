"""Which audio a verdict covers, and when its time is up; pure, time is an argument (R-0006-71, R-0006-72)."""

from __future__ import annotations

import pytest

from roomkit.voice.audio.playback import PlayedItem
from roomkit.voice.realtime.provider_events import SpokenWords
from roomkit.voice.session.words.guard import MAX_ITEMS, Guard
from roomkit.voice.session.words.heard import WordTimes

ITEM = PlayedItem("r", "i")


def pcm(duration_ms: float) -> bytes:
    return bytes(2 * int(24 * duration_ms))


def guard(*times: SpokenWords, lead_ms: float = float("inf")) -> Guard:
    known = WordTimes()
    for words in times:
        known.add(words)
    return Guard(500, lead_ms, known)


def hold(guard: Guard, duration_ms: float, now_ms: float = 0.0) -> None:
    guard.hold(pcm(duration_ms), duration_ms, ITEM, now_ms)


def covered_ms(guard: Guard) -> float:
    return sum(held.duration_ms for held in guard.pop_covered())


def test_audio_without_words_is_not_covered() -> None:
    held = guard()
    hold(held, 100)

    assert covered_ms(held) == 0


def test_allowed_letters_cover_forty_milliseconds_each_and_white_space_none() -> None:
    held = guard()
    held.said("i", "r", "so  be it", is_whole=False)
    hold(held, 1_000)

    held.allow("i", "so  be it")

    assert covered_ms(held) == 240  # six letters


def test_words_that_were_known_when_the_audio_came_must_be_allowed_too() -> None:
    held = guard()
    held.said("i", "r", "a long beginning and", is_whole=False)
    held.said("i", "r", "a long beginning and more", is_whole=False)
    hold(held, 100)

    held.allow("i", "a long beginning and")
    too_early = covered_ms(held)
    held.allow("i", "a long beginning and more")

    assert (too_early, covered_ms(held)) == (0, 100)


def test_all_words_allowed_cover_all_audio_and_only_then() -> None:
    held = guard()
    held.said("i", "r", "no", is_whole=False)
    hold(held, 1_000)
    held.allow("i", "no")
    first = covered_ms(held)

    held.all_said("r")

    assert (first, covered_ms(held)) == (80, 920)


def test_an_answer_that_is_done_without_words_is_not_covered() -> None:
    held = guard()
    hold(held, 100)

    held.all_said("r")

    assert covered_ms(held) == 0


def test_the_vendors_times_cover_up_to_the_first_word_that_is_not_allowed() -> None:
    times = [SpokenWords(word, at_ms, "r", "i") for word, at_ms in (("no ", 0.0), ("no ", 400.0), ("never", 600.0))]
    held = guard(*times)
    held.said("i", "r", "no no never", is_whole=False)
    hold(held, 1_000)

    held.allow("i", "no no never"[:5])

    assert covered_ms(held) == 600


@pytest.mark.parametrize(("letters", "judged_ms"), [(4, 400), (0, 0), (20, 1_000)])
def test_when_time_is_up_slow_speech_counts_as_judged_and_the_rest_is_late(letters: int, judged_ms: float) -> None:
    held = guard()
    hold(held, 1_000)
    held.said("i", "r", "x" * letters, is_whole=False)
    held.allow("i", "x" * letters)
    at_once_ms = covered_ms(held)

    judged = sum(piece.duration_ms for piece in held.pop_due(500, even_late=False))
    late = sum(piece.duration_ms for piece in held.pop_due(500, even_late=True))

    assert at_once_ms + judged == judged_ms
    assert late == 1_000 - judged_ms


def test_audio_that_would_wait_for_the_pacer_anyway_has_until_then_and_the_guards_time() -> None:
    held = guard(lead_ms=200)
    hold(held, 10_000)

    assert sum(piece.duration_ms for piece in held.pop_due(499, even_late=True)) == 0
    assert sum(piece.duration_ms for piece in held.pop_due(500, even_late=True)) == 200
    assert sum(piece.duration_ms for piece in held.pop_due(5_500, even_late=True)) == 5_000


def test_audio_leaves_in_order_across_items() -> None:
    held = guard()
    hold(held, 20)
    held.said("j", "r", "yes", is_whole=True)
    held.hold(pcm(20), 20, PlayedItem("r", "j"), 0)
    held.allow("j", "yes")
    before = held.pop_covered()

    held.said("i", "r", "well", is_whole=True)
    held.allow("i", "well")

    assert before == []
    assert [piece.item.item_id for piece in held.pop_covered()] == ["i", "j"]


def test_a_verdict_on_what_was_thrown_away_is_nothing() -> None:
    held = guard()
    held.said("i", "r", "yes", is_whole=True)
    hold(held, 20)

    held.clear()
    held.allow("i", "yes")

    assert (held.held_ms, held.next, held.knows("i"), held.allowed_text("i")) == (0, None, False, "")


def test_words_of_old_items_are_forgotten_but_not_while_their_audio_waits() -> None:
    held = guard()
    hold(held, 20)
    for n in range(100):
        held.said(f"item-{n}", "r", "word", is_whole=True)
    waiting = held.knows("i")
    held.pop_all()
    for n in range(100, 200):
        held.said(f"item-{n}", "r", "word", is_whole=True)

    assert waiting
    known = [key for key in ("i", *(f"item-{n}" for n in range(200))) if held.knows(key)]
    assert known == [f"item-{n}" for n in range(200 - MAX_ITEMS, 200)]
