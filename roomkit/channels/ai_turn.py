"""One answer of a text agent: rounds of thinking and tool calls until there are words, shown as they grow.

Not in here: rooms, permissions and history (`ai`), what a tool call is (`core.tool_calls`). Invariant: an answer ends:
rounds, tool calls and characters are bounded, whatever the model does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from roomkit.core.ports import ModelMessage, ModelReply, ModelRequest, ModelToolCall, StreamingTextModel, TextModel
from roomkit.core.tools import as_text, cut_to
from roomkit.errors import ProviderError, WireError

MAX_TOOL_ROUNDS = 10
"""Times the model may ask for tools within one answer; one that asks again is stuck."""
MAX_TOOL_CALLS = 50
"""Tool calls within one answer, all rounds together."""
MAX_TOOL_RESULT_CHARS = 16_384
"""Of one tool result, as in voice; the rest is cut with a notice."""
MAX_REPLY_CHARS = 100_000
"""Of one answer; the rest is not waited for, and the cut is marked."""

CallTool = Callable[[ModelToolCall], Awaitable[Any]]
Show = Callable[[str], None]


class AnswerTurn:
    """One answer under way.

    Args:
        model: What thinks.
        call_tool: What a call came to; does not raise for what the call got wrong.
        show: Takes the text so far, each time it grew; never waits.
    """

    def __init__(self, model: TextModel, call_tool: CallTool, show: Show) -> None:
        self._model = model
        self._call_tool = call_tool
        self._show = show
        self._calls_left = MAX_TOOL_CALLS

    async def text(self, request: ModelRequest) -> str:
        """The answer's words; tools are called in the order the model asked.

        Raises:
            ProviderError: The model failed, or went on asking for tools.
        """
        for _ in range(MAX_TOOL_ROUNDS):
            reply = await self._reply(request)
            if not reply.tool_calls:
                return cut_to(reply.text, MAX_REPLY_CHARS)
            request = replace(request, messages=(*request.messages, *await self._tool_messages(reply)))
        raise ProviderError(f"{self._model.name} asked for tools {MAX_TOOL_ROUNDS} times in a row")

    async def _reply(self, request: ModelRequest) -> ModelReply:
        if isinstance(self._model, StreamingTextModel):
            return await self._streamed(self._model, request)
        return await self._model.generate(request)

    async def _streamed(self, model: StreamingTextModel, request: ModelRequest) -> ModelReply:
        pieces: list[str] = []
        size_chars = 0
        async with aclosing(model.stream(request)) as stream:
            async for piece in stream:
                if isinstance(piece, ModelReply):
                    return piece
                pieces.append(piece)
                size_chars += len(piece)
                if size_chars > MAX_REPLY_CHARS:
                    return ModelReply(text="".join(pieces))
                pieces = ["".join(pieces)]
                self._show(pieces[0])
        raise WireError(f"the stream of {model.name} ended without its reply")

    async def _tool_messages(self, reply: ModelReply) -> list[ModelMessage]:
        self._calls_left -= len(reply.tool_calls)
        if self._calls_left < 0:
            raise ProviderError(f"{self._model.name} asked for more than {MAX_TOOL_CALLS} tool calls in one answer")
        messages = [ModelMessage(role="assistant", text=reply.text, tool_calls=reply.tool_calls)]
        for call in reply.tool_calls:
            told = cut_to(as_text(await self._call_tool(call)), MAX_TOOL_RESULT_CHARS)
            messages.append(ModelMessage(role="tool", text=told, tool_call_id=call.id))
        return messages
