"""Phrases as a network: the same phrases, each beginning and each ending once. Pure, without a recogniser."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.voice.stt.word_network import END, START, Phrase, WordNetwork, network_of

WORDS = st.sampled_from(["what", "is", "the", "time", "weather"])
PHRASES = st.sets(st.lists(WORDS, min_size=1, max_size=5).map(tuple), min_size=1, max_size=20)


def phrases_of(network: WordNetwork, state: int = START) -> Iterator[Phrase]:
    """Every way through a network without loops."""
    if state == END:
        yield ()
    for arc in network.arcs:
        if arc.origin == state:
            for rest in phrases_of(network, arc.target):
                yield (arc.word, *rest) if arc.word else rest


@given(PHRASES)
def test_a_network_accepts_its_phrases_each_once_and_no_other(phrases: set[Phrase]) -> None:
    assert sorted(phrases_of(network_of(phrases))) == sorted(phrases)


@given(PHRASES)
def test_no_word_leads_two_ways_from_one_state(phrases: set[Phrase]) -> None:
    ways = Counter((arc.origin, arc.word) for arc in network_of(phrases).arcs)

    assert set(ways.values()) == {1}


@given(PHRASES)
def test_no_two_states_have_the_same_future(phrases: set[Phrase]) -> None:
    network = network_of(phrases)

    states = {arc.origin for arc in network.arcs} | {END}
    assert len({frozenset(phrases_of(network, state)) for state in states}) == len(states)


def test_what_phrases_share_is_in_the_network_once() -> None:
    network = network_of([("what", "is", "the", "time"), ("what", "is", "the", "weather"), ("the", "weather")])

    words = [arc.word for arc in network.arcs if arc.word]
    assert sorted(words) == ["is", "the", "the", "time", "weather", "weather", "what"]


def test_a_slot_stands_for_all_its_choices() -> None:
    network = network_of([("in", "<city>"), ("in", "<city>", "today")], {"<city>": [("rome",), ("new", "york")]})

    assert sorted(phrases_of(network)) == [
        ("in", "new", "york"),
        ("in", "new", "york", "today"),
        ("in", "rome"),
        ("in", "rome", "today"),
    ]


def test_words_beside_the_phrases_weigh_less_the_more_they_are() -> None:
    network = network_of([("help",)]).or_any_of(["banana", "camera", "banana"])

    assert {arc.word: arc.weight for arc in network.arcs if arc.word} == {"help": 1.0, "banana": 0.5, "camera": 0.5}


@pytest.mark.parametrize("phrases", [[], [()], [("",)], [("what", "", "time")]])
def test_phrases_without_words_are_refused(phrases: list[Phrase]) -> None:
    with pytest.raises(ValueError, match="phrase"):
        network_of(phrases)


@pytest.mark.parametrize("choices", [[], [()], [("",)], [("rome",), ("new", "")]])
def test_a_slot_without_words_is_refused(choices: list[Phrase]) -> None:
    with pytest.raises(ValueError, match="phrase"):
        network_of([("in", "<city>")], {"<city>": choices})


@pytest.mark.parametrize("words", [[], [""]])
def test_no_words_beside_the_phrases_are_refused(words: list[str]) -> None:
    with pytest.raises(ValueError, match="phrase"):
        network_of([("help",)]).or_any_of(words)
