"""What words mean to the shop, spoken or typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.providers.local.grammar import written
from roomkit.providers.local.intents import Understood, understand, words_of
from roomkit.providers.local.phrases import PHRASES, TEMPLATES, Intent, expand

ALL_PHRASES = [
    (intent, " ".join(sequence)) for intent, templates in TEMPLATES.items() for t in templates for sequence in expand(t)
]


@pytest.mark.parametrize(("intent", "phrase"), ALL_PHRASES)
def test_every_phrase_of_the_book_means_its_intent_as_spoken_and_as_written(intent: Intent, phrase: str) -> None:
    spoken = phrase.replace("<city>", "new york").replace("<digit>", "four").replace("<day>", "sunday")

    assert understand(spoken).intent is intent
    assert understand(written(spoken)) == understand(spoken)


@pytest.mark.parametrize("phrase", PHRASES)
def test_every_example_shown_to_the_caller_is_understood(phrase: str) -> None:
    assert understand(phrase).intent is not Intent.UNKNOWN


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("What's the wether like in Paris today?", Understood(Intent.WEATHER, city="Paris", day="today")),
        ("weather new york", Understood(Intent.WEATHER, city="New York")),
        ("what is the weather in Atlantis", Understood(Intent.WEATHER, city="Atlantis")),
        ("Hi! When do you open tomorrow, please?", Understood(Intent.HOURS, day="tomorrow")),
        ("my order number is 4711", Understood(Intent.ORDER, order="4711")),
        ("4711", Understood(Intent.FOLLOW_UP, order="4711")),
        ("TELL ME THE TIME", Understood(Intent.TIME)),
        ("could you please reapeat that", Understood(Intent.REPEAT)),
    ],
)
def test_typing_is_read_kindly(typed: str, meant: Understood) -> None:
    assert understand(typed) == meant


@pytest.mark.parametrize(
    "typed",
    [
        "order me a large pizza",
        "what time does the train to Boston leave",
        "who won the open",
        "what is the capital of France",
        "I love you",
        "",
        "?!",
        "\x00\x1b[2J",
        "你好",
        "time " + "banana " * 3_000,
    ],
)
def test_a_wrong_subject_is_not_answered(typed: str) -> None:
    assert understand(typed) == Understood(Intent.UNKNOWN)


def test_words_are_digits_one_by_one_and_contractions_taken_apart() -> None:
    assert words_of("What’s order 12?") == ["what", "is", "order", "one", "two"]


@given(text=st.text(max_size=400))
def test_no_text_upsets_it(text: str) -> None:
    understand(text)
