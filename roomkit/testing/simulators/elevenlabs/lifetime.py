"""How long a conversation with the simulated agent lasts: its longest duration, silence, a client that is gone. Pure.

The vendor ends a conversation with 1000, whatever for, and an error before it where it has a name for the reason. With
which code it gives up a client that answers no ping, and after how long, is not known: ours are 1011 and 20 s.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from roomkit.testing.simulators.elevenlabs.agent import SimulatedAgent


@dataclass(frozen=True, slots=True)
class End:
    """The server ends the conversation; ``error_type`` is empty where it says nothing of it."""

    code: int
    message: str
    error_type: str = ""


class Lifetime:
    """What is left of one conversation.

    Args:
        agent: Its limits.
        now_ms: Loop time of the connection.
    """

    def __init__(self, agent: SimulatedAgent, now_ms: float) -> None:
        self._agent = agent
        self._ends_ms = now_ms + agent.max_duration_s * 1000
        self._next_ping_ms: float | None = None
        self._ping_id = 0
        self._unanswered_since_ms: float | None = None
        self._silent_since_ms = now_ms

    def begin(self, now_ms: float, max_duration_s: float | None) -> None:
        """The conversation begins; its client may have asked for a shorter one."""
        self._next_ping_ms = self._silent_since_ms = now_ms
        if max_duration_s is not None:
            self._ends_ms = min(self._ends_ms, now_ms + max_duration_s * 1000)

    def pong(self) -> None:
        """The client has answered."""
        self._unanswered_since_ms = None

    def heard(self, now_ms: float) -> None:
        """The caller's audio came, silence included, or another sign that they are there."""
        self._silent_since_ms = now_ms

    def due_ms(self, plays_until_ms: float) -> float:
        """Loop time at which `wake` has something to say.

        Args:
            plays_until_ms: When what the agent has said was heard, for a caller who listens is not silent.
        """
        times_ms = (self._ends_ms, self._next_ping_ms, self._silence_ends_ms(plays_until_ms))
        return min(one for one in times_ms if one is not None)

    def wake(self, now_ms: float, plays_until_ms: float) -> Iterator[dict[str, Any] | End]:
        """What has become due: the fields of a ping, or the end."""
        silence_ends_ms = self._silence_ends_ms(plays_until_ms)
        if now_ms >= self._ends_ms:
            yield End(1000, "Maximum duration reached", "max_duration_exceeded")
        elif silence_ends_ms is not None and now_ms >= silence_ends_ms:
            yield End(1000, "The caller was silent for too long")
        elif self._next_ping_ms is not None and now_ms >= self._next_ping_ms:
            yield self._ping(now_ms)

    def _silence_ends_ms(self, plays_until_ms: float) -> float | None:
        limit_s = self._agent.silence_end_call_timeout_s
        if limit_s is None or self._next_ping_ms is None:
            return None
        return max(self._silent_since_ms, plays_until_ms) + limit_s * 1000

    def _ping(self, now_ms: float) -> dict[str, Any] | End:
        if self._unanswered_since_ms is None:
            self._unanswered_since_ms = now_ms
        elif now_ms - self._unanswered_since_ms >= self._agent.pong_timeout_ms:
            return End(1011, "the client answers no ping", "transport_receive_timeout")
        self._ping_id += 1
        self._next_ping_ms = now_ms + self._agent.ping_interval_ms
        return {"event_id": self._ping_id, "ping_ms": 45 if self._ping_id > 1 else None}
