"""The phrase book as recogniser and endpointer see it."""

from __future__ import annotations

import pytest

from roomkit.providers.local.grammar import judge, junk_words, network, phrase_network, pronunciations, written
from roomkit.providers.local.phrases import SLOTS, TEMPLATES, expand
from roomkit.voice.stt.word_network import END, START, WordNetwork
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
    assert {word.partition("(")[0] for word in pronunciations()} <= words_in(network())


def test_the_phrases_alone_have_no_junk() -> None:
    assert not junk_words() & words_in(phrase_network())
    assert junk_words() <= words_in(network())


@pytest.mark.parametrize(
    "said",
    [
        "what is the weather in new york tomorrow", "what's the weather in rome please", "where's my order",
        "one two three four", "check my order number five six seven eight", "it is number nine zero nine zero please",
    ],
)  # fmt: skip
def test_a_phrase_can_be_said_in_every_form(said: str) -> None:
    assert leads_to_the_end(phrase_network(), said)


@pytest.mark.parametrize("said", ["", "please", "one two three", "what is the weather in", "in paris", "what's what"])
def test_a_piece_of_a_phrase_is_none(said: str) -> None:
    assert not leads_to_the_end(phrase_network(), said)


def test_junk_goes_on_as_long_as_it_likes_but_not_into_a_phrase() -> None:
    assert leads_to_the_end(network(), "banana yesterday banana")
    assert leads_to_the_end(network(), "pardon")
    assert not leads_to_the_end(network(), "banana pardon")


def words_in(network: WordNetwork) -> set[str]:
    return {arc.word for arc in network.arcs}


def leads_to_the_end(network: WordNetwork, said: str) -> bool:
    """Whether the words are a way through the network."""
    states = following({START}, "", network)
    for word in said.split():
        stepped = {arc.target for arc in network.arcs if arc.origin in states and arc.word == word}
        states = following(stepped, "", network)
    return END in states


def following(states: set[int], word: str, network: WordNetwork) -> set[int]:
    """These states and all that arcs with ``word`` lead to from them."""
    reached = states
    while more := {arc.target for arc in network.arcs if arc.origin in reached and arc.word == word} - reached:
        reached = reached | more
    return reached
