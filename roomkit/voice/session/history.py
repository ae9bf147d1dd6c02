"""The conversation as heard: what a new provider link is told. Pure, bounded, owned by the session."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from roomkit.voice.realtime.commands import Command, InjectText, RecallToolCall, ToolResult
from roomkit.voice.realtime.provider_events import Role

MAX_TURNS = 200
"""Older turns are forgotten; vendors' contexts hold about 28,000 tokens, an hour's talk (openai-realtime.md)."""


@dataclass(frozen=True, slots=True)
class SaidTurn:
    """Words one side said and the other heard."""

    role: Role
    text: str


@dataclass(slots=True)
class ToolTurn:
    """A tool call and, once it is there, its result."""

    call_id: str
    name: str
    arguments: str
    output: str | None = None


class History:
    """What was said and done so far."""

    def __init__(self) -> None:
        self._turns: deque[SaidTurn | ToolTurn] = deque(maxlen=MAX_TURNS)
        self._calls: dict[str, ToolTurn] = {}

    def said(self, role: Role, text: str) -> None:
        """Somebody's words were heard."""
        if text:
            self._turns.append(SaidTurn(role, text))

    def called(self, call_id: str, name: str, arguments: str) -> None:
        """The agent asked for a tool."""
        turn = ToolTurn(call_id, name, arguments)
        self._calls[call_id] = turn
        self._turns.append(turn)

    def returned(self, call_id: str, output: str) -> None:
        """The tool answered."""
        if (turn := self._calls.pop(call_id, None)) is not None:
            turn.output = output

    def withdrawn(self, call_id: str) -> None:
        """The call was cancelled: it never happened."""
        if (turn := self._calls.pop(call_id, None)) is not None and turn in self._turns:
            self._turns.remove(turn)

    def turns(self) -> list[SaidTurn | ToolTurn]:
        """Oldest first."""
        return list(self._turns)

    def replay(self, unheard: str = "") -> list[Command]:
        """The commands that put a fresh link where the old one was; open tool calls are recalled without result.

        Args:
            unheard: Words the agent is saying right now: told last, for they will have been heard.
        """
        commands: list[Command] = []
        for turn in self._turns:
            match turn:
                case SaidTurn(role, text):
                    commands.append(InjectText(text, role, silent=True))
                case ToolTurn(call_id, name, arguments, output):
                    commands.append(RecallToolCall(call_id, name, arguments))
                    if output is not None:
                        commands.append(ToolResult(call_id, name, output, asks=False))
        if unheard:
            commands.append(InjectText(unheard, "assistant", silent=True))
        return commands
