"""What callers of the shop say: the phrase book, written once, from which the grammar and the judge are made.

Each template is in JSGF's own notation: ``[optional]``, ``(this | that)`` and the slots ``<city>``, ``<day>`` and
``<order>``. Not in here: what a phrase means in context (`intents`, `brain`). Invariant: every word is in CMUdict.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum


class Intent(StrEnum):
    """What a caller wants."""

    GREETING = "greeting"
    HOURS = "hours"
    ORDER = "order"
    WEATHER = "weather"
    TIME = "time"
    ADDRESS = "address"
    PERSON = "person"
    REPEAT = "repeat"
    SLOWER = "slower"
    FASTER = "faster"
    HELP = "help"
    THANKS = "thanks"
    GOODBYE = "goodbye"
    FOLLOW_UP = "follow_up"
    UNKNOWN = "unknown"


CITIES = (
    "paris", "london", "berlin", "madrid", "rome", "tokyo", "new york", "chicago", "montreal", "sydney",
    "amsterdam", "vienna",
)  # fmt: skip
DAYS = ("today", "tomorrow", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ORDER_DIGITS = 4

SLOTS = {
    "city": " | ".join(CITIES),
    "day": " | ".join(DAYS),
    "digit": " | ".join(DIGITS),
    "order": " ".join(["<digit>"] * ORDER_DIGITS),
}

TEMPLATES: dict[Intent, tuple[str, ...]] = {
    Intent.GREETING: ("hello [there]", "hi [there]", "good (morning | afternoon | evening)"),
    Intent.HOURS: (
        "(what are | tell me) (the | your) opening hours",
        "opening hours",
        "(when | what time) (do you | are you) (open | close | closed) [on] [<day>]",
        "are you (open | closed) [on] [<day>]",
        "when does the (shop | store) (open | close) [<day>]",
    ),
    Intent.ORDER: (
        "where is my (order | package) [number <order>]",
        "what is the status of (my order | my order number <order> | order <order> | order number <order>)",
        "(check | track) (my order | order <order> | order number <order> | my order number <order>)",
        "order [number] <order>",
        "order status",
        "has my order (shipped | arrived)",
    ),
    Intent.WEATHER: (
        "what is the weather [like] [in <city>] [<day>]",
        "what is the (weather | temperature | forecast) in <city>",
        "how is the weather [in <city>]",
        "tell me the weather [in <city>]",
        "weather in <city>",
        "is it (raining | sunny | cold | warm) in <city>",
        "will it rain in <city> [<day>]",
    ),
    Intent.TIME: ("what time is it", "what is the time", "tell me the time", "do you have the time"),
    Intent.ADDRESS: ("where are you", "what is your address", "where is (the | your) (shop | store)"),
    Intent.PERSON: ("(can i | i want to) (talk | speak) to (a person | a human | someone)",),
    Intent.REPEAT: (
        "[can you | could you] repeat that",
        "[can you | could you] say that again",
        "what did you say",
        "pardon",
    ),
    Intent.SLOWER: (
        "[can you | could you] (speak | talk) (slower | more slowly)",
        "[can you | could you] slow down",
    ),
    Intent.FASTER: (
        "[can you | could you] (speak | talk) (faster | more quickly)",
        "[can you | could you] speed up",
    ),
    Intent.HELP: ("help [me]", "what can you do", "what can i (say | ask)", "how can you help me", "what do you know"),
    Intent.THANKS: ("thank you [very much]", "thanks [a lot]"),
    Intent.GOODBYE: ("goodbye", "good bye", "bye [bye]", "see you later", "that is all"),
    Intent.FOLLOW_UP: (
        "(and | what about | how about) in <city>",
        "(and | what about | how about) <city>",
        "(what about | how about) [on] <day>",
        "(and | what about | how about) order [number] <order>",
        "(number | it is number | the number is | it is) <order>",
        "<order>",
    ),
}

CONTRACTIONS = {
    "what's": "what is", "where's": "where is", "how's": "how is", "when's": "when is", "it's": "it is",
    "that's": "that is", "i'd": "i would", "i'm": "i am", "you're": "you are", "whats": "what is",
    "wheres": "where is",
}  # fmt: skip
"""Both forms are spoken; after `phrases` and `intents` took them apart there is one."""

PHRASES = (
    "What are your opening hours?",
    "Where is my order?",
    "What is the status of order 1 2 3 4?",
    "What is the weather in Paris?",
    "And in London?",
    "What time is it?",
    "Repeat that",
    "Speak slower",
    "What can you do?",
    "Goodbye",
)
"""Examples to show a caller, as one would write them."""


def word_set(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


def expand(template: str) -> Iterator[tuple[str, ...]]:
    """All word sequences of a template; slots stay as they are (``"<city>"``), but ``<order>`` becomes its digits."""
    yield from _expand(template.replace("<order>", SLOTS["order"]))


def _expand(template: str) -> Iterator[tuple[str, ...]]:
    for index, char in enumerate(template):
        if char in "[(":
            end = _closing(template, index)
            alternatives = template[index + 1 : end].split("|")
            head, tail = template[:index], template[end + 1 :]
            for alternative in [*alternatives, *([""] if char == "[" else [])]:
                yield from _expand(f"{head}{alternative} {tail}")
            return
    yield tuple(template.split())


def _closing(template: str, start: int) -> int:
    """Index of the bracket that closes the one at ``start``. Brackets are not nested in the phrase book."""
    return template.index("]" if template[start] == "[" else ")", start)
