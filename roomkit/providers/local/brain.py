"""The rule book of a shop's help desk: what it answers to each intent, in the context of what was said before.

A `TextModel` of the cascade. It knows a handful of things, and says so rather than guess. Not in here: understanding
words (`intents`). Invariant: it keeps nothing between calls; context is read from the conversation it is given.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from typing import Any

from roomkit.clock import SYSTEM_CLOCK, Clock
from roomkit.providers.local.intents import Understood, understand
from roomkit.providers.local.phrases import DAYS, Intent
from roomkit.voice.pipeline.model import Conversation, Piece, Said, SpeechRate, ToolAnswered, ToolRequest
from roomkit.voice.realtime.commands import ToolSpec

KNOWN_THINGS = (
    "You can ask for our opening hours, where an order is, the weather in some cities, or the time. "
    "For example: what is the weather in Paris?"
)
WELCOME = "Hello, this is the shop. How can I help you?"
HOURS = "We are open from nine to six, Monday to Saturday. On Sunday we are closed."

_FIXED = {
    Intent.GREETING: "Hello! How can I help you?",
    Intent.ADDRESS: "We are at 12 Market Street, right beside the town hall.",
    Intent.PERSON: "I am only a demo, so there is nobody to put you through to. But ask me something else.",
    Intent.HELP: KNOWN_THINGS,
    Intent.THANKS: "You are welcome.",
    Intent.GOODBYE: "Goodbye! Have a nice day.",
    Intent.UNKNOWN: "Sorry, that is not something I know. " + KNOWN_THINGS,
}
_ABOUT = {Intent.WEATHER: "city", Intent.ORDER: "order", Intent.HOURS: "day"}
"""Which slot a follow-up to this intent fills ("and in Paris?")."""


class ShopBrain:
    """Answers for the shop.

    Args:
        clock: Tells the time of day.
    """

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock

    async def reply(self, conversation: Conversation, *, tools: tuple[ToolSpec, ...]) -> AsyncGenerator[Piece, None]:
        """See `TextModel.reply`. Instructions are not followed: there is nobody here who could read them."""
        for piece in self.answer(conversation, frozenset(tool.name for tool in tools)):
            yield piece

    async def close(self) -> None:
        """Nothing to release."""

    def answer(self, conversation: Conversation, tools: frozenset[str]) -> list[Piece]:
        """The answer, as values: what `reply` streams."""
        entries = conversation.entries
        if entries and isinstance(entries[-1], ToolAnswered):
            return [_tool_sentence(entries[-1])]
        said = [entry for entry in entries if isinstance(entry, Said)]
        users = [entry.text for entry in said if entry.role == "user"]
        if not users:
            return [WELCOME]
        if said[-1].role != "user":
            return ["Is there anything else I can do for you?"]
        meant = in_context(users)
        if meant.intent is Intent.REPEAT:
            return [_last_answer(said)]
        if meant.intent is Intent.SLOWER:
            return [SpeechRate(0.8), "Of course, I will speak more slowly."]
        if meant.intent is Intent.FASTER:
            return [SpeechRate(1.25), "All right, I will speak faster."]
        return self._answer(meant, tools)

    def _answer(self, meant: Understood, tools: frozenset[str]) -> list[Piece]:
        match meant.intent:
            case Intent.WEATHER if meant.city is None:
                return ["For which city?"]
            case Intent.WEATHER:
                return _ask_tool("get_weather", {"city": meant.city}, tools, "I can't look up the weather here.")
            case Intent.ORDER if meant.order is None:
                return ["What is your order number? Please say its four digits."]
            case Intent.ORDER:
                return _ask_tool("order_status", {"order_id": meant.order}, tools, "I can't look up orders here.")
            case Intent.TIME:
                return [f"It is {_spoken_time(self._clock)}."]
            case Intent.HOURS:
                return [_hours(meant.day, self._clock)]
            case other:
                return [_FIXED.get(other, _FIXED[Intent.UNKNOWN])]


def in_context(users: list[str]) -> Understood:
    """What the caller's last words mean after the earlier ones: a bare city, day or number continues the subject.

    Args:
        users: The caller's words, oldest first, at least one.
    """
    meant = understand(users[-1])
    if meant.intent is not Intent.FOLLOW_UP:
        return meant
    slots = {"city": meant.city, "order": meant.order, "day": meant.day}
    for earlier in reversed(users[:-1]):
        intent = understand(earlier).intent
        slot = _ABOUT.get(intent)
        if slot is not None and slots[slot] is not None:
            return Understood(intent, meant.city, meant.order, meant.day)
    # Out of the blue: a number is an order, a city has weather; a day alone could be anything.
    if meant.order is not None:
        return Understood(Intent.ORDER, order=meant.order)
    return Understood(Intent.WEATHER if meant.city is not None else Intent.UNKNOWN, city=meant.city)


def _last_answer(said: list[Said]) -> str:
    repeatable = (entry.text for entry in reversed(said) if entry.role == "assistant" and entry.text)
    return next(repeatable, "I have not said anything yet. " + KNOWN_THINGS)


def _ask_tool(name: str, arguments: dict[str, Any], tools: frozenset[str], otherwise: str) -> list[Piece]:
    return [ToolRequest(name, json.dumps(arguments))] if name in tools else [otherwise]


def _spoken_time(clock: Clock) -> str:
    now = clock.wall().astimezone()
    hour = now.hour % 12 or 12
    half = "in the morning" if now.hour < 12 else "in the afternoon" if now.hour < 18 else "in the evening"
    if now.minute == 0:
        return f"{hour} o'clock {half}"
    return f"{hour} {now.minute if now.minute >= 10 else f'oh {now.minute}'} {half}"


def _hours(day: str | None, clock: Clock) -> str:
    if day is None:
        return HOURS
    today = clock.wall().astimezone().weekday()
    weekday = {"today": today, "tomorrow": (today + 1) % 7}.get(day)
    name = f"On {day.title()}" if weekday is None else f"{day.title()}, {_WEEKDAYS[weekday].title()},"
    if day == "sunday" or weekday == _WEEKDAYS.index("sunday"):
        return f"{name} we are closed."
    return f"{name} we are open from nine to six."


_WEEKDAYS = DAYS[2:]


def _tool_sentence(answered: ToolAnswered) -> str:
    """Say a tool's result: ours in whole sentences, anybody else's as it is."""
    try:
        result = json.loads(answered.output)
    except ValueError:
        result = answered.output
    if not isinstance(result, dict):
        return str(result)[:_LONGEST_RESULT] or "Done."
    say = _SENTENCES.get(answered.name, _plain)
    try:
        return say(result)
    except KeyError:
        return _plain(result)


_LONGEST_RESULT = 400
"""Characters of an unknown tool's result that are read out: half a minute."""


def _plain(result: dict[str, Any]) -> str:
    if "error" in result:
        return "Sorry, I could not look that up."
    values = ", ".join(f"{str(key).replace('_', ' ')}: {value}" for key, value in result.items())
    return values[:_LONGEST_RESULT] or "Done."


def _weather_sentence(result: dict[str, Any]) -> str:
    if cities := result.get("known_cities"):
        return f"I only know the weather in {', '.join(map(str, cities[:-1]))} and {cities[-1]}."
    return f"In {result['city']} it is {result['temperature_c']} degrees, {result['conditions']}."


def _order_sentence(result: dict[str, Any]) -> str:
    number = " ".join(str(result["order_id"]))
    return f"Order {number} is {result['detail']}."


_SENTENCES: dict[str, Callable[[dict[str, Any]], str]] = {
    "get_weather": _weather_sentence,
    "order_status": _order_sentence,
}
