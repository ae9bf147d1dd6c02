"""`GeminiSimulator`: the Gemini Live service on a real socket, or in memory, playing the same script.

It decides who is let in; scripts and ways in are `SimulatedServer`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from roomkit.clock import SYSTEM_CLOCK, Clock
from roomkit.testing.simulators.account import Account
from roomkit.testing.simulators.door import HttpAnswer, Manners, Upgrade
from roomkit.testing.simulators.gemini.dialled import PATH, Dialled
from roomkit.testing.simulators.gemini.director import GeminiDirector
from roomkit.testing.simulators.gemini.handles import Handles
from roomkit.testing.simulators.gemini.live_director import GeminiLiveDirector
from roomkit.testing.simulators.gemini.session import GeminiSimulatorSession
from roomkit.testing.simulators.gemini.writing import as_logged, audio_bytes, write
from roomkit.testing.simulators.live_agents import LiveAgents
from roomkit.testing.simulators.script import Script
from roomkit.testing.simulators.server import SimulatedServer
from roomkit.voice.pipeline.provider import CascadeProvider

READ_LIMIT_BYTES: Final = 16 * 1024 * 1024
MANNERS: Final = Manners(PATH, "", "", READ_LIMIT_BYTES, audio_bytes, write, as_logged)


class GeminiSimulator(SimulatedServer[GeminiSimulatorSession]):
    """The Gemini Live service as a test wants it.

    Args:
        script: What it does; or a function making a script for each connection. By default it just answers.
        api_key: The only key it lets in; by default any, but there must be one.
        keep_audio: Keep the caller's audio; see `GeminiSimulatorSession.caller_audio`.
        max_connections: Connections at once; one more gets HTTP 429 on the upgrade.
        responses_per_minute: Answers in any 60 s over all connections; one more closes its own with 1011.
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
        on_log: Callable[[str], None] | None = None,
        max_connections: int | None = None,
        responses_per_minute: int | None = None,
        clock: Clock = SYSTEM_CLOCK,
        live: CascadeProvider | None = None,
    ) -> None:
        super().__init__(
            script,
            manners=MANNERS,
            account=Account(max_connections, responses_per_minute, clock),
            on_log=on_log,
            clock=clock,
            live=live,
        )
        self._api_key = api_key
        self._keep_audio = keep_audio
        self._handles = Handles(clock.new_id)

    def _refusal(self, upgrade: Upgrade) -> HttpAnswer | None:
        dialled = Dialled.read(upgrade)
        if not dialled.is_known:
            return 404, f"the simulator answers at {PATH}"
        if not dialled.key:
            return 403, "Method doesn't allow unregistered callers"
        if self._api_key not in (None, dialled.key):
            return 401, "API key not valid. Please pass a valid API key."
        return None

    def _session(self, upgrade: Upgrade, now_ms: float) -> GeminiSimulatorSession:
        return GeminiSimulatorSession(
            new_id=self._clock.new_id,
            handles=self._handles,
            is_alpha=Dialled.read(upgrade).is_alpha,
            now_ms=now_ms,
            keep_audio=self._keep_audio,
            account=self._account,
        )

    def _scripted(self, session: GeminiSimulatorSession, script: Script, now_ms: float) -> GeminiDirector:
        return GeminiDirector(session, script, now_ms)

    def _live(self, session: GeminiSimulatorSession, agents: LiveAgents) -> GeminiLiveDirector:
        return GeminiLiveDirector(session, agents, self._clock)
