"""What the shop answers, in context."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from roomkit.clock import Clock
from roomkit.providers.local.brain import HOURS, KNOWN_THINGS, WELCOME, ShopBrain
from roomkit.providers.local.tools import default_tools, get_weather, order_status
from roomkit.voice.pipeline.model import Conversation, Entry, Piece, Said, SpeechRate, ToolAnswered, ToolRequest
from roomkit.voice.realtime.commands import ToolSpec


class NewYear(Clock):
    """It is always Thursday noon."""

    def wall(self) -> datetime:
        return datetime(2026, 1, 1, 12).astimezone()


TOOLS = frozenset({"get_weather", "order_status"})


def answer(*entries: Entry | str, tools: frozenset[str] = TOOLS) -> list[Piece]:
    """The answer to a conversation; bare strings are the caller's."""
    said = [Said("user", entry) if isinstance(entry, str) else entry for entry in entries]
    return ShopBrain(NewYear()).answer(Conversation(tuple(said)), tools)


def asks_for(name: str, **arguments: str) -> list[Piece]:
    return [ToolRequest(name, json.dumps(arguments))]


def test_it_greets_whoever_has_said_nothing_yet() -> None:
    assert answer() == [WELCOME]


def test_weather_and_orders_are_looked_up_by_tools() -> None:
    assert answer("What is the weather in Paris?") == asks_for("get_weather", city="Paris")
    assert answer("what is the status of order one two three four") == asks_for("order_status", order_id="1234")


def test_a_tool_that_is_not_there_is_not_asked_for() -> None:
    assert answer("What is the weather in Paris?", tools=frozenset()) == ["I can't look up the weather here."]


def test_a_missing_detail_is_asked_for_and_then_understood_alone() -> None:
    assert answer("where is my order") == ["What is your order number? Please say its four digits."]
    assert answer("where is my order", "four seven one one") == asks_for("order_status", order_id="4711")
    assert answer("what is the weather", "in Rome") == asks_for("get_weather", city="Rome")


def test_a_follow_up_keeps_the_subject() -> None:
    assert answer("What is the weather in Paris?", "what time is it", "and in London?") == asks_for(
        "get_weather", city="London"
    )
    assert answer("are you open today", "what about sunday") == ["On Sunday we are closed."]


def test_it_repeats_what_it_said_last() -> None:
    assert answer("hello", Said("assistant", "It is noon."), "repeat that") == ["It is noon."]
    assert answer("repeat that") == ["I have not said anything yet. " + KNOWN_THINGS]


def test_it_changes_its_speed() -> None:
    assert answer("speak slower")[0] == SpeechRate(0.8)
    assert answer("speak faster")[0] == SpeechRate(1.25)


@pytest.mark.parametrize("words", ["", "tell me a joke", "and on tuesday"])
def test_what_it_does_not_know_it_says_with_an_example(words: str) -> None:
    (said,) = answer(words)

    assert isinstance(said, str)
    assert said.endswith(KNOWN_THINGS)


def test_it_tells_the_time() -> None:
    assert answer("what time is it") == ["It is 12 o'clock in the afternoon."]


def test_the_hours_of_a_day_are_that_day_s() -> None:
    assert answer("what are your opening hours") == [HOURS]
    assert answer("are you open on sunday") == ["On Sunday we are closed."]
    assert answer("are you open today") == ["Today, Thursday, we are open from nine to six."]
    assert answer("when do you open on monday") == ["On Monday we are open from nine to six."]


@pytest.mark.parametrize(
    ("name", "output", "said"),
    [
        ("get_weather", '{"city": "Paris", "temperature_c": 17, "conditions": "sunny"}',
         "In Paris it is 17 degrees, sunny."),
        ("order_status", '{"order_id": "12", "detail": "on its way"}', "Order 1 2 is on its way."),
        ("get_weather", '{"error": "no"}', "Sorry, I could not look that up."),
        ("get_weather", '{"sky": "blue", "wind_speed": 3}', "sky: blue, wind speed: 3"),
        ("get_weather", "sunny, they say", "sunny, they say"),
        ("get_weather", "", "Done."),
        ("get_weather", "{}", "Done."),
        ("other", "[1, 2]", "[1, 2]"),
        ("other", "x" * 5_000, "x" * 400),
    ],
)  # fmt: skip
def test_a_tool_s_result_is_put_into_words_whatever_it_is(name: str, output: str, said: str) -> None:
    assert answer("a question", ToolAnswered("call", name, output)) == [said]


async def test_the_model_streams_its_answer() -> None:
    conversation = Conversation((Said("user", "weather in Rome"),))
    tools = tuple(ToolSpec(tool.name, tool.description, tool.parameters) for tool in default_tools())

    pieces = [piece async for piece in ShopBrain().reply(conversation, tools=tools)]

    assert pieces == asks_for("get_weather", city="Rome")


def test_the_demo_s_tools_answer_what_they_know_and_say_what_they_do_not() -> None:
    assert get_weather(city=" paris ")["city"] == "Paris"
    assert "Paris" in get_weather(city="Atlantis")["known_cities"]
    assert order_status(order_id="order 1-2-3-4")["order_id"] == "1234"
    assert "error" in order_status(order_id="none")
