"""`WebSocketRealtimeTransport`: browsers and programs that bring their voice over a WebSocket.

Three ways in, one behaviour: mounted in an ASGI application (`asgi`), inside an endpoint of yours (hand its WebSocket
to ``start_session`` and wait with `wait_closed`), or on a port of its own (`listen`, the fast one).
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from weakref import WeakSet

from roomkit._aio import Supervisor
from roomkit.errors import AccessDeniedError, ConfigError
from roomkit.voice.backends.base import ClientSetup, ClientSink, VoiceBackend
from roomkit.voice.backends.websocket_connection import ClientConnection
from roomkit.voice.backends.websocket_doors import (
    AllowedOrigins,
    Authenticate,
    ConnectionRequest,
    authenticated,
    is_loopback,
    is_origin_allowed,
)
from roomkit.voice.backends.websocket_foreign import open_foreign
from roomkit.voice.backends.websocket_limits import ClientLimits
from roomkit.voice.backends.websocket_link import LinkOptions, WebSocketLink
from roomkit.voice.backends.websocket_protocol import AudioWireFormat
from roomkit.voice.wires import asgi as asgi_wire
from roomkit.voice.wires.listener import Listener, ListenOptions, Refusal, UpgradeRequest, listen
from roomkit.voice.wires.port import WirePort

logger = logging.getLogger(__name__)

UNAUTHORIZED = 4401
"""Close code of a refused client: a browser is shown no HTTP status, but it is shown this."""


class WebSocketRealtimeTransport(VoiceBackend):
    """Carries voice sessions over WebSockets; `docs/websocket-protocol.md` has the messages.

    Args:
        authenticate: Asked for every client with a `ConnectionRequest`; may be async. ``None``, ``False`` or an
            exception refuses (close code 4401); a dict is merged into the session's metadata.
        audio_format: ``"base64_json"`` or ``"binary"`` (bare PCM16 LE mono in binary messages; a quarter less to send).
        input_sample_rate: Hz the clients send; default: what the provider takes.
        output_sample_rate: Hz the clients play; default: what the provider gives.
        allowed_origins: Pages that may connect: a list, ``"*"``, or by default only pages of the same host. Clients
            without an ``Origin`` header (no browsers) may always try.
        max_message_bytes: Longer messages close the connection with 1009.
        max_sessions: Clients beyond this are refused (HTTP 503).
        max_messages_per_s: Average per client.
        max_audio_realtime_factor: Seconds of audio per second, on average per client.
        lead_ms: Most agent audio a client may hold ahead of its playback; default: the session's.

    Raises:
        ConfigError: A value that cannot work.
    """

    def __init__(
        self,
        *,
        authenticate: Authenticate | None = None,
        audio_format: AudioWireFormat = "base64_json",
        input_sample_rate: int | None = None,
        output_sample_rate: int | None = None,
        allowed_origins: AllowedOrigins = None,
        max_message_bytes: int = 1024 * 1024,
        max_sessions: int = 1000,
        max_messages_per_s: float = 200.0,
        max_audio_realtime_factor: float = 4.0,
        lead_ms: float | None = None,
    ) -> None:
        super().__init__()
        _check_format(audio_format)
        _check_rate("input_sample_rate", input_sample_rate)
        _check_rate("output_sample_rate", output_sample_rate)
        _check_positive(
            max_message_bytes=max_message_bytes,
            max_sessions=max_sessions,
            max_messages_per_s=max_messages_per_s,
            max_audio_realtime_factor=max_audio_realtime_factor,
        )
        self._authenticate = authenticate
        self._allowed_origins = allowed_origins
        self._max_sessions = max_sessions
        self._options = LinkOptions(audio_format, input_sample_rate, output_sample_rate, lead_ms)
        self._limits = ClientLimits(max_message_bytes, max_messages_per_s, max_audio_realtime_factor)
        self._tasks = Supervisor("websocket-transport")
        self._connections: set[ClientConnection] = set()
        self._foreign: dict[int, ClientConnection] = {}  # by id() of a host's object, which its connection keeps alive
        self._has_warned = False
        self._is_closed = False

    # Ways in

    async def asgi(self, scope: Mapping[str, Any], receive: asgi_wire.Receive, send: asgi_wire.Send) -> None:
        """An ASGI application: ``app.mount("/voice", transport.asgi)``, or served as it is."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] == "http":
            await asgi_wire.respond(send, Refusal(426, "this address speaks WebSocket"))
            return
        await receive()  # websocket.connect
        request = asgi_wire.upgrade_request(scope)
        if (refusal := self._admit(request)) is not None:
            await asgi_wire.refuse(scope, send, refusal)
            return
        self._warn_if_open(str((scope.get("server") or ("",))[0]))
        await send({"type": "websocket.accept"})
        wire = asgi_wire.wrap(receive, send, self._tasks, self._limits.max_message_bytes)
        self._accept(wire, request)
        await wire.wait_closed()

    @asynccontextmanager
    async def listen(self, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Listener]:
        """Listen on a port of our own while the context lasts; ``server.url`` is where. Port 0 picks a free one.

        Leaving the context ends the calls that came through it.

        Raises:
            OSError: The address cannot be bound.
        """
        self._warn_if_open(host)
        options = ListenOptions(host, port, max_message_bytes=self._limits.max_message_bytes)
        arrived: WeakSet[ClientConnection] = WeakSet()
        server = await listen(
            options,
            lambda wire, request: arrived.add(self._accept(wire, request)),
            partial(self._admit, is_local=is_loopback(host)),
        )
        try:
            yield server
        finally:
            await server.close()
            await _drop(arrived)

    async def adopt(self, connection: Any) -> ClientConnection:
        """Take over a WebSocket an endpoint of yours was given, once; what comes from now on is kept for its session.

        Args:
            connection: A Starlette or FastAPI ``WebSocket`` (accepted or not), a ``websockets`` connection, or a
                `WirePort`.

        Raises:
            AccessDeniedError: Its Origin, ``authenticate`` or ``max_sessions`` says no; it is closed.
            ConfigError: It is none of these.
        """
        if isinstance(connection, ClientConnection):
            return connection
        if (known := self._foreign.get(id(connection))) is not None:
            if not known.is_admitted:
                raise AccessDeniedError("this connection is still being asked who it is")
            return known
        if self._is_closed:
            raise ConfigError("this transport is closed: it takes no more connections")
        wire, request = await open_foreign(connection, self._tasks, self._limits.max_message_bytes)
        refusal = self._admit(request)
        client = self._connection(wire, request, host_object=connection)
        try:
            if refusal is not None:
                client.refuse("refused", refusal.detail, close_code=1008)
                raise AccessDeniedError(refusal.detail)
            await self._let_in(client)
        except AccessDeniedError:
            await client.wait_closed()  # the endpoint that called us may return at once, and its socket with it
            raise
        return client

    async def wait_closed(self, connection: Any) -> None:
        """Return when a connection given to ``start_session`` is closed; an endpoint must not return before."""
        client = connection if isinstance(connection, ClientConnection) else self._foreign.get(id(connection))
        if client is not None:
            await client.wait_closed()

    # The transport contract

    def connection_metadata(self, connection: Any) -> Mapping[str, Any]:
        """See `VoiceBackend.connection_metadata`; known once the connection was adopted or its link opened."""
        client = connection if isinstance(connection, ClientConnection) else self._foreign.get(id(connection))
        return {} if client is None else client.metadata

    async def admit(self, connection: Any) -> Mapping[str, Any]:
        """See `VoiceBackend.admit`; ``connection`` as in `adopt`."""
        client = await self.adopt(connection)
        return client.metadata

    async def open_link(self, connection: Any, setup: ClientSetup, sink: ClientSink) -> WebSocketLink:
        """See `VoiceBackend.open_link`; ``connection`` as in `adopt`, or what ``on_client_connected`` was given."""
        client = await self.adopt(connection)
        return client.bind(setup, sink)

    async def close(self) -> None:
        """See `VoiceBackend.close`."""
        self._is_closed = True
        await _drop(self._connections)
        await self._tasks.close()

    # Inside

    def _admit(self, request: UpgradeRequest, *, is_local: bool = False) -> Refusal | None:
        if self._is_closed:
            return Refusal(503, "this server is shutting down")
        if not is_origin_allowed(request.headers, self._allowed_origins, is_local=is_local):
            return Refusal(403, "pages of this origin may not connect (allowed_origins)")
        if len(self._connections) >= self._max_sessions:
            return Refusal(503, "too many sessions")
        return None

    def _accept(self, wire: WirePort, request: UpgradeRequest) -> ClientConnection:
        client = self._connection(wire, request)
        self._tasks.start(self._welcome(client), name="welcome")
        return client

    def _connection(self, wire: WirePort, request: UpgradeRequest, host_object: Any = None) -> ClientConnection:
        def gone(client: ClientConnection) -> None:
            self._connections.discard(client)
            if host_object is not None:
                self._foreign.pop(id(host_object), None)

        client = ClientConnection(
            wire, ConnectionRequest.of(request), options=self._options, limits=self._limits, on_gone=gone
        )
        self._connections.add(client)
        if host_object is not None:
            self._foreign[id(host_object)] = client
        return client

    async def _let_in(self, client: ClientConnection) -> None:
        try:
            client.metadata = await authenticated(self._authenticate, client.request)
            client.is_admitted = True
        except AccessDeniedError as error:
            client.refuse("unauthorized", str(error), close_code=UNAUTHORIZED)
            raise

    async def _welcome(self, client: ClientConnection) -> None:
        try:
            await self._let_in(client)
        except AccessDeniedError:
            return
        if self._connect_callback is None:
            logger.warning("a client connected but on_client_connected is not set: it was sent away")
            client.refuse("no_session", "this server starts no sessions (on_client_connected)", close_code=1013)
            return
        try:
            answer = self._connect_callback(client)
            if inspect.isawaitable(answer):
                await answer
        except Exception:  # the application's code: the client must not wait for a session that will never come
            logger.exception("on_client_connected failed; its client was sent away")
            client.refuse("internal_error", "the session could not be started", close_code=1011)

    async def _lifespan(self, receive: asgi_wire.Receive, send: asgi_wire.Send) -> None:
        while True:
            event = await receive()
            if event["type"] == "lifespan.shutdown":
                await self.close()
            await send({"type": f"{event['type']}.complete"})
            if event["type"] == "lifespan.shutdown":
                return

    def _warn_if_open(self, host: str) -> None:
        if self._authenticate is None and not self._has_warned and not is_loopback(host):
            self._has_warned = True
            logger.warning(
                "WebSocketRealtimeTransport accepts anybody who can reach %s: pass authenticate=", host or "this server"
            )


async def _drop(clients: Iterable[ClientConnection]) -> None:
    leaving = list(clients)
    for client in leaving:
        client.leave("server shutting down")
    for client in leaving:
        await client.wait_closed()


def _check_format(audio_format: str) -> None:
    if audio_format not in ("base64_json", "binary"):
        raise ConfigError(f"audio_format is {audio_format!r}: it must be 'base64_json' or 'binary'")


def _check_rate(name: str, rate_hz: int | None) -> None:
    if rate_hz is not None and not 8_000 <= rate_hz <= 48_000:
        raise ConfigError(f"{name} is {rate_hz!r}: it must be 8000 to 48000 Hz")


def _check_positive(**values: float) -> None:
    for name, value in values.items():
        if value <= 0:
            raise ConfigError(f"{name} is {value!r}: it must be more than 0")
