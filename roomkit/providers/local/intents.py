"""From words to what is meant, for speech and typing alike. Pure, forgiving of spelling, and not of wrong subjects.

A phrase is understood by the key words of one intent, provided that most of what it says belongs to the shop: "what
time is it" is about the time, "what time does the train to Boston leave" is not ours. Not in here: context (`brain`).
"""

from __future__ import annotations

import difflib
import functools
import re
from dataclasses import dataclass

from roomkit.providers.local.phrases import CITIES, CONTRACTIONS, DAYS, DIGITS, TEMPLATES, Intent, expand, word_set

LONGEST_TEXT = 300
"""Characters looked at: whoever types more than this did not ask one of our questions."""

LEAST_COVERAGE = 0.6
"""Share of the telling words that must belong to the shop."""

SPELLING = 0.84
"""Likeness from which a typed word counts as a misspelt one of ours (`difflib`'s ratio)."""

_KEYS: tuple[tuple[Intent, frozenset[str]], ...] = (
    (Intent.ORDER, frozenset({"order", "package", "parcel", "delivery", "shipped", "track", "tracking"})),
    (Intent.WEATHER, frozenset({"weather", "temperature", "forecast", "rain", "raining", "sunny", "cold", "warm"})),
    (Intent.HOURS, frozenset({"open", "opening", "close", "closed", "closing", "hours"})),
    (Intent.REPEAT, frozenset({"repeat", "again", "pardon"})),
    (Intent.SLOWER, frozenset({"slower", "slowly", "slow"})),
    (Intent.FASTER, frozenset({"faster", "quickly", "quicker"})),
    (Intent.PERSON, frozenset({"person", "human", "someone", "agent"})),
    (Intent.ADDRESS, frozenset({"address", "location"})),
    (Intent.HELP, frozenset({"help"})),
    (Intent.THANKS, frozenset({"thanks", "thank"})),
    (Intent.GOODBYE, frozenset({"goodbye", "bye"})),
    (Intent.TIME, frozenset({"time", "clock"})),
    (Intent.GREETING, frozenset({"hello", "hi", "hey", "morning", "afternoon", "evening"})),
)
"""In the order of precedence: "hello, what time do you open" asks for the hours."""

_FILLER = word_set(
    """
    a about all am an and any are as at be can could d did do does for from get give got has have how i if in is
    it just know like ll look looking m me much my need now of okay on or out please s say so some tell that the
    there this to too uh um up us very want was we were what when where which will with would you your
    """
)
"""Words that tell nothing of the subject."""


@dataclass(frozen=True, slots=True)
class Understood:
    """What a phrase asks for.

    Attributes:
        city: As written ("New York"); of a city the shop does not know, the word that was used.
        order: Its digits.
        day: ``today``, ``tomorrow`` or a weekday.
    """

    intent: Intent
    city: str | None = None
    order: str | None = None
    day: str | None = None


def words_of(text: str) -> list[str]:
    """Lower-case words; numbers digit by digit as words, contractions taken apart, punctuation gone."""
    words: list[str] = []
    for raw in re.findall(r"[a-z']+|\d", text[:LONGEST_TEXT].lower().replace("’", "'")):
        if raw.isdigit():
            words.append(DIGITS[int(raw)])
        else:
            words += CONTRACTIONS.get(raw, raw.strip("'")).split()
    return words


def understand(text: str) -> Understood:
    """What ``text`` asks for; `Intent.UNKNOWN` when it is not ours or there is nothing in it."""
    words = words_of(text)
    exact = _exact().get(slotted(words))
    words = [_spelled(word) for word in words]
    city, order, day = _city(words), _order(words), _first(words, DAYS)
    if exact is not None:
        return Understood(exact, city, order, day)
    intent = next((intent for intent, keys in _KEYS if keys.intersection(words)), Intent.UNKNOWN)
    if intent is Intent.WEATHER and city is None:
        city = _foreign_city(words)
    if intent is Intent.UNKNOWN:
        intent = Intent.FOLLOW_UP if city or order or day else Intent.UNKNOWN
    if _coverage(words, city) < LEAST_COVERAGE:
        return Understood(Intent.UNKNOWN)
    return Understood(intent, city, order, day)


@functools.cache
def _exact() -> dict[tuple[str, ...], Intent]:
    return {seq: intent for intent, templates in TEMPLATES.items() for t in templates for seq in expand(t)}


def slotted(words: list[str]) -> tuple[str, ...]:
    """The words with slots for cities, days and digits, as the phrase book has them."""
    text = " ".join(words)
    for city in CITIES:
        text = re.sub(rf"\b{city}\b", "<city>", text)
    slots = {**dict.fromkeys(DAYS, "<day>"), **dict.fromkeys((*DIGITS, "oh"), "<digit>")}
    return tuple(slots.get(word, word) for word in text.split())


@functools.cache
def _vocabulary() -> frozenset[str]:
    keys = {word for _, words in _KEYS for word in words}
    phrases = {word for sequence in _exact() for word in sequence if not word.startswith("<")}
    return frozenset(keys | phrases | {w for city in CITIES for w in city.split()} | {*DAYS, *DIGITS, "oh"})


@functools.cache
def _spellable() -> tuple[str, ...]:
    return tuple(sorted(word for word in _vocabulary() if len(word) >= 5))


@functools.lru_cache(maxsize=2_000)
def _spelled(word: str) -> str:
    if len(word) < 5 or len(word) > 20 or word in _vocabulary() or word in _FILLER:
        return word
    close = difflib.get_close_matches(word, _spellable(), n=1, cutoff=SPELLING)
    return close[0] if close else word


def _coverage(words: list[str], city: str | None) -> float:
    telling = [word for word in words if word not in _FILLER]
    ours = _vocabulary() | set((city or "").lower().split())
    return sum(word in ours for word in telling) / len(telling) if telling else 0.0


def _city(words: list[str]) -> str | None:
    text = f" {' '.join(words)} "
    return next((city.title() for city in CITIES if f" {city} " in text), None)


def _foreign_city(words: list[str]) -> str | None:
    after = words.index("in") + 1 if "in" in words else len(words)
    known = _vocabulary() | _FILLER
    return next((word.title() for word in words[after : after + 2] if word not in known), None)


def _order(words: list[str]) -> str | None:
    """The longest run of at least three digits; fewer are a quantity or a time of day."""
    runs = re.findall(r"\d+", "".join(_as_digit(word) for word in words))
    return max((run for run in runs if len(run) >= 3), key=len, default=None)


def _as_digit(word: str) -> str:
    return "0" if word == "oh" else str(DIGITS.index(word)) if word in DIGITS else " "


def _first(words: list[str], among: tuple[str, ...]) -> str | None:
    return next((word for word in words if word in among), None)
