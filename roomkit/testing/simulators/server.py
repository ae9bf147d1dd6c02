"""A simulated server as a test holds it, whoever's protocol it speaks: scripts or agents, the record, both ways in.

What a vendor adds is who is let in, which session a connection gets and who directs it. Invariant: each connection has
a script, the same one again unless scripts are made.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from roomkit.clock import Clock
from roomkit.testing.simulators.account import Account, Connected
from roomkit.testing.simulators.connection import Director
from roomkit.testing.simulators.door import Door, HttpAnswer, Manners, Serving, Upgrade
from roomkit.testing.simulators.live_agents import LiveAgents, agents_of
from roomkit.testing.simulators.record import Record
from roomkit.testing.simulators.script import Script
from roomkit.voice.pipeline.provider import CascadeProvider
from roomkit.voice.wires.port import Endpoint, WirePort

if TYPE_CHECKING:
    import ssl

S = TypeVar("S", bound=Connected)


class SimulatedServer(ABC, Generic[S]):
    """What the simulators of all vendors have in common; ``S`` is the vendor's session.

    Args:
        script: What it does; or a function making a script for each connection. By default it just answers.
        manners: The vendor's.
        account: What its clients may use.
        on_log: Told each line of the log as it is written.
        clock: Where ids and times come from.
        live: The cascade that answers instead of a script.

    Attributes:
        scripts: One for each connection (the same one again and again unless `script` is a function).
        sessions: The protocol state of each connection, oldest first, ended ones included.
    """

    def __init__(
        self,
        script: Script | Callable[[], Script] | None,
        *,
        manners: Manners,
        account: Account,
        on_log: Callable[[str], None] | None,
        clock: Clock,
        live: CascadeProvider | None,
    ) -> None:
        self._agents = agents_of(live, script, clock)
        self._make_script = _maker(script)
        self._clock = clock
        self._account = account
        self._record = Record(manners.audio_bytes, on_log)
        self._door = Door(self._at_the_door, self._begin, manners=manners, record=self._record, clock=clock)
        self.scripts: list[Script] = []
        self.sessions: list[S] = []

    @property
    def received(self) -> list[dict[str, Any]]:
        """The clients' events in order, refused ones included; see `Record.received`."""
        return self._record.received

    @property
    def log(self) -> list[str]:
        """One line an event, both directions; see `Record.log`."""
        return self._record.log

    def assert_done(self) -> None:
        """Check every script; see `Script.assert_done`."""
        for script in self.scripts or [self._make_script()]:
            script.assert_done()

    async def dial(self, endpoint: Endpoint) -> WirePort:
        """Open a connection in memory; a `roomkit.voice.wires.port.Dialler`.

        Raises:
            WireRefused: The client is turned away: the wrong path or key, or a connection too many.
            RoomKitError: Live mode: an engine does not start.
        """
        if self._agents is not None:
            await self._agents.warm()
        return await self._door.dial(endpoint)

    @asynccontextmanager
    async def serve(
        self, host: str = "127.0.0.1", port: int = 0, *, tls: ssl.SSLContext | None = None
    ) -> AsyncIterator[Serving]:
        """Listen on a real port for as long as the block lasts.

        Args:
            host: Address to listen on.
            port: Where; 0 for any free one.
            tls: Speak TLS, for a client that dials ``wss`` only.

        Raises:
            OSError: The address cannot be bound.
            RoomKitError: Live mode: an engine does not start.
        """
        at_work: AbstractAsyncContextManager[None] = nullcontext() if self._agents is None else self._agents.at_work()
        async with at_work, self._door.serve(host, port, tls) as serving:
            yield serving

    # --- what a vendor adds -----------------------------------------------------------------------------------------

    @abstractmethod
    def _refusal(self, upgrade: Upgrade) -> HttpAnswer | None:
        """What a client is answered in place of a conversation, for what it asked or who it is."""

    @abstractmethod
    def _session(self, upgrade: Upgrade, now_ms: float) -> S:
        """The session of a new connection."""

    @abstractmethod
    def _scripted(self, session: S, script: Script, now_ms: float) -> Director:
        """Who plays a script on a session."""

    @abstractmethod
    def _live(self, session: S, agents: LiveAgents) -> Director:
        """Who lets an agent speak through a session."""

    # --- a connection -----------------------------------------------------------------------------------------------

    def _at_the_door(self, upgrade: Upgrade) -> HttpAnswer | None:
        return self._refusal(upgrade) or self._account.refuses(self.sessions)

    def _begin(self, upgrade: Upgrade, now_ms: float) -> Director:
        session = self._session(upgrade, now_ms)
        self.sessions.append(session)
        if self._agents is not None and not session.is_over:
            return self._live(session, self._agents)
        script = self._make_script()
        if script not in self.scripts:
            self.scripts.append(script)
        return self._scripted(session, script, now_ms)


def _maker(script: Script | Callable[[], Script] | None) -> Callable[[], Script]:
    if callable(script):
        return script
    the_script = script or Script()
    return lambda: the_script
