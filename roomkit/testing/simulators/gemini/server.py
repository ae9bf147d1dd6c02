"""`GeminiSimulator`: the Gemini Live service on a real socket, or in memory, playing the same script.

It decides who is let in and which script a connection plays; the connection itself is `live`. On `VirtualTimeLoop`
with a `VirtualClock` two runs of the in-memory server give the same log.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

from roomkit.clock import SYSTEM_CLOCK, Clock
from roomkit.testing.simulators.account import Account
from roomkit.testing.simulators.connection import Connection, Director, HangUp, Send, Socket, in_memory
from roomkit.testing.simulators.gemini.answers import audio_message
from roomkit.testing.simulators.gemini.director import GeminiDirector
from roomkit.testing.simulators.gemini.handles import Handles
from roomkit.testing.simulators.gemini.live_director import GeminiLiveDirector
from roomkit.testing.simulators.gemini.session import GeminiSimulatorSession
from roomkit.testing.simulators.live_agents import agents_of
from roomkit.testing.simulators.openai.door import Serving
from roomkit.testing.simulators.record import Record
from roomkit.testing.simulators.script import Script
from roomkit.voice.pipeline.provider import CascadeProvider
from roomkit.voice.wires.port import Endpoint, WirePort, WireRefused

if TYPE_CHECKING:
    import ssl

PATH: Final = re.compile(
    r"/ws/google\.ai\.generativelanguage\.(v1|v1beta|v1alpha)\.GenerativeService\.BidiGenerateContent(Constrained)?"
)
READ_LIMIT_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Dialled:
    """What a client asked for when it connected."""

    path: str
    key: str

    @classmethod
    def read(cls, url: str, headers: Mapping[str, str]) -> Dialled:
        """Read a URL (or its path and query) and the headers of the upgrade, whose names may be in any case."""
        parts = urlsplit(url)
        lower = {name.lower(): value for name, value in headers.items()}
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        token = lower.get("authorization", "").removeprefix("Token ").removeprefix("Bearer ")
        key = lower.get("x-goog-api-key") or token or query.get("key") or query.get("access_token", "")
        return cls(parts.path.replace("//", "/"), key)

    @property
    def is_alpha(self) -> bool:
        return ".v1alpha." in self.path


class GeminiSimulator:
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
        scripts: One for each connection (the same one again and again unless `script` is a function).
        sessions: The protocol state of each connection, oldest first, ended ones included.
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
        self._agents = agents_of(live, script, clock)
        self._make_script = _maker(script)
        self._api_key = api_key
        self._keep_audio = keep_audio
        self._clock = clock
        self._account = Account(max_connections, responses_per_minute, clock)
        self._record = Record(audio_bytes, on_log)
        self._handles = Handles(clock.new_id)
        self.scripts: list[Script] = []
        self.sessions: list[GeminiSimulatorSession] = []

    @property
    def received(self) -> list[dict[str, Any]]:
        """The clients' messages in order, ``type`` being their member; refused ones included."""
        return self._record.received

    @property
    def log(self) -> list[str]:
        """One line a message, both directions; see `Record.log`."""
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
        dialled = Dialled.read(endpoint.url, endpoint.headers)
        if (refused := self._refusal(dialled)) is not None:
            raise WireRefused(*refused)
        if self._agents is not None:
            await self._agents.warm()
        return in_memory(lambda send, hang_up: self._open(dialled, send, hang_up), READ_LIMIT_BYTES)

    @asynccontextmanager
    async def serve(
        self, host: str = "127.0.0.1", port: int = 0, *, tls: ssl.SSLContext | None = None
    ) -> AsyncIterator[Serving]:
        """Listen on a real port (0: any free one) for as long as the block lasts.

        Args:
            host: Address to listen on.
            port: Where.
            tls: The vendor's SDK dials ``wss`` only; with a certificate it needs nothing else.

        Raises:
            OSError: The address cannot be bound.
            RoomKitError: Live mode: an engine does not start.
        """
        from websockets.asyncio.server import ServerConnection, serve
        from websockets.http11 import Request, Response

        def upgrade(connection: ServerConnection, request: Request) -> Response | None:
            refused = self._refusal(Dialled.read(request.path, request.headers))
            return connection.respond(HTTPStatus(refused[0]), f"{refused[1]}\n") if refused else None

        async def talk(connection: ServerConnection) -> None:
            if (request := connection.request) is not None:
                dialled = Dialled.read(request.path, request.headers)
                await Socket(connection).talk(lambda send, hang_up: self._open(dialled, send, hang_up))

        agents = self._agents.at_work() if self._agents is not None else nullcontext()
        listening = serve(
            talk,
            host,
            port,
            process_request=upgrade,
            max_size=READ_LIMIT_BYTES,
            compression=None,
            ping_interval=None,
            ssl=tls,
        )
        async with agents, listening as server:
            real_port = next(iter(server.sockets)).getsockname()[1]
            where = f"[{host}]:{real_port}" if ":" in host else f"{host}:{real_port}"
            path = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
            s = "s" if tls else ""
            yield Serving(url=f"ws{s}://{where}{path}", base_url=f"http{s}://{where}")

    def _refusal(self, dialled: Dialled) -> tuple[int, str] | None:
        if PATH.fullmatch(dialled.path) is None:
            return 404, "the simulator answers at /ws/google.ai.generativelanguage.v1beta.GenerativeService..."
        if not dialled.key:
            return 403, "Method doesn't allow unregistered callers"
        if self._api_key not in (None, dialled.key):
            return 401, "API key not valid. Please pass a valid API key."
        return self._account.refuses(self.sessions)

    def _open(self, dialled: Dialled, send: Send, hang_up: HangUp) -> Connection:
        now_ms = self._clock.now_ms()
        session = GeminiSimulatorSession(
            new_id=self._clock.new_id,
            handles=self._handles,
            is_alpha=dialled.is_alpha,
            now_ms=now_ms,
            keep_audio=self._keep_audio,
            account=self._account,
        )
        self.sessions.append(session)
        director = self._director(session, now_ms)
        connection = Connection(director, self._record, self._clock, send, hang_up, write=write, as_logged=as_logged)
        connection.flush()
        return connection

    def _director(self, session: GeminiSimulatorSession, now_ms: float) -> Director:
        if self._agents is not None:
            return GeminiLiveDirector(session, self._agents, self._clock)
        script = self._make_script()
        if script not in self.scripts:
            self.scripts.append(script)
        return GeminiDirector(session, script, now_ms)


