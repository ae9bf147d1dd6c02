"""`ElevenLabsSimulator`: the ElevenLabs Agents server on a real socket, or in memory, playing the same script.

It decides who is let in, by key or signed URL, which it gives out too; scripts and ways in are `SimulatedServer`'s. Who
may not come in, or names a branch that is not there, is told by a close after the upgrade, as by the vendor; an unknown
agent gets HTTP 404, which is ours: what the vendor does is not known.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from roomkit.clock import SYSTEM_CLOCK, Clock
from roomkit.testing.simulators.account import Account
from roomkit.testing.simulators.connection import Close
from roomkit.testing.simulators.door import HttpAnswer, Manners, Upgrade
from roomkit.testing.simulators.elevenlabs.agent import SimulatedAgent
from roomkit.testing.simulators.elevenlabs.director import ElevenLabsDirector
from roomkit.testing.simulators.elevenlabs.live_director import ElevenLabsLiveDirector
from roomkit.testing.simulators.elevenlabs.reading import audio_bytes
from roomkit.testing.simulators.elevenlabs.session import ElevenLabsSimulatorSession
from roomkit.testing.simulators.live_agents import LiveAgents
from roomkit.testing.simulators.script import Script
from roomkit.testing.simulators.server import SimulatedServer
from roomkit.voice.pipeline.provider import CascadeProvider

if TYPE_CHECKING:
    from roomkit.providers.elevenlabs.config import ElevenLabsRealtimeConfig

PATH: Final = "/v1/convai/conversation"
SIGNED_URL_PATH: Final = f"{PATH}/get-signed-url"
SIGNATURE_LIFE_MS: Final = 15 * 60 * 1000
READ_LIMIT_BYTES: Final = 16 * 1024 * 1024
SUBPROTOCOL: Final = "convai"
"""Offered by the vendor's JavaScript client; its Python client offers none."""

MANNERS: Final = Manners(PATH, "", SUBPROTOCOL, READ_LIMIT_BYTES, audio_bytes)


@dataclass(frozen=True, slots=True)
class _Signature:
    """Of a signed URL: until when it opens conversations, and whether more than one."""

    until_ms: float
    opens_once: bool


class ElevenLabsSimulator(SimulatedServer[ElevenLabsSimulatorSession]):
    """The ElevenLabs Agents server as a test wants it.

    Args:
        script: What the agent does; or a function making a script for each connection. By default it just answers.
        agent: How the agent is set up.
        agent_id: The only agent there is; by default any id will do.
        api_key: The only key it takes (close 1008 for another); by default any.
        keep_audio: Keep the caller's audio; see `ElevenLabsSimulatorSession.caller_audio`.
        max_connections: Connections at once; one more gets HTTP 429 on the upgrade.
        responses_per_minute: Answers in any 60 s over all connections; one more ends its own with an error and 1011.
            For neither has the vendor published what it does: both are our guess.
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
        agent: SimulatedAgent | None = None,
        agent_id: str | None = None,
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
        self._agent = agent or SimulatedAgent()
        self._agent_id = agent_id
        self._api_key = api_key
        self._keep_audio = keep_audio
        self._signatures: dict[str, _Signature] = {}

    async def sign(self, config: ElevenLabsRealtimeConfig) -> str:
        """A signed URL in memory, for a provider whose ``dial`` is in memory too.

        Raises:
            ProviderRefusedError: The wrong key or agent.
        """
        from roomkit.errors import ProviderRefusedError

        url, key = config.signed_url_request()
        status, text = self._sign(Upgrade.read(url, {"xi-api-key": key}.items()), "wss://simulated")
        if status != HTTPStatus.OK:
            raise ProviderRefusedError(f"the simulator signs no URL: HTTP {status}", code=f"http_{status}")
        return str(json.loads(text)["signed_url"])

    def signed_url(self, agent_id: str, origin: str = "wss://simulated", *, opens_once: bool = False) -> str:
        """A URL that opens conversations within 15 minutes, or the first one only."""
        signature = self._clock.new_id("cvtkn")
        self._signatures[signature] = _Signature(self._clock.now_ms() + SIGNATURE_LIFE_MS, opens_once)
        return f"{origin}{PATH}?agent_id={agent_id}&conversation_signature={signature}"

    def _refusal(self, upgrade: Upgrade) -> HttpAnswer | None:
        if upgrade.path == SIGNED_URL_PATH:
            return self._sign(upgrade, upgrade.origin)
        if upgrade.path.rstrip("/") != PATH:
            return 404, f"the simulator answers at {PATH}"
        agent_id = upgrade.query.get("agent_id", "")
        if not agent_id or self._agent_id not in (None, agent_id):
            return 404, "no such agent"
        return None

    def _sign(self, upgrade: Upgrade, origin: str) -> HttpAnswer:
        """Answer the request for a signed URL, an HTTP request as any other."""
        agent_id = upgrade.query.get("agent_id", "")
        if not self._key_of(upgrade):
            return 401, json.dumps({"detail": {"status": "invalid_api_key", "message": "Invalid API key"}})
        if not agent_id:
            return 422, json.dumps({"detail": [{"loc": ["query", "agent_id"], "msg": "field required"}]})
        if self._agent_id not in (None, agent_id):
            return 404, json.dumps({"detail": {"status": "agent_not_found", "message": "no such agent"}})
        opens_once = upgrade.query.get("include_conversation_id") == "true"
        return 200, json.dumps({"signed_url": self.signed_url(agent_id, origin, opens_once=opens_once)})

    def _key_of(self, upgrade: Upgrade) -> str | None:
        """The key, ``""`` without one; `None` when it is wrong."""
        key = upgrade.headers.get("xi-api-key", "")
        return None if key and self._api_key not in (None, key) else key

    def _session(self, upgrade: Upgrade, now_ms: float) -> ElevenLabsSimulatorSession:
        session = ElevenLabsSimulatorSession(
            new_id=self._clock.new_id,
            agent=self._agent,
            now_ms=now_ms,
            keep_audio=self._keep_audio,
            account=self._account,
        )
        if (sent_away := self._sent_away(upgrade)) is not None:
            session.close(sent_away.code, sent_away.reason)
        return session

    def _sent_away(self, upgrade: Upgrade) -> Close | None:
        """Refusals the real server sends only after the upgrade."""
        if not self._may_enter(upgrade):
            return Close(1008, "the agent needs a key or a signed URL")
        branches = self._agent.branch_ids
        if branches is not None and upgrade.query.get("branch_id") not in (None, *branches):
            return Close(3000, "Request error")
        return None

    def _may_enter(self, upgrade: Upgrade) -> bool:
        if not (name := upgrade.query.get("conversation_signature", "")):
            key = self._key_of(upgrade)
            return key is not None and bool(key or not self._agent.is_private)
        signature = self._signatures.get(name)
        if signature is None or self._clock.now_ms() >= signature.until_ms:
            return False
        if signature.opens_once:
            del self._signatures[name]
        return True

    def _scripted(self, session: ElevenLabsSimulatorSession, script: Script, now_ms: float) -> ElevenLabsDirector:
        return ElevenLabsDirector(session, script, now_ms)

    def _live(self, session: ElevenLabsSimulatorSession, agents: LiveAgents) -> ElevenLabsLiveDirector:
        return ElevenLabsLiveDirector(session, agents, self._clock)
