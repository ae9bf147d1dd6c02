"""What the cascade asks of the thing that thinks: a conversation in, words and tool requests out, piece by piece.

Small on purpose: any text model fits behind it, and so does a rule book. Not in here: speech, history keeping
(`history`), and any model. Invariant: a model holds no conversation; everything it may know of one is handed to it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from roomkit.voice.realtime.commands import ToolSpec
from roomkit.voice.realtime.provider_events import Role


@dataclass(frozen=True, slots=True)
class Said:
    """Somebody said or typed something. Of the assistant: what was heard of it.

    Attributes:
        text: ``""`` for a caller who spoke but was not understood.
    """

    role: Role
    text: str
    item_id: str = ""


@dataclass(frozen=True, slots=True)
class ToolAsked:
    """The model asked for a tool; ``arguments`` is JSON text."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolAnswered:
    """What the tool returned, as text (JSON where the tool returned a structure)."""

    call_id: str
    name: str
    output: str


Entry = Said | ToolAsked | ToolAnswered


@dataclass(frozen=True, slots=True)
class Conversation:
    """All a model is told.

    Attributes:
        entries: Oldest first.
        instructions: The system prompt, with what was asked for this one answer after it.
    """

    entries: tuple[Entry, ...]
    instructions: str | None = None


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """A piece of an answer: call this tool. The model is asked again when the results are there."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class SpeechRate:
    """A piece of an answer: from here on speak at this multiple of the present speed."""

    factor: float


Piece = str | ToolRequest | SpeechRate


class TextModel(Protocol):
    """Thinks of an answer."""

    def reply(self, conversation: Conversation, *, tools: tuple[ToolSpec, ...]) -> AsyncGenerator[Piece, None]:
        """Answer the conversation.

        Args:
            conversation: What was said so far; its last entry is usually the caller's, or a tool's answer.
            tools: What may be requested; anything else is refused.

        Yields:
            Text in pieces of any length (spoken sentence by sentence), tool requests and speed changes. The iterator
            is closed when the caller interrupts.

        Raises:
            ProviderError: The model failed.
        """

    async def close(self) -> None:
        """Release connections. Idempotent."""
