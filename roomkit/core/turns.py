"""Whose turn the running code belongs to: what an agent's tools do counts as said by it, one step deeper in the chain.

Not in here: what is done with it (`delegation`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roomkit.models.event import RoomEvent


@dataclass(frozen=True, slots=True)
class AgentTurn:
    """An agent is answering an event; its tools run inside of this."""

    channel_id: str
    event: RoomEvent


_CURRENT: ContextVar[AgentTurn | None] = ContextVar("roomkit_agent_turn", default=None)


def current_turn(room_id: str) -> AgentTurn | None:
    """The turn in a room that the calling code belongs to, if any."""
    turn = _CURRENT.get()
    return turn if turn is not None and turn.event.room_id == room_id else None


@contextmanager
def taking_turn(channel_id: str, event: RoomEvent) -> Iterator[None]:
    """Code in here, and the tasks it starts, belong to a channel's answer to an event."""
    token = _CURRENT.set(AgentTurn(channel_id, event))
    try:
        yield
    finally:
        _CURRENT.reset(token)
