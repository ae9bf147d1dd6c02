"""The conversation as heard: what a new provider link is told. Pure, bounded, owned by the session."""

from __future__ import annotations

from dataclasses import dataclass

from roomkit.voice.realtime.commands import Command, InjectText, RecallToolCall, ToolResult
from roomkit.voice.realtime.provider_events import Role

MAX_TURNS = 200
"""Older turns are forgotten; vendors' contexts hold about 28,000 tokens, an hour's talk (openai-realtime.md)."""


@dataclass(frozen=True, slots=True)
class SaidTurn:
    """Words one side said and the other heard.

    Attributes:
        by: Whose link they were said on; ``None`` for words that came as text.
        mark: See `History.mark`.
    """

    role: Role
    text: str
    by: object = None
    mark: int = 0


@dataclass(slots=True)
class ToolTurn:
    """A tool call and, once it is there, its result."""

    call_id: str
    name: str
    arguments: str
    output: str | None = None
    by: object = None
    mark: int = 0
    output_mark: int = 0


class History:
    """What was said and done so far.

    Attributes:
        mark: Grows with everything that is said or done: where the conversation stands.
        speaker: Whose link is the session's: what is said or called now is known there.
    """

    def __init__(self) -> None:
        self._turns: list[SaidTurn | ToolTurn] = []
        self._calls: dict[str, ToolTurn] = {}
        self.mark = 0
        self.speaker: object = None

    @property
    def has_begun(self) -> bool:
        """Whether anything was said or done, by either side."""
        return any(isinstance(turn, ToolTurn) or turn.role != "system" for turn in self._turns)

    def said(self, role: Role, text: str) -> None:
        """Somebody's words were heard."""
        if text:
            self._add(SaidTurn(role, text, self.speaker, self._next_mark()))

    def typed(self, role: Role, text: str) -> None:
        """Words came as text."""
        if text:
            self._add(SaidTurn(role, text, None, self._next_mark()))

    def called(self, call_id: str, name: str, arguments: str) -> None:
        """The agent asked for a tool."""
        turn = ToolTurn(call_id, name, arguments, by=self.speaker, mark=self._next_mark())
        self._calls[call_id] = turn
        self._add(turn)

    def returned(self, call_id: str, output: str) -> None:
        """The tool answered."""
        if (turn := self._calls.pop(call_id, None)) is not None:
            turn.output = output
            turn.output_mark = self._next_mark()

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

    def since(self, mark: int, who: object, own_mark: int | None = None) -> list[Command]:
        """What a link that took up the conversation again was not there for.

        Args:
            mark: What is older is known to it.
            who: Whose link it is: what was said or called on another link of theirs is known to it, too.
            own_mark: Unless it is newer than this: the other link went on after this one was opened.
        """
        commands: list[Command] = []
        for turn in self._turns:
            is_known = turn.mark <= mark or (turn.by is who and (own_mark is None or turn.mark <= own_mark))
            match turn:
                case SaidTurn(role, text):
                    if not is_known:
                        commands.append(InjectText(text, role, silent=True))
                case ToolTurn(call_id, name, arguments, output):
                    if not is_known:
                        commands.append(RecallToolCall(call_id, name, arguments))
                    if output is not None and turn.output_mark > mark:
                        commands.append(ToolResult(call_id, name, output, asks=False))
        return commands

    def _add(self, turn: SaidTurn | ToolTurn) -> None:
        self._turns.append(turn)
        del self._turns[:-MAX_TURNS]

    def _next_mark(self) -> int:
        self.mark += 1
        return self.mark
