"""How an agent is let speak through a session, whoever's protocol it is: what the two are told of each other, and when.

A vendor's live director is a `LiveDirector` that knows what its client's messages mean to an agent, and what an agent's
words, sound and calls are on its wire. The session keeps the protocol, an `AgentBehind` has the conversation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from roomkit.testing.simulators.agent_told import Broken, Over, Sound, Told, Understood, WantsTool, Words
from roomkit.testing.simulators.connection import Output
from roomkit.testing.simulators.live_agents import LiveAgents


class Stage(Protocol):
    """What a vendor's session must be for an agent to speak through it."""

    is_over: bool

    @property
    def id(self) -> str: ...
    @property
    def due_ms(self) -> float | None: ...
    def wake(self, now_ms: float) -> None: ...
    def take(self) -> Sequence[Output]: ...


S = TypeVar("S", bound=Stage)


class LiveDirector(ABC, Generic[S]):
    """Lets an agent speak through ``session``; see `connection.Director`."""

    def __init__(self, session: S, agents: LiveAgents) -> None:
        self.session = session
        self._agent = agents.begin(self._on_told)
        self._flush: Callable[[], None] = _nothing

    @property
    def id(self) -> str:
        """The session's name in the log."""
        return self.session.id

    @property
    def due_ms(self) -> float | None:
        """Loop time at which `wake` has something to do."""
        return self.session.due_ms

    def attach(self, flush: Callable[[], None]) -> None:
        """An agent speaks when it likes: this has it sent."""
        self._flush = flush

    def wake(self, now_ms: float) -> None:
        """Do what has become due."""
        self.session.wake(now_ms)
        self._tend()

    def take(self) -> list[Output]:
        """What is to be sent now."""
        return list(self.session.take())

    def gone(self) -> None:
        """The connection is over."""
        self.session.is_over = True
        self._agent.close()

    def _on_told(self, told: Told) -> None:
        if self.session.is_over:
            return
        match told:
            case Understood(turn_id, text):
                self._transcribe(turn_id, text)
            case Broken(why):
                self._give_up(f"There is no agent: {why}")
            case _:
                self._speak(told)
        if not self.session.is_over:
            self._tend()
        self._flush()

    # --- what a vendor adds -----------------------------------------------------------------------------------------

    @abstractmethod
    def _tend(self) -> None:
        """Stop the agent where its answer is no longer wanted; ask it for the next one."""

    @abstractmethod
    def _speak(self, told: Words | Sound | WantsTool | Over) -> None:
        """Send what comes of an answer, if it is the one that is wanted."""

    @abstractmethod
    def _transcribe(self, turn_id: str, text: str | None) -> None:
        """Deliver the words of a turn of the caller's; `None`: they were not understood."""

    @abstractmethod
    def _give_up(self, why: str) -> None:
        """End the connection: nobody will ever answer."""


def _nothing() -> None:
    """Before the connection is there nobody can be told."""
