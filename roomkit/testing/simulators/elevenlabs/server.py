"""`ElevenLabsSimulator`: the ElevenLabs Agents server on a real socket, or in memory, playing the same script.

It decides who is let in, by key or signed URL, and which script a connection plays; the connection itself is
`live`. On `VirtualTimeLoop` with a `VirtualClock` two runs of the in-memory server give the same log.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

from roomkit.clock import SYSTEM_CLOCK, Clock
from roomkit.testing.simulators.account import Account
from roomkit.testing.simulators.connection import Connection, Director, HangUp, Send, Socket, in_memory
from roomkit.testing.simulators.elevenlabs.agent import SimulatedAgent
from roomkit.testing.simulators.elevenlabs.director import ElevenLabsDirector
from roomkit.testing.simulators.elevenlabs.live_director import ElevenLabsLiveDirector
from roomkit.testing.simulators.elevenlabs.reading import audio_bytes
from roomkit.testing.simulators.elevenlabs.session import ElevenLabsSimulatorSession
from roomkit.testing.simulators.live_agents import agents_of
from roomkit.testing.simulators.openai.door import Serving
from roomkit.testing.simulators.record import Record
from roomkit.testing.simulators.script import Script
from roomkit.voice.pipeline.provider import CascadeProvider
from roomkit.voice.wires.port import Endpoint, WirePort, WireRefused

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response

    from roomkit.providers.elevenlabs.config import ElevenLabsRealtimeConfig

PATH: Final = "/v1/convai/conversation"
SIGNED_URL_PATH: Final = f"{PATH}/get-signed-url"
SIGNATURE_LIFE_MS: Final = 15 * 60 * 1000
READ_LIMIT_BYTES: Final = 16 * 1024 * 1024


class ElevenLabsSimulator:
    """The ElevenLabs Agents server as a test wants it.

    Args:
        script: What the agent does; or a function making a script for each connection. By default it just answers.
        agent: How the agent is set up.
        agent_id: The only agent there is; by default any id will do.
        api_key: The only key it takes; by default any.
        keep_audio: Keep the caller's audio; see `ElevenLabsSimulatorSession.caller_audio`.
        max_connections: Connections at once; one more gets HTTP 429 on the upgrade.
        responses_per_minute: Answers in any 60 s over all connections; one more ends its own with an error and 1011.
        on_log: Told each line of the log as it is written.
        clock: Where ids and times come from.
        live: Answers instead of a script: ``LocalRealtimeProvider()``, or any cascade of yours.

    Attributes:
        scripts: One for each connection (the same one again and again unless `script` is a function).
        sessions: The protocol state of each connection, oldest first, ended ones included.
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
        self._agents = agents_of(live, script, clock)
        self._make_script = _maker(script)
        self._agent = agent or SimulatedAgent()
        self._agent_id = agent_id
        self._api_key = api_key
        self._keep_audio = keep_audio
        self._clock = clock
        self._account = Account(max_connections, responses_per_minute, clock)
        self._record = Record(audio_bytes, on_log)
        self._signatures: dict[str, float] = {}
        self.scripts: list[Script] = []
        self.sessions: list[ElevenLabsSimulatorSession] = []

    @property
    def received(self) -> list[dict[str, Any]]:
        """The clients' messages in order, refused ones included; see `Record.received`."""
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
            WireRefused: The wrong path, agent, key or signature.
        """
        if (refused := self._refusal(endpoint.url, endpoint.headers)) is not None:
            raise WireRefused(*refused)
        if self._agents is not None:
            await self._agents.warm()
        return in_memory(self._open, READ_LIMIT_BYTES)

    async def sign(self, config: ElevenLabsRealtimeConfig) -> str:
        """A signed URL in memory, for a provider whose ``dial`` is in memory too.

        Raises:
            ProviderRefusedError: The wrong key or agent.
        """
        from roomkit.errors import ProviderRefusedError

        url, key = config.signed_url_request()
        status, body = self._sign(url, {"xi-api-key": key}, "wss://simulated")
        if status != HTTPStatus.OK:
            raise ProviderRefusedError(f"the simulator signs no URL: HTTP {status}", code=f"http_{status}")
        return str(body["signed_url"])

    def signed_url(self, agent_id: str, origin: str = "wss://simulated") -> str:
        """A URL that opens one conversation within 15 minutes."""
        signature = self._clock.new_id("cvtkn")
        self._signatures[signature] = self._clock.now_ms() + SIGNATURE_LIFE_MS
        return f"{origin}{PATH}?agent_id={agent_id}&conversation_signature={signature}"

    @asynccontextmanager
    async def serve(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Serving]:
        """Listen on a real port (0: any free one) for as long as the block lasts; signed URLs come from it too.

        Raises:
            OSError: The address cannot be bound.
            RoomKitError: Live mode: an engine does not start.
        """
        from websockets.asyncio.server import serve

        async def talk(connection: ServerConnection) -> None:
            await Socket(connection).talk(self._open)

        agents = self._agents.at_work() if self._agents is not None else nullcontext()
        listening = serve(
            talk,
            host,
            port,
            process_request=self._upgrade,
            # its JavaScript client offers this one, its Python client none
            select_subprotocol=lambda _, offered: next((one for one in offered if one == "convai"), None),
            max_size=READ_LIMIT_BYTES,
            compression=None,
            ping_interval=None,
        )
        async with agents, listening as server:
            real_port = next(iter(server.sockets)).getsockname()[1]
            where = f"[{host}]:{real_port}" if ":" in host else f"{host}:{real_port}"
            yield Serving(url=f"ws://{where}{PATH}", base_url=f"http://{where}")

    def _upgrade(self, connection: ServerConnection, request: Request) -> Response | None:
        if urlsplit(request.path).path == SIGNED_URL_PATH:
            status, body = self._sign(request.path, request.headers, f"ws://{request.headers.get('host', 'localhost')}")
            return connection.respond(HTTPStatus(status), json.dumps(body))
        refused = self._refusal(request.path, request.headers)
        return connection.respond(HTTPStatus(refused[0]), f"{refused[1]}\n") if refused else None

    def _sign(self, url: str, headers: Mapping[str, str], origin: str) -> tuple[int, dict[str, Any]]:
        """Answer the request for a signed URL."""
        agent_id = _query(url, "agent_id")
        if not self._key_of(headers):
            return 401, {"detail": {"status": "invalid_api_key", "message": "Invalid API key"}}
        if not agent_id:
            return 422, {"detail": [{"loc": ["query", "agent_id"], "msg": "field required"}]}
        if self._agent_id not in (None, agent_id):
            return 404, {"detail": {"status": "agent_not_found", "message": "no such agent"}}
        return 200, {"signed_url": self.signed_url(agent_id, origin)}

    def _refusal(self, url: str, headers: Mapping[str, str]) -> tuple[int, str] | None:
        if urlsplit(url).path.rstrip("/") != PATH:
            return 404, f"the simulator answers at {PATH}"
        if not _query(url, "agent_id") or self._agent_id not in (None, _query(url, "agent_id")):
            return 404, "no such agent"
        if signature := _query(url, "conversation_signature"):
            until_ms = self._signatures.pop(signature, None)
            if until_ms is None or self._clock.now_ms() >= until_ms:
                return 403, "signature not valid"
            return self._account.refuses(self.sessions)
        key = self._key_of(headers)
        if key is None or (self._agent.is_private and not key):
            return 401, "the agent needs a key or a signed URL"
        return self._account.refuses(self.sessions)

    def _key_of(self, headers: Mapping[str, str]) -> str | None:
        """The key, ``""`` without one; `None` when it is wrong."""
        key = {name.lower(): value for name, value in headers.items()}.get("xi-api-key", "")
        return None if key and self._api_key not in (None, key) else key

    def _open(self, send: Send, hang_up: HangUp) -> Connection:
        now_ms = self._clock.now_ms()
        session = ElevenLabsSimulatorSession(
            new_id=self._clock.new_id,
            agent=self._agent,
            now_ms=now_ms,
            keep_audio=self._keep_audio,
            account=self._account,
        )
        self.sessions.append(session)
        director = self._director(session, now_ms)
        connection = Connection(
            director, self._record, self._clock, send, hang_up, write=json.dumps, as_logged=lambda event: event
        )
        connection.flush()
        return connection

    def _director(self, session: ElevenLabsSimulatorSession, now_ms: float) -> Director:
        if self._agents is not None:
            return ElevenLabsLiveDirector(session, self._agents, self._clock)
        script = self._make_script()
        if script not in self.scripts:
            self.scripts.append(script)
        return ElevenLabsDirector(session, script, now_ms)


def _query(url: str, name: str) -> str:
    return parse_qs(urlsplit(url).query).get(name, [""])[0]


def _maker(script: Script | Callable[[], Script] | None) -> Callable[[], Script]:
    if callable(script):
        return script
    the_script = script or Script()
    return lambda: the_script
