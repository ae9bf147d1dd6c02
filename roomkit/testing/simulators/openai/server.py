"""`OpenAISimulator`: the OpenAI Realtime server on a real socket, or in memory, playing the same script.

It decides who is let in and which script a connection plays; the connection itself is `connection`. On
`VirtualTimeLoop` with a `VirtualClock` two runs of the in-memory server give the same log.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Literal

from roomkit.clock import SYSTEM_CLOCK, Clock
from roomkit.testing.simulators.openai.connection import Connection, Dialled, Socket, audio_bytes
from roomkit.testing.simulators.openai.director import OpenAIDirector
from roomkit.testing.simulators.openai.rules import Refusal
from roomkit.testing.simulators.openai.session import Close, OpenAISimulatorSession
from roomkit.testing.simulators.record import Record
from roomkit.testing.simulators.script import Script
from roomkit.voice.wires.memory import memory_pair
from roomkit.voice.wires.port import Endpoint, WirePort, WireRefused

PATH: Final = "/v1/realtime"
READ_LIMIT_BYTES: Final = 64 * 1024 * 1024
"""Above the vendor's limit on an append, so that too much audio is refused in words and not by a dead socket."""


@dataclass(frozen=True, slots=True)
class Serving:
    """A bound port. ``url`` is the WebSocket's, ``base_url`` what the official SDK takes."""

    url: str
    base_url: str


class OpenAISimulator:
    """The OpenAI Realtime server (GA protocol) as a test wants it.

    Args:
        script: What it does; or a function making a script for each connection. By default it just answers.
        api_key: The only key it lets in; by default any, but there must be one.
        bad_key: How another key is turned away: HTTP 401 on the upgrade, or close 3000 after it.
        keep_audio: Keep the caller's audio; see `OpenAISimulatorSession.caller_audio`.
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
        bad_key: Literal["status", "close"] = "status",
        keep_audio: bool = False,
        on_log: Callable[[str], None] | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._make_script = _maker(script)
        self._api_key = api_key
        self._bad_key = bad_key
        self._keep_audio = keep_audio
        self._clock = clock
        self._record = Record(audio_bytes, on_log)
        self.scripts: list[Script] = []
        self.sessions: list[OpenAISimulatorSession] = []

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
        dialled = Dialled.read(endpoint.url, endpoint.headers, endpoint.subprotocols)
        if (refused := self._refusal(dialled)) is not None:
            raise WireRefused(*refused)
        ours, theirs = memory_pair(max_message_bytes=READ_LIMIT_BYTES)

        def hang_up(close: Close) -> None:
            if close.code == 1006:
                ours.drop()
            else:
                ours.close(close.code, close.reason)

        connection = self._open(dialled, ours.send, hang_up)
        ours.start(connection.receive, connection.gone)
        return theirs

    @asynccontextmanager
    async def serve(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Serving]:
        """Listen on a real port (0: any free one) for as long as the block lasts.

        Raises:
            OSError: The address cannot be bound.
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

        server = await serve(
            talk,
            host,
            port,
            process_request=upgrade,
            select_subprotocol=lambda _, offered: next((one for one in offered if one == "realtime"), None),
            max_size=READ_LIMIT_BYTES,
            compression=None,
            ping_interval=None,
        )
        async with server:
            real_port = next(iter(server.sockets)).getsockname()[1]
            where = f"[{host}]:{real_port}" if ":" in host else f"{host}:{real_port}"
            yield Serving(url=f"ws://{where}{PATH}", base_url=f"http://{where}/v1")

    def _refusal(self, dialled: Dialled) -> tuple[int, str] | None:
        if dialled.path.rstrip("/") != PATH:
            return 404, f"the simulator answers at {PATH}"
        if not dialled.key:
            return 401, "Missing bearer authentication in header"
        if self._bad_key == "status" and self._api_key not in (None, dialled.key):
            return 401, "Incorrect API key provided"
        return None

    def _open(
        self, dialled: Dialled, send: Callable[[str | bytes], None], hang_up: Callable[[Close], None]
    ) -> Connection:
        now_ms = self._clock.now_ms()
        session = OpenAISimulatorSession(
            new_id=self._clock.new_id,
            model=dialled.model,
            now_ms=now_ms,
            wall_s=self._clock.wall().timestamp(),
            keep_audio=self._keep_audio,
        )
        self.sessions.append(session)
        turned_away = self._turned_away(dialled)
        if turned_away is not None:
            session.take()
            session.refuse(turned_away[0])
            session.close(turned_away[1].code, turned_away[1].reason)
        script = self._make_script()
        if script not in self.scripts:
            self.scripts.append(script)
        connection = Connection(OpenAIDirector(session, script, now_ms), self._record, self._clock, send, hang_up)
        connection.flush()
        return connection

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


def _maker(script: Script | Callable[[], Script] | None) -> Callable[[], Script]:
    if callable(script):
        return script
    the_script = script or Script()
    return lambda: the_script
