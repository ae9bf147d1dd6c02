"""Whose turn the running code belongs to: what an agent's tools do counts as said by it, one step deeper in the chain.

Not in here: what is done with it (`delegation`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roomkit.models.event import RoomEvent


MAX_DELEGATIONS = 20
"""Tasks one turn may delegate, those that the delegates delegate included."""


@dataclass(slots=True)
class Budget:
    """What a turn and everything it sets off may still delegate."""

    left: int = MAX_DELEGATIONS

    def spend(self) -> bool:
        """Take one; False if there is none."""
        self.left -= 1
        return self.left >= 0


@dataclass(frozen=True, slots=True)
class AgentTurn:
    """An agent is answering an event; its tools run inside of this."""

    channel_id: str
    event: RoomEvent
    delegations: Budget = field(default_factory=Budget)


_CURRENT: ContextVar[AgentTurn | None] = ContextVar("roomkit_agent_turn", default=None)


def current_turn(room_id: str | None) -> AgentTurn | None:
    """The turn that the calling code belongs to, if any; with a room only if it is a turn there."""
    turn = _CURRENT.get()
    return turn if turn is not None and room_id in (None, turn.event.room_id) else None


@contextmanager
def taking_turn(channel_id: str, event: RoomEvent) -> Iterator[None]:
    """Code in here, and the tasks it starts, belong to a channel's answer to an event.

    A turn inside another (a delegated task) has no budget of its own.
    """
    outer = _CURRENT.get()
    token = _CURRENT.set(AgentTurn(channel_id, event, Budget() if outer is None else outer.delegations))
    try:
        yield
    finally:
        _CURRENT.reset(token)
