"""Cutting streamed text into what can be spoken in one go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from roomkit.voice.pipeline.sentences import LONGEST, Sentences


def cut(*pieces: str) -> list[str]:
    sentences = Sentences()
    return [s for piece in pieces for s in sentences.feed(piece)] + list(sentences.flush())


def test_a_sentence_is_given_out_as_soon_as_the_next_begins() -> None:
    sentences = Sentences()

    assert list(sentences.feed("Hello. How")) == ["Hello."]
    assert list(sentences.feed(" are you?")) == []
    assert list(sentences.flush()) == ["How are you?"]


def test_numbers_are_not_cut() -> None:
    assert cut("It is 3.5 degrees. Cold!") == ["It is 3.5 degrees.", "Cold!"]


def test_text_without_an_end_is_cut_at_a_space() -> None:
    sentences = cut("word " * 200)

    assert all(len(sentence) <= LONGEST and sentence.endswith("word") for sentence in sentences)


def test_a_word_without_an_end_is_cut_anywhere() -> None:
    assert "".join(cut("x" * 10_000)) == "x" * 10_000


def test_control_characters_are_not_spoken() -> None:
    assert cut("a\x00b\x1b[31m \ud800c") == ["a b [31m  c"]


@given(pieces=st.lists(st.text(alphabet="ab .!?\n", max_size=30), max_size=10))
def test_no_word_is_lost_whatever_the_pieces(pieces: list[str]) -> None:
    assert "".join(" ".join(cut(*pieces)).split()) == "".join("".join(pieces).split())
