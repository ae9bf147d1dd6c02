"""The local shop's rule book as a text model of a room, so that an `AIChannel` answers without a key too.

It also takes notes: what a supervisor whispers to it, it answers with a word and follows in its next answer. Not in
here: what it knows (`brain`). Invariant: it keeps nothing between calls; everything is read from the request.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from roomkit.clock import SYSTEM_CLOCK, Clock
from roomkit.core.ports import ModelMessage, ModelReply, ModelRequest, ModelToolCall
from roomkit.core.tools import as_text
from roomkit.providers.local.brain import ShopBrain
from roomkit.voice.pipeline.model import Conversation, Entry, Said, ToolAnswered, ToolAsked, ToolRequest

WISHES: Final[Mapping[str, str]] = {
    "shipping": "And for your patience, shipping is free.",
    "discount": "And you get ten percent off your next order.",
    "sorry": "I am sorry for the trouble.",
}
"""By a word of a note: what it makes the next answer end with."""
FOLLOWED: Final = "Understood."
NOT_FOLLOWED: Final = "I can offer free shipping or a discount, or say sorry; nothing else."


class LocalTextModel:
    """A text model that needs no key and no network. It knows what `LocalRealtimeProvider` knows.

    Args:
        notes_from: Participants whose words are notes for the agent, not questions of the caller.
        clock: Tells the time of day.
    """

    name = "local rule book"

    def __init__(self, *, notes_from: Iterable[str] = (), clock: Clock = SYSTEM_CLOCK) -> None:
        self._notes_from = frozenset(notes_from)
        self._brain = ShopBrain(clock)
        self._clock = clock

    async def generate(self, request: ModelRequest) -> ModelReply:
        """One answer: to a note a word, to anybody else what the rule book says and what was noted since."""
        said, wishes = self._read(request.messages)
        if request.messages and self._is_note(request.messages[-1]):
            return ModelReply(FOLLOWED if wishes else NOT_FOLLOWED)
        offered = frozenset(str(tool["name"]) for tool in request.tools)
        pieces = self._brain.answer(Conversation(tuple(_entries(said))), offered)
        calls = tuple(
            ModelToolCall(self._clock.new_id("call"), piece.name, json.loads(piece.arguments))
            for piece in pieces
            if isinstance(piece, ToolRequest)
        )
        words = [piece for piece in pieces if isinstance(piece, str)]
        return ModelReply(tool_calls=calls) if calls else ModelReply(" ".join([*words, *wishes]))

    async def close(self) -> None:
        """Nothing to release."""

    def _read(self, messages: Iterable[ModelMessage]) -> tuple[list[ModelMessage], list[str]]:
        """The conversation without notes and the answers to them, and what was wished since the last answer."""
        said: list[ModelMessage] = []
        wishes: list[str] = []
        follows_note = False
        for message in messages:
            if self._is_note(message):
                wishes += [words for key, words in WISHES.items() if key in message.text.lower()]
            elif message.role != "assistant" or not follows_note:
                said.append(message)
                if message.role == "assistant" and not message.tool_calls:
                    wishes = []
            follows_note = self._is_note(message)
        return said, wishes

    def _is_note(self, message: ModelMessage) -> bool:
        return message.role == "user" and message.name in self._notes_from


def _entries(messages: Iterable[ModelMessage]) -> Iterator[Entry]:
    names: dict[str, str] = {}
    for message in messages:
        if message.role == "tool":
            call_id = message.tool_call_id or ""
            yield ToolAnswered(call_id, names.get(call_id, ""), message.text)
            continue
        for call in message.tool_calls:
            names[call.id] = call.name
            yield ToolAsked(call.id, call.name, as_text(call.arguments))
        if message.text:
            yield Said("assistant" if message.role == "assistant" else "user", message.text)
