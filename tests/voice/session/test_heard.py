"""Which words of an answer the caller heard (RFC 0006, R-0006-25)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.voice.realtime.provider_events import SpokenWords
from roomkit.voice.session.words.heard import MAX_TIMED_ITEMS, HeardWords, WordTimes, letters_reach_ms, words_heard


def spoken(*pieces: tuple[str, float]) -> list[SpokenWords]:
    return [SpokenWords(text, start_ms, "r", "i") for text, start_ms in pieces]


TEXT = "Yes, we are open until six."
TIMES = spoken(("Yes, ", 0), ("we ", 900), ("are ", 1_000), ("open ", 1_100), ("until ", 1_900), ("six.", 2_500))


def test_half_the_audio_is_half_the_words() -> None:
    assert words_heard("one two three four", 2_000, 4_000) == HeardWords("one two", "proportion")


@pytest.mark.parametrize(
    ("heard_ms", "words"),
    [(0, ""), (899, ""), (900, "Yes,"), (1_099, "Yes, we"), (1_100, "Yes, we are"), (2_499, "Yes, we are open"),
     (2_500, "Yes, we are open until"), (2_999, "Yes, we are open until"), (3_000, TEXT)],
)  # fmt: skip
def test_a_timed_word_was_heard_when_its_end_was(heard_ms: float, words: str) -> None:
    assert words_heard(TEXT, heard_ms, 3_000, TIMES) == HeardWords(words, "vendor_times")


def test_of_a_timed_piece_of_several_words_a_part_may_be_heard() -> None:
    times = spoken(("one two three four ", 1_000), ("five", 2_000))

    assert words_heard("one two three four five", 1_500, 2_500, times).text == "one two"


def test_words_beyond_the_times_were_not_heard_for_their_audio_never_came() -> None:
    assert words_heard(TEXT, 1_000, 1_000, TIMES[:2]) == HeardWords("Yes, we", "vendor_times")


def test_times_of_another_text_are_of_no_use() -> None:
    assert words_heard("Yes, we are **** until six.", 1_500, 3_000, TIMES).by == "proportion"


def test_scripts_without_spaces_are_cut_between_characters() -> None:
    assert words_heard("我们六点关门", 500, 1_000).text == "我们六"


@pytest.mark.parametrize("rubbish_ms", [-1.0, float("nan"), float("inf")])
def test_a_time_that_cannot_be_is_dropped(rubbish_ms: float) -> None:
    times = WordTimes()

    times.add(SpokenWords("word", rubbish_ms, "r", "i"))

    assert times.of("i") == ()


def test_times_that_go_back_do_no_harm() -> None:
    assert words_heard("a b c", 500, 1_000, spoken(("a ", 400), ("b ", 100), ("c", 900))).text in ("a", "a b")


def test_times_are_kept_of_the_newest_items_only() -> None:
    times = WordTimes()
    for n in range(100):
        times.add(SpokenWords("word", 0.0, "r", f"item-{n}"))

    assert [len(times.of(f"item-{n}")) for n in (0, 99 - MAX_TIMED_ITEMS, 99)] == [0, 0, 1]
    times.forget("item-99")
    assert times.of("item-99") == ()


def test_letters_reach_to_where_the_first_word_that_is_not_among_them_begins() -> None:
    assert letters_reach_ms(TIMES, 4) == 900  # "Yes,"
    assert letters_reach_ms(TIMES, 5) == 900  # and the first letter of "we"
    assert letters_reach_ms(TIMES, 1_000) == 2_500  # the end of the last word is not known


WORDS = st.lists(st.text("abc,.", min_size=1, max_size=8), min_size=1, max_size=12)


@given(words=WORDS, heard_ms=st.floats(0, 5_000), more_ms=st.floats(0, 5_000), received_ms=st.floats(1, 5_000))
def test_what_was_heard_is_a_beginning_in_whole_words_and_grows_with_the_audio(
    words: list[str], heard_ms: float, more_ms: float, received_ms: float
) -> None:
    text = " ".join(words)

    heard = words_heard(text, heard_ms, received_ms).text.split()
    later = words_heard(text, heard_ms + more_ms, received_ms).text.split()

    assert words[: len(heard)] == heard
    assert len(later) >= len(heard)
    if heard_ms == 0:
        assert heard == []
    if heard_ms >= received_ms:
        assert heard == words
    else:
        assert sum(map(len, heard)) <= sum(map(len, words)) * heard_ms / received_ms + 1e-5


@given(data=st.data(), words=WORDS)
def test_by_the_vendors_times_exactly_the_words_that_ended_were_heard(data: st.DataObject, words: list[str]) -> None:
    lengths_ms = data.draw(st.lists(st.integers(1, 900), min_size=len(words), max_size=len(words)))
    starts_ms = [sum(lengths_ms[:n]) for n in range(len(words))]
    times = spoken(*((f"{word} ", float(start)) for word, start in zip(words, starts_ms, strict=True)))
    heard_ms = data.draw(st.integers(0, sum(lengths_ms)))

    heard = words_heard(" ".join(words), heard_ms, sum(lengths_ms), times)

    ended = [
        word for word, start, length in zip(words, starts_ms, lengths_ms, strict=True) if start + length <= heard_ms
    ]
    assert heard == HeardWords(" ".join(ended), "vendor_times")
