"""The rule book as a text model of a room, and the notes it takes."""

from __future__ import annotations

import pytest

from roomkit.core.ports import ModelMessage, ModelReply, ModelRequest
from roomkit.providers.local.text import FOLLOWED, NOT_FOLLOWED, LocalTextModel
from roomkit.providers.local.tools import default_tools

TOOLS = tuple(
    {"name": tool.name, "description": tool.description, "parameters": tool.parameters} for tool in default_tools()
)


def asks(text: str) -> ModelMessage:
    return ModelMessage("user", text, name="caller")


def notes(text: str) -> ModelMessage:
    return ModelMessage("user", text, name="boss")


def answers(text: str) -> ModelMessage:
    return ModelMessage("assistant", text)


async def reply(*messages: ModelMessage) -> ModelReply:
    return await LocalTextModel(notes_from=["boss"]).generate(ModelRequest(messages, tools=TOOLS))


async def test_a_question_is_answered_by_the_rule_book() -> None:
    assert (await reply(asks("Where are you?"))).text.startswith("We are at 12 Market Street")


async def test_what_needs_a_tool_asks_for_it_and_says_its_result() -> None:
    question = asks("What is the status of order 1234?")

    asked = await reply(question)
    answer = await reply(
        question,
        ModelMessage("assistant", "", tool_calls=asked.tool_calls),
        ModelMessage("tool", '{"order_id": "1234", "detail": "on its way"}', tool_call_id=asked.tool_calls[0].id),
    )

    assert (asked.tool_calls[0].name, asked.tool_calls[0].arguments) == ("order_status", {"order_id": "1234"})
    assert answer.text == "Order 1 2 3 4 is on its way."


@pytest.mark.parametrize(("note", "word"), [("free shipping, please", FOLLOWED), ("sing a song", NOT_FOLLOWED)])
async def test_a_note_is_answered_with_a_word(note: str, word: str) -> None:
    assert (await reply(asks("Hello"), notes(note))).text == word


async def test_a_note_is_followed_once_and_its_answer_is_no_part_of_the_conversation() -> None:
    history = (asks("Where are you?"), answers("At 12 Market Street."), notes("shipping!"), answers(FOLLOWED))

    followed = await reply(*history, asks("Say that again"))
    later = await reply(*history, asks("Say that again"), answers(followed.text), asks("Say that again"))

    assert followed.text == "At 12 Market Street. And for your patience, shipping is free."
    assert later.text == followed.text


async def test_nobody_elses_words_are_notes() -> None:
    assert "shipping is free" not in (await reply(asks("free shipping"), asks("Where are you?"))).text


async def test_a_conversation_without_words_is_begun_politely() -> None:
    assert (await reply()).text == "Hello, this is the shop. How can I help you?"