def write(message: Mapping[str, Any]) -> bytes:
    """A server message as the service sends it: indented JSON in a binary frame."""
    if (audio := _audio_of(message)) is not None:
        return _AUDIO_HEAD + audio.encode("ascii") + _AUDIO_TAIL  # fifty a second, and indenting is slow
    return json.dumps(message, indent=2).encode() + b"\n"


def as_logged(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """A server message with its member as ``type``."""
    kind = next(iter(message), "")
    inside = message.get(kind)
    return {"type": kind, **inside} if isinstance(inside, Mapping) else {"type": kind}


def audio_bytes(event: Mapping[str, Any]) -> int | None:
    """How much audio a message carries; `None` if it is not about audio, or unreadable."""
    coded = _audio_of({event["type"]: event}) if event.get("type") == "serverContent" else None
    blob = event.get("audio")
    if event.get("type") == "realtimeInput" and isinstance(blob, Mapping):
        coded = blob.get("data")
    return len(coded) * 3 // 4 - coded[-2:].count("=") if isinstance(coded, str) else None


def _audio_of(message: Mapping[str, Any]) -> str | None:
    match message:
        case {"serverContent": {"modelTurn": {"parts": [{"inlineData": {"data": str(data)}}]}}}:
            return data
        case _:
            return None


def _around_audio() -> tuple[bytes, bytes]:
    head, _, tail = json.dumps(audio_message("*"), indent=2).encode().partition(b"*")
    return head, tail + b"\n"


_AUDIO_HEAD, _AUDIO_TAIL = _around_audio()


def _maker(script: Script | Callable[[], Script] | None) -> Callable[[], Script]:
    if callable(script):
        return script
    the_script = script or Script()
    return lambda: the_script
