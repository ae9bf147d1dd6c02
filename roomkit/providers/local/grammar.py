"""The phrase book as a recogniser and an endpointer need it: JSGF, junk words, spelling, and completeness.

Pure. Not in here: the phrases (`phrases`) and what they mean (`intents`).
"""

from __future__ import annotations

import functools

from roomkit.providers.local.intents import slotted, words_of
from roomkit.providers.local.phrases import CITIES, CONTRACTIONS, DIGITS, SLOTS, TEMPLATES, expand
from roomkit.voice.turn.endpointing import Completeness

JUNK = frozenset(
    [
        "about",
        "after",
        "all",
        "also",
        "because",
        "been",
        "before",
        "being",
        "big",
        "book",
        "but",
        "car",
        "children",
        "could",
        "country",
        "day",
        "dinner",
        "dog",
        "done",
        "down",
        "eat",
        "every",
        "family",
        "father",
        "find",
        "food",
        "for",
        "friend",
        "from",
        "game",
        "garden",
        "girl",
        "give",
        "go",
        "going",
        "great",
        "had",
        "happy",
        "her",
        "here",
        "him",
        "his",
        "house",
        "how",
        "if",
        "into",
        "job",
        "just",
        "keep",
        "kind",
        "know",
        "last",
        "learn",
        "let",
        "life",
        "like",
        "little",
        "long",
        "look",
        "love",
        "made",
        "make",
        "many",
        "maybe",
        "money",
        "more",
        "most",
        "mother",
        "movie",
        "much",
        "music",
        "must",
        "name",
        "need",
        "never",
        "new",
        "night",
        "nothing",
        "number",
        "of",
        "off",
        "old",
        "only",
        "other",
        "our",
        "out",
        "over",
        "pay",
        "people",
        "phone",
        "place",
        "plan",
        "play",
        "please",
        "problem",
        "put",
        "question",
        "read",
        "really",
        "red",
        "right",
        "room",
        "run",
        "said",
        "say",
        "school",
        "see",
        "she",
        "should",
        "show",
        "sing",
        "sister",
        "sleep",
        "small",
        "some",
        "something",
        "song",
        "start",
        "still",
        "stop",
        "story",
        "sugar",
        "sure",
        "table",
        "take",
        "talk",
        "teacher",
        "than",
        "their",
        "them",
        "then",
        "there",
        "they",
        "thing",
        "think",
        "this",
        "those",
        "three",
        "to",
        "too",
        "train",
        "travel",
        "tree",
        "try",
        "turn",
        "under",
        "up",
        "us",
        "use",
        "very",
        "wait",
        "walk",
        "want",
        "was",
        "watch",
        "water",
        "way",
        "we",
        "week",
        "well",
        "were",
        "which",
        "while",
        "who",
        "why",
        "wife",
        "will",
        "window",
        "wish",
        "with",
        "woman",
        "word",
        "work",
        "world",
        "would",
        "write",
        "year",
        "yes",
        "yesterday",
        "young",
        "zoo",
    ]
)
"""Everyday words of many sounds: speech that fits them in a row better than a phrase is not one of ours."""

JUNK_WEIGHT = 0.02
"""Share of the junk loop. Weighed on synthetic speech (bench/local_stack.py): less, and wrong phrases pass; more, and
right ones are lost."""


def junk_words() -> frozenset[str]:
    """The junk that no phrase uses; a result with such a word came from the junk loop."""
    vocabulary = {word for templates in TEMPLATES.values() for t in templates for seq in expand(t) for word in seq}
    slot_words = {word for words in SLOTS.values() for word in words.split()}
    return JUNK - vocabulary - slot_words


@functools.cache
def jsgf() -> str:
    """The grammar as JSGF text."""
    slots = "\n".join(f"<{name}> = {words};" for name, words in SLOTS.items())
    phrases = " | ".join(_with_contractions(t) for templates in TEMPLATES.values() for t in templates)
    junk = " | ".join(sorted(junk_words()))
    return (
        "#JSGF V1.0;\ngrammar shop;\n"
        f"public <turn> = /{1 - JUNK_WEIGHT}/ [please | okay | hello | hi] <phrase> [please | now] "
        f"| /{JUNK_WEIGHT}/ <junk>;\n"
        f"{slots}\n<phrase> = {phrases};\n<junk> = ({junk})+;\n"
    )


def _with_contractions(template: str) -> str:
    """Let the caller say "what's" for "what is"."""
    for short, long in CONTRACTIONS.items():
        if "'" in short and template.startswith(f"{long} "):
            return f"({short} | {long}) {template.removeprefix(long)}"
    return template


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

_POLITE = frozenset({"please", "okay", "hello", "hi", "now"})
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
    """Whether what was heard is a whole phrase that no phrase continues, the beginning of one, or neither."""
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
        return Completeness.INCOMPLETE
    return Completeness.COMPLETE if len(node) == 1 else Completeness.UNKNOWN
