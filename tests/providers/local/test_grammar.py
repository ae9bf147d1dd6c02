"""The phrase book as recogniser and endpointer see it."""

from __future__ import annotations

import pytest

from roomkit.providers.local.grammar import jsgf, judge, junk_words, phrases_jsgf, pronunciations, written
from roomkit.providers.local.phrases import SLOTS, TEMPLATES, expand
from roomkit.voice.turn.endpointing import Completeness


@pytest.mark.parametrize(
    ("words", "completeness"),
    [
        ("what time is it", Completeness.COMPLETE),
        ("What time is it?", Completeness.COMPLETE),
        ("what is the weather in new york", Completeness.COMPLETE),  # "... tomorrow" comes without a pause
        ("where is my order", Completeness.UNKNOWN),  # "... number 1234"
        ("what is the weather", Completeness.UNKNOWN),  # "... in Paris"
        ("what is the weather in", Completeness.INCOMPLETE),
        ("what's the status of order 12", Completeness.INCOMPLETE),
        ("Track order 1234.", Completeness.COMPLETE),
        ("repeat that please", Completeness.COMPLETE),
        ("speak", Completeness.INCOMPLETE),
        ("banana", Completeness.UNKNOWN),
        ("", Completeness.UNKNOWN),
    ],
)
def test_a_phrase_is_judged_by_what_could_follow_it(words: str, completeness: Completeness) -> None:
    assert judge(words) is completeness


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("what is the weather in new york", "What is the weather in New York?"),
        ("order number one two three four", "Order number 1234."),
        ("can i talk to a person", "Can I talk to a person?"),
        ("repeat that", "Repeat that."),
        ("", ""),
    ],
)
def test_recognised_words_are_shown_as_one_would_write_them(words: str, text: str) -> None:
    assert written(words) == text


def test_no_junk_word_is_in_a_phrase() -> None:
    phrases = {word for templates in TEMPLATES.values() for t in templates for words in expand(t) for word in words}
    slots = {word for words in SLOTS.values() for word in words.split()}

    assert not junk_words() & (phrases | slots)


def test_no_way_to_say_a_word_is_of_a_word_nobody_says() -> None:
    said = set(jsgf().replace("(", " ").replace(")", " ").replace(";", " ").split())

    assert {word.partition("(")[0] for word in pronunciations()} <= said


def test_the_phrases_alone_have_no_junk() -> None:
    assert not junk_words() & set(phrases_jsgf().replace("(", " ").replace(")", " ").split())
    assert junk_words() <= set(jsgf().replace("(", " ").replace(")", " ").split())
