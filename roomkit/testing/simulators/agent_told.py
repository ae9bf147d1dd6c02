"""What the agent behind a simulator in live mode tells the vendor's director: values, of no vendor's protocol."""

from __future__ import annotations

from dataclasses import dataclass, field

from roomkit.voice.realtime.provider_events import ResponseStatus


@dataclass(frozen=True, slots=True)
class Words:
    """The next words of the answer, with the space before them."""

    text: str


@dataclass(frozen=True, slots=True)
class Sound:
    """The next audio of the answer: PCM16 LE mono at the rate that was asked for.

    Attributes:
        item_id: What `AgentBehind.truncate` calls it.
    """

    pcm: bytes = field(repr=False)
    item_id: str


@dataclass(frozen=True, slots=True)
class WantsTool:
    """The agent asks for a tool; ``arguments`` is JSON text."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Over:
    """The answer has ended, a cancelled one included."""

    status: ResponseStatus


@dataclass(frozen=True, slots=True)
class Understood:
    """The words of the caller's turn that `AgentBehind.end_turn` named; `None`: not understood."""

    turn_id: str
    text: str | None


@dataclass(frozen=True, slots=True)
class Broken:
    """There is no agent: the connection is of no use."""

    why: str


Told = Words | Sound | WantsTool | Over | Understood | Broken
