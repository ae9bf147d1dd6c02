"""`XAISimulator`: xAI's voice agent server on a real socket, or in memory, playing the same script.

It decides who is let in and which conversation a connection continues; scripts and ways in are `SimulatedServer`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from roomkit.clock import SYSTEM_CLOCK, Clock
from roomkit.testing.simulators.account import Account
from roomkit.testing.simulators.door import HttpAnswer, Upgrade
from roomkit.testing.simulators.live_agents import LiveAgents
from roomkit.testing.simulators.openai.dialled import Dialled, manners
from roomkit.testing.simulators.openai.director import OpenAIDirector
from roomkit.testing.simulators.openai.live_director import OpenAILiveDirector
from roomkit.testing.simulators.script import Script
from roomkit.testing.simulators.server import SimulatedServer
from roomkit.testing.simulators.xai.past import Conversations
from roomkit.testing.simulators.xai.session import XAISimulatorSession
from roomkit.testing.simulators.xai.tables import CLIENT_EVENTS
from roomkit.voice.pipeline.provider import CascadeProvider

SESSION_LIMIT_MS: Final = 30 * 60 * 1000
"""The shorter of the limits people report: who keeps to it keeps to both."""

KEY_SUBPROTOCOL: Final = "xai-client-secret."
"""A browser offers one subprotocol only, its key in it, and that is chosen."""


class XAISimulator(SimulatedServer[XAISimulatorSession]):
    """xAI's voice agent server as a test wants it.

    Args:
        script: What it does; or a function making a script for each connection. By default it just answers.
        api_key: The only key it lets in (HTTP 401 for another); by default any, but there must be one.
        keep_audio: Keep the caller's audio; see `XAISimulatorSession.caller_audio`.
        session_limit_ms: How long a connection may last.
        max_connections: Connections at once; one more gets HTTP 429 on the upgrade.
        responses_per_minute: Answers in any 60 s over all connections; one more fails with ``rate_limit_exceeded``.
        on_log: Told each line of the log as it is written.
        clock: Where ids and times come from.
        live: Answers instead of a script: ``LocalRealtimeProvider()``, or any cascade of yours.

    Attributes:
        scripts, sessions: See `SimulatedServer`.
    """

    def __init__(
        self,
        script: Script | Callable[[], Script] | None = None,
        *,
        api_key: str | None = None,
        keep_audio: bool = False,
        session_limit_ms: int = SESSION_LIMIT_MS,
        on_log: Callable[[str], None] | None = None,
        max_connections: int | None = None,
        responses_per_minute: int | None = None,
        clock: Clock = SYSTEM_CLOCK,
        live: CascadeProvider | None = None,
    ) -> None:
        super().__init__(
            script,
            manners=manners(KEY_SUBPROTOCOL),
            account=Account(max_connections, responses_per_minute, clock),
            on_log=on_log,
            clock=clock,
            live=live,
        )
        self._api_key = api_key
        self._keep_audio = keep_audio
        self._session_limit_ms = session_limit_ms
        self._conversations = Conversations()

    def _refusal(self, upgrade: Upgrade) -> HttpAnswer | None:
        dialled = Dialled.read(upgrade, KEY_SUBPROTOCOL)
        if dialled.refusal is None and self._api_key not in (None, dialled.key):
            return 401, "Incorrect API key provided"
        return dialled.refusal

    def _session(self, upgrade: Upgrade, now_ms: float) -> XAISimulatorSession:
        dialled = Dialled.read(upgrade, KEY_SUBPROTOCOL)
        return XAISimulatorSession(
            new_id=self._clock.new_id,
            model=dialled.model,
            past=self._conversations.open(dialled.conversation_id, now_ms, self._clock.new_id),
            now_ms=now_ms,
            wall_s=self._clock.wall().timestamp(),
            limit_ms=self._session_limit_ms,
            keep_audio=self._keep_audio,
            account=self._account,
        )

    def _scripted(self, session: XAISimulatorSession, script: Script, now_ms: float) -> OpenAIDirector:
        return OpenAIDirector(session, script, now_ms, CLIENT_EVENTS)

    def _live(self, session: XAISimulatorSession, agents: LiveAgents) -> OpenAILiveDirector:
        return OpenAILiveDirector(session, agents, CLIENT_EVENTS)
