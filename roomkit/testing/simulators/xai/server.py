"""`XAISimulator`: xAI's voice agent server on a real socket, or in memory, playing the same script.

It decides who is let in, which script a connection plays and which conversation it continues; getting in and the
connection itself are the OpenAI simulator's.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from roomkit.clock import SYSTEM_CLOCK, Clock
from roomkit.testing.simulators.openai.connection import Dialled, audio_bytes
from roomkit.testing.simulators.openai.director import OpenAIDirector
from roomkit.testing.simulators.openai.door import Door, Manners, Serving
from roomkit.testing.simulators.openai.server import script_maker
from roomkit.testing.simulators.record import Record
from roomkit.testing.simulators.script import Script
from roomkit.testing.simulators.xai.past import Conversations
from roomkit.testing.simulators.xai.session import XAISimulatorSession
from roomkit.testing.simulators.xai.tables import CLIENT_EVENTS
from roomkit.voice.wires.port import Endpoint, WirePort

SESSION_LIMIT_MS: Final = 30 * 60 * 1000
"""The shorter of the limits people report: who keeps to it keeps to both."""

MANNERS: Final = Manners(CLIENT_EVENTS, key_subprotocol="xai-client-secret.", subprotocol="xai-client-secret.")


class XAISimulator:
    """xAI's voice agent server as a test wants it.

    Args:
        script: What it does; or a function making a script for each connection. By default it just answers.
        api_key: The only key it lets in (HTTP 401 for another); by default any, but there must be one.
        keep_audio: Keep the caller's audio; see `XAISimulatorSession.caller_audio`.
        session_limit_ms: How long a connection may last.
        on_log: Told each line of the log as it is written.
        clock: Where ids and times come from.

    Attributes:
        scripts: One for each connection (the same one again and again unless `script` is a function).
        sessions: The protocol state of each connection, oldest first, ended ones included.
    """

    def __init__(
        self,
        script: Script | Callable[[], Script] | None = None,
        *,
        api_key: str | None = None,
        keep_audio: bool = False,
        session_limit_ms: int = SESSION_LIMIT_MS,
        on_log: Callable[[str], None] | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._make_script = script_maker(script)
        self._api_key = api_key
        self._keep_audio = keep_audio
        self._session_limit_ms = session_limit_ms
        self._clock = clock
        self._conversations = Conversations()
        self._record = Record(audio_bytes, on_log)
        self._door = Door(self._refusal, self._begin, manners=MANNERS, record=self._record, clock=clock)
        self.scripts: list[Script] = []
        self.sessions: list[XAISimulatorSession] = []

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
        return await self._door.dial(endpoint)

    def serve(self, host: str = "127.0.0.1", port: int = 0) -> AbstractAsyncContextManager[Serving]:
        """Listen on a real port (0: any free one) for as long as the block lasts.

        Raises:
            OSError: The address cannot be bound.
        """
        return self._door.serve(host, port)

    def _refusal(self, dialled: Dialled) -> tuple[int, str] | None:
        return None if self._api_key in (None, dialled.key) else (401, "Incorrect API key provided")

    def _begin(self, dialled: Dialled, now_ms: float) -> OpenAIDirector:
        session = XAISimulatorSession(
            new_id=self._clock.new_id,
            model=dialled.model,
            past=self._conversations.open(dialled.conversation_id, now_ms, self._clock.new_id),
            now_ms=now_ms,
            wall_s=self._clock.wall().timestamp(),
            limit_ms=self._session_limit_ms,
            keep_audio=self._keep_audio,
        )
        self.sessions.append(session)
        script = self._make_script()
        if script not in self.scripts:
            self.scripts.append(script)
        return OpenAIDirector(session, script, now_ms)
