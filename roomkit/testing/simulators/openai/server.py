"""`OpenAISimulator`: the OpenAI Realtime server on a real socket, or in memory, playing the same script.

It decides who is let in and what a connection begins with; scripts and ways in are `SimulatedServer`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from roomkit.clock import SYSTEM_CLOCK, Clock
from roomkit.testing.simulators.account import Account
from roomkit.testing.simulators.connection import Close
from roomkit.testing.simulators.door import HttpAnswer, Upgrade
from roomkit.testing.simulators.live_agents import LiveAgents
from roomkit.testing.simulators.openai.dialled import Dialled, manners
from roomkit.testing.simulators.openai.director import OpenAIDirector
from roomkit.testing.simulators.openai.live_director import OpenAILiveDirector
from roomkit.testing.simulators.openai.session import OpenAISimulatorSession
from roomkit.testing.simulators.openai.tables import CLIENT_EVENTS
from roomkit.testing.simulators.rules import Refusal
from roomkit.testing.simulators.script import Script
from roomkit.testing.simulators.server import SimulatedServer
from roomkit.voice.pipeline.provider import CascadeProvider

KEY_SUBPROTOCOL: Final = "openai-insecure-api-key."
SUBPROTOCOL: Final = "realtime"


class OpenAISimulator(SimulatedServer[OpenAISimulatorSession]):
    """The OpenAI Realtime server (GA protocol) as a test wants it.

    Args:
        script: What it does; or a function making a script for each connection. By default it just answers.
        api_key: The only key it lets in; by default any, but there must be one.
        bad_key: How another key is turned away: HTTP 401 on the upgrade, or close 3000 after it.
        keep_audio: Keep the caller's audio; see `OpenAISimulatorSession.caller_audio`.
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
        bad_key: Literal["status", "close"] = "status",
        keep_audio: bool = False,
        on_log: Callable[[str], None] | None = None,
        max_connections: int | None = None,
        responses_per_minute: int | None = None,
        clock: Clock = SYSTEM_CLOCK,
        live: CascadeProvider | None = None,
    ) -> None:
        super().__init__(
            script,
            manners=manners(SUBPROTOCOL),
            account=Account(max_connections, responses_per_minute, clock),
            on_log=on_log,
            clock=clock,
            live=live,
        )
        self._api_key = api_key
        self._bad_key = bad_key
        self._keep_audio = keep_audio

    def _refusal(self, upgrade: Upgrade) -> HttpAnswer | None:
        dialled = Dialled.read(upgrade, KEY_SUBPROTOCOL)
        if dialled.refusal is None and self._bad_key == "status" and self._api_key not in (None, dialled.key):
            return 401, "Incorrect API key provided"
        return dialled.refusal

    def _session(self, upgrade: Upgrade, now_ms: float) -> OpenAISimulatorSession:
        dialled = Dialled.read(upgrade, KEY_SUBPROTOCOL)
        session = OpenAISimulatorSession(
            new_id=self._clock.new_id,
            model=dialled.model,
            now_ms=now_ms,
            wall_s=self._clock.wall().timestamp(),
            keep_audio=self._keep_audio,
            account=self._account,
        )
        if (sent_away := self._sent_away(dialled)) is not None:
            refusal, close = sent_away
            session.take()
            session.refuse(refusal)
            session.close(close.code, close.reason)
        return session

    def _scripted(self, session: OpenAISimulatorSession, script: Script, now_ms: float) -> OpenAIDirector:
        return OpenAIDirector(session, script, now_ms)

    def _live(self, session: OpenAISimulatorSession, agents: LiveAgents) -> OpenAILiveDirector:
        return OpenAILiveDirector(session, agents, CLIENT_EVENTS)

    def _sent_away(self, dialled: Dialled) -> tuple[Refusal, Close] | None:
        """Refusals the real server sends only after the upgrade."""
        if dialled.is_beta:
            text = "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API."
            return Refusal("beta_api_shape_disabled", text), Close(
                4000, "invalid_request_error.beta_api_shape_disabled"
            )
        if self._api_key not in (None, dialled.key):
            refusal = Refusal("invalid_api_key", "Incorrect API key provided.")
            return refusal, Close(3000, "invalid_request_error.invalid_api_key")
        if not dialled.model:
            refusal = Refusal("missing_model", "You must provide a model parameter.", "model")
            return refusal, Close(4000, "invalid_request_error.missing_model")
        return None
