"""A simulated server of this protocol as a test holds it: scripts, the record, and both ways in.

What a vendor adds is who is let in and which session a connection gets. Invariant: each connection has a script, the
same one again unless scripts are made.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from roomkit.clock import Clock
from roomkit.testing.simulators.account import Account
from roomkit.testing.simulators.live_agents import agents_of
from roomkit.testing.simulators.openai.dialled import Dialled, audio_bytes
from roomkit.testing.simulators.openai.director import OpenAIDirector
from roomkit.testing.simulators.openai.door import Door, Manners, Refusal, Serving
from roomkit.testing.simulators.openai.live_director import LiveStage, OpenAILiveDirector
from roomkit.testing.simulators.record import Record
from roomkit.testing.simulators.script import Script
from roomkit.voice.pipeline.provider import CascadeProvider
from roomkit.voice.wires.port import Endpoint, WirePort


class ScriptedServer(ABC):
    """What the simulators of this protocol have in common.

    Args:
        script: What it does; or a function making a script for each connection. By default it just answers.
        manners: The vendor's, before the first event.
        on_log: Told each line of the log as it is written.
        clock: Where ids and times come from.
        live: The cascade that answers instead of a script.
        account: What its clients may use.

    Attributes:
        scripts: One for each connection (the same one again and again unless `script` is a function).
    """

    def __init__(
        self,
        script: Script | Callable[[], Script] | None,
        *,
        manners: Manners,
        on_log: Callable[[str], None] | None,
        clock: Clock,
        live: CascadeProvider | None,
        account: Account,
    ) -> None:
        self._agents = agents_of(live, script, clock)
        self._make_script = _maker(script)
        self._clock = clock
        self._account = account
        self._events = manners.events
        self._record = Record(audio_bytes, on_log)
        self._door = Door(self._refusal, self._begin, manners=manners, record=self._record, clock=clock)
        self.scripts: list[Script] = []

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
            WireRefused: No key, the wrong one, or the wrong path.
        """
        if self._agents is not None:
            await self._agents.warm()
        return await self._door.dial(endpoint)

    @asynccontextmanager
    async def serve(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Serving]:
        """Listen on a real port (0: any free one) for as long as the block lasts.

        Raises:
            OSError: The address cannot be bound.
            RoomKitError: Live mode: an engine does not start.
        """
        async with AsyncExitStack() as undo:
            if self._agents is not None:
                await undo.enter_async_context(self._agents.at_work())
            yield await undo.enter_async_context(self._door.serve(host, port))

    @abstractmethod
    def _refusal(self, dialled: Dialled) -> Refusal | None:
        """Why a client that has a key is turned away all the same."""

    @abstractmethod
    def _session(self, dialled: Dialled, now_ms: float) -> LiveStage:
        """The session of a new connection."""

    def _begin(self, dialled: Dialled, now_ms: float) -> OpenAIDirector | OpenAILiveDirector:
        session = self._session(dialled, now_ms)
        if self._agents is not None and not session.is_over:
            return OpenAILiveDirector(session, self._agents, self._events)
        script = self._make_script()
        if script not in self.scripts:
            self.scripts.append(script)
        return OpenAIDirector(session, script, now_ms, self._events)


def _maker(script: Script | Callable[[], Script] | None) -> Callable[[], Script]:
    if callable(script):
        return script
    the_script = script or Script()
    return lambda: the_script
