"""The agents of all connections to one simulator in live mode: what they share.

Invariant: once `LiveAgents.idle` has returned, the links of closed connections are closed and no task is left of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from roomkit._aio import Supervisor
from roomkit.clock import Clock
from roomkit.errors import ConfigError
from roomkit.testing.simulators.agent_behind import AgentBehind
from roomkit.testing.simulators.agent_told import Told
from roomkit.voice.pipeline.provider import CascadeProvider


def agents_of(live: CascadeProvider | None, script: object, clock: Clock) -> LiveAgents | None:
    """The agents of a simulator that was asked for them.

    Raises:
        ConfigError: It was given a script, too.
    """
    if live is not None and script is not None:
        raise ConfigError("a simulator has a script or an agent that is live, not both")
    return None if live is None else LiveAgents(live, clock)


class LiveAgents:
    """The agents of all connections to one simulator; they share the cascade's engines.

    Args:
        provider: Whose links they are; it stays its maker's to close.
        clock: Where ids come from.
    """

    def __init__(self, provider: CascadeProvider, clock: Clock) -> None:
        self._provider = provider
        self._clock = clock
        self._tasks = Supervisor("agents")

    async def warm(self) -> None:
        """Load the engines, so that the first caller need not wait for them. Idempotent.

        Raises:
            RoomKitError: One does not start.
        """
        self._provider.new_vad()
        await self._provider.warm()

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Warm from the beginning, and every link closed at the end, if its connection is by then."""
        await self.warm()
        try:
            yield
        finally:
            await self.idle()

    async def idle(self) -> None:
        """Return when no link is being opened or closed."""
        await self._tasks.idle()

    def begin(self, told: Callable[[Told], None]) -> AgentBehind:
        """The agent of a new connection."""
        return AgentBehind(self._provider, self._clock.new_id("agent"), told, self._tasks)
