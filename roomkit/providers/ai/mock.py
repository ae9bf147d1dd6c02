"""A text model for tests: says what it was told to say, and remembers what it was asked."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence

from roomkit.core.ports import ModelReply, ModelRequest
from roomkit.errors import ConfigError

WORD = re.compile(r"\s*\S+\s*$|\s*\S+")


class MockAIProvider:
    """Answers from a list, over and over; without one it repeats what it was last told.

    Streamed, its answers come word by word.

    Args:
        responses: Texts, or `ModelReply` values (tool calls included), in turn.

    Attributes:
        calls: Every request, oldest first.
    """

    name = "mock"

    def __init__(self, responses: Sequence[str | ModelReply] | None = None) -> None:
        if responses is not None and not responses:
            raise ConfigError("MockAIProvider needs at least one response, or None to repeat what it hears")
        self._responses = responses
        self.calls: list[ModelRequest] = []

    async def generate(self, request: ModelRequest) -> ModelReply:
        """The next answer."""
        self.calls.append(request)
        if self._responses is None:
            return ModelReply(text=request.messages[-1].text if request.messages else "")
        response = self._responses[(len(self.calls) - 1) % len(self._responses)]
        return response if isinstance(response, ModelReply) else ModelReply(text=response)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[str | ModelReply, None]:
        """The next answer, word by word."""
        reply = await self.generate(request)
        for word in WORD.findall(reply.text):
            yield word
        yield reply

    async def close(self) -> None:
        """Nothing to release."""
