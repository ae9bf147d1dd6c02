"""`OpenAISimulator`: the OpenAI Realtime server on a real socket, or in memory, playing the same script.

It decides who is let in and what a connection begins with; scripts and ways in are `scripted`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from roomkit.clock import SYSTEM_CLOCK, Clock
from roomkit.testing.simulators.account import Account
from roomkit.testing.simulators.connection import Close
from roomkit.testing.simulators.openai.dialled import Dialled
from roomkit.testing.simulators.openai.door import Manners
from roomkit.testing.simulators.openai.rules import Refusal
from roomkit.testing.simulators.openai.scripted import ScriptedServer
from roomkit.testing.simulators.openai.session import OpenAISimulatorSession
from roomkit.testing.simulators.openai.tables import CLIENT_EVENTS
from roomkit.testing.simulators.script import Script
from roomkit.voice.pipeline.provider import CascadeProvider

MANNERS: Final = Manners(CLIENT_EVENTS, key_subprotocol="openai-insecure-api-key.", subprotocol="realtime")


class OpenAISimulator(ScriptedServer):
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
        scripts: See `ScriptedServer`.
        sessions: The protocol state of each connection, oldest first, ended ones included.
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
        account = Account(max_connections, responses_per_minute, clock)
        super().__init__(script, manners=MANNERS, on_log=on_log, clock=clock, live=live, account=account)
        self._api_key = api_key
        self._bad_key = bad_key
        self._keep_audio = keep_audio
        self.sessions: list[OpenAISimulatorSession] = []

    def _refusal(self, dialled: Dialled) -> tuple[int, str] | None:
        if self._bad_key == "status" and self._api_key not in (None, dialled.key):
            return 401, "Incorrect API key provided"
        return self._account.refuses(self.sessions)

    def _session(self, dialled: Dialled, now_ms: float) -> OpenAISimulatorSession:
        session = OpenAISimulatorSession(
            new_id=self._clock.new_id,
            model=dialled.model,
            now_ms=now_ms,
            wall_s=self._clock.wall().timestamp(),
            keep_audio=self._keep_audio,
            account=self._account,
        )
        self.sessions.append(session)
        turned_away = self._turned_away(dialled)
        if turned_away is not None:
            session.take()
            session.refuse(turned_away[0])
            session.close(turned_away[1].code, turned_away[1].reason)
        return session

    def _turned_away(self, dialled: Dialled) -> tuple[Refusal, Close] | None:
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
