"""What can be said, as a network of words: each beginning that phrases share is in it once, and so is each ending.

A recogniser pays for every word it must try. In the JSGF of forty templates "what is the" stands a dozen times and is
tried a dozen times; here it is tried once, which halves the recogniser's work. Pure; no recogniser in here.

Invariant: of the phrases as they are given, before slots are filled, at most one arc leads on from a state with the
same word, and no two states have the same future.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

Phrase = tuple[str, ...]
_Trie = dict[str, "_Trie"]
_Future = tuple[tuple[str, int], ...]
_END = ""

START, END = 0, 1
"""The states every network has: nothing was said yet, and a whole phrase was."""


@dataclass(frozen=True, slots=True)
class Arc:
    """A word that leads from one state to another; ``""``: nothing need be said.

    Attributes:
        weight: Over 0, at most 1: how likely against other arcs; they need not add up to 1.
    """

    origin: int
    target: int
    word: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class WordNetwork:
    """Phrases from `START` to `END`."""

    arcs: tuple[Arc, ...]

    def or_any_of(self, words: Iterable[str]) -> WordNetwork:
        """The same phrases, or any of ``words`` again and again; each of them is only one of many and weighs less.

        Raises:
            ValueError: No word, or an empty one.
        """
        row = _not_empty(tuple(sorted(set(words))))
        before = 1 + max((max(arc.origin, arc.target) for arc in self.arcs), default=END)
        after = before + 1
        loop = (
            Arc(START, before, ""),
            *(Arc(before, after, word, 1 / len(row)) for word in row),
            Arc(after, before, ""),
            Arc(after, END, ""),
        )
        return WordNetwork(self.arcs + loop)


def network_of(phrases: Iterable[Phrase], slots: Mapping[str, Iterable[Phrase]] | None = None) -> WordNetwork:
    """The smallest network that accepts exactly these phrases; a slot counts as one word.

    Args:
        phrases: Word by word.
        slots: Words that stand for any of several phrases: ``{"<city>": [("rome",), ("new", "york")]}``.

    Raises:
        ValueError: No phrase at all or in a slot, or an empty one.
    """
    root: _Trie = {}
    for phrase in phrases:
        node = root
        for word in _not_empty(phrase):
            node = node.setdefault(word, {})
        node[_END] = {}
    named = {name: [_not_empty(words) for words in choices] for name, choices in (slots or {}).items()}
    if not root or not all(named.values()):
        raise ValueError("a network needs a phrase, and so does each slot")
    return WordNetwork(tuple(_arcs(_numbered(root), named)))


def _not_empty(phrase: Phrase) -> Phrase:
    if not phrase or not all(phrase):
        raise ValueError("a phrase has at least one word, and no empty one")
    return phrase


def _numbered(root: _Trie) -> dict[_Future, int]:
    """Each different future of the trie with a number of its own; the root's is `START`, and nothing more is `END`."""
    numbers: dict[_Future, int] = {(): END}

    def state_of(node: _Trie) -> int:
        if node.keys() <= {_END}:
            return END
        return numbers.setdefault(future_of(node), len(numbers) + 1)  # START is kept for the root

    def future_of(node: _Trie) -> _Future:
        return tuple((word, state_of(following)) for word, following in sorted(node.items()))

    numbers[future_of(root)] = START
    return numbers


def _arcs(futures: Mapping[_Future, int], slots: Mapping[str, list[Phrase]]) -> Iterator[Arc]:
    between = len(futures)
    for future, state in futures.items():
        for word, target in future:
            for choice in slots.get(word, [(word,)]):
                origin = state
                for part in choice[:-1]:
                    yield Arc(origin, between, part)
                    origin, between = between, between + 1
                yield Arc(origin, target, choice[-1])
