"""The phrase book as a recogniser and an endpointer need it: word networks, junk, spelling, and completeness.

Pure. Not in here: the phrases (`phrases`) and what they mean (`intents`).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

from roomkit.providers.local.intents import slotted, words_of
from roomkit.providers.local.phrases import CITIES, CONTRACTIONS, DIGITS, SLOTS, TEMPLATES, expand, word_set
from roomkit.voice.stt.word_network import WordNetwork, network_of
from roomkit.voice.turn.endpointing import Completeness

JUNK = word_set(
    """
    after baby balloon banana because before being believe bicycle breakfast brother brown business butter
    camera candle carpet chair chicken children church coffee country cousin dancing daughter dinner doctor
    dollar drive during elephant every family father finger flower football forget fox friend garden garlic
    giving great guitar happy holiday hospital house husband jacket joke judge jump kitchen large lemon letter
    little machine maybe minute money monkey mother mountain mouth movie music night north nothing orange paper
    party pencil people picture plant pocket pretty problem question quick rabbit really record river school
    sister something story strange street sugar summer table teacher television third thirty together traffic
    travel tree under village visit watch water window winter woman world yellow yesterday young
    """
)
"""Everyday words of many sounds: speech that fits them in a row better than a phrase is not one of ours.

They are long enough not to fit *anything*: with a list of short words 40 of 150 right commands were lost to it, with
this one 12 (synthetic voices, bench/local_stack.py)."""

JUNK_JOINTS = {
    "_a": "AH", "_in": "IH N", "_is": "IH Z", "_me": "M IY", "_my": "M AY", "_on": "AA N", "_tell": "T EH L",
    "_the": "DH AH", "_what": "W AH T",
}  # fmt: skip
"""Words that wrong phrases share with ours, and how they sound. In the junk loop too, or "tell me a joke" could only be
one of ours; under names of their own, or "tell the" would pass for words of a caller."""

SPOKEN_TOO = {
    "help(2)": "HH EH AH L P",
    "help(3)": "HH EH OW L P",
    "thank(2)": "TH EY NG K",
    "thanks(2)": "TH EY NG K S",
}
"""Ways to say our words that the dictionary lacks: a vowel glides before a dark l, and "a" rises before "ng"."""


def junk_words() -> frozenset[str]:
    """The junk no phrase uses: a result with such a word came from the junk loop."""
    return JUNK | JUNK_JOINTS.keys()


def pronunciations() -> dict[str, str]:
    """What the grammars say that the dictionary does not know, or knows otherwise, as ARPAbet phones."""
    return JUNK_JOINTS | SPOKEN_TOO


@functools.cache
def phrase_network() -> WordNetwork:
    """All phrases as spoken, each with "please" after it or without."""
    slots = {f"<{name}>": [tuple(choice.split()) for choice in words.split(" | ")] for name, words in SLOTS.items()}
    return network_of((said + end for said in _said() for end in ((), ("please",))), slots)


@functools.cache
def network() -> WordNetwork:
    """The phrases and, beside them, rows of junk."""
    return phrase_network().or_any_of(junk_words())


def _said() -> Iterator[tuple[str, ...]]:
    """Every phrase in every form: "what is" and "what's"."""
    for templates in TEMPLATES.values():
        for template in templates:
            for words in expand(template):
                yield words
                for short, long in CONTRACTIONS.items():
                    spelled = tuple(long.split())
                    if "'" in short and words[: len(spelled)] == spelled and len(words) > len(spelled):
                        yield (short, *words[len(spelled) :])


def written(words: str) -> str:
    """Recognised words as one would write them: "order 1234", "Paris", a capital and a mark at the end."""
    text = words
    for city in CITIES:
        text = text.replace(city, city.title())
    parts: list[str] = []
    for word in text.split():
        digit = _digit(word)
        if digit is not None and parts and parts[-1].isdigit():
            parts[-1] += digit
        else:
            parts.append(digit if digit is not None else "I" if word == "i" else word)
    text = " ".join(parts)
    question = text.startswith(_QUESTION_WORDS)
    return text[:1].upper() + text[1:] + ("?" if question else "." if text else "")


_QUESTION_WORDS = ("what", "where", "when", "how", "is ", "are ", "will", "can", "could", "has", "do ", "and ")


def _digit(word: str) -> str | None:
    if word == "oh":
        return "0"
    return str(DIGITS.index(word)) if word in DIGITS else None


# --- completeness -----------------------------------------------------------------------------------------------------

_POLITE = frozenset({"please", "okay", "hello", "hi"})
_Trie = dict[str, "_Trie"]
_END = ""


@functools.cache
def _trie() -> _Trie:
    root: _Trie = {}
    for templates in TEMPLATES.values():
        for template in templates:
            for sequence in expand(template):
                node = root
                for word in sequence:
                    node = node.setdefault(word, {})
                node[_END] = {}
    return root


def judge(text: str) -> Completeness:
    """Whether what was heard is a whole phrase, the beginning of one, or neither.

    A whole phrase that is often continued ("what is the weather", "... in Paris") is neither; one to which only a
    courtesy or a day may be added is whole, for those are not waited with.
    """
    words = slotted(words_of(text))
    while len(words) > 1 and words[0] in _POLITE:
        words = words[1:]
    node = _trie()
    for word in words:
        if word in _POLITE and _END in node:
            return Completeness.COMPLETE
        following = node.get(word)
        if following is None:
            return Completeness.UNKNOWN
        node = following
    if _END not in node:
        return Completeness.INCOMPLETE if words else Completeness.UNKNOWN
    return Completeness.UNKNOWN if _OFTEN_NEXT.intersection(node) else Completeness.COMPLETE


_OFTEN_NEXT = frozenset({"in", "number", "order", "status", "<digit>", "<city>"})
"""Words that carry what the caller is really asking about."""
