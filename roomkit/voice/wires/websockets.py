"""The host of the wire port that is always there: the `websockets` package, client and server."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import Event
from websockets.typing import Subprotocol

from roomkit._aio import Supervisor
from roomkit.voice.wires.limits import (
    CLOSE_GRACE_S,
    DIAL_BUFFERED_BYTES,
    DIAL_PING_S,
    MAX_BUFFERED_BYTES,
)
from roomkit.voice.wires.listener import (
    Accept,
    Admit,
    ListenOptions,
    UpgradeRequest,
    choose_subprotocol,
)
from roomkit.voice.wires.port import MAX_MESSAGE_BYTES, Endpoint, WireClosed, WireMessage, WireRefused, retry_after_s
from roomkit.voice.wires.queued import QueuedWire

_LIBRARY_LOGGER = logging.getLogger(f"{__name__}.library")
_LIBRARY_LOGGER.setLevel(logging.CRITICAL)  # it logs each connect at INFO and each peer's fault at ERROR: ours to tell


class WebsocketsHost:
    """A `websockets` connection, either side, as a `WireHost`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        connection.close_timeout = CLOSE_GRACE_S
        # High water of zero: its send then returns when the kernel has taken everything.
        connection.transport.set_write_buffer_limits(high=0)

    async def receive(self) -> WireMessage | WireClosed:
        """See `WireHost.receive`."""
        try:
            return await self._connection.recv()
        except ConnectionClosed as error:
            frame = error.rcvd or error.sent
            return WireClosed(frame.code, frame.reason) if frame else WireClosed()

    async def send(self, message: WireMessage) -> None:
        """See `WireHost.send`."""
        try:
            await self._connection.send(message)
        except ConnectionClosed as error:
            raise ConnectionError(str(error)) from error

    async def close(self, code: int, reason: str) -> None:
        """See `WireHost.close`."""
        await self._connection.close(code, reason)

    def abort(self) -> None:
        """See `WireHost.abort`."""
        self._connection.transport.abort()

    @property
    def buffered_bytes(self) -> int:
        """See `WireHost.buffered_bytes`."""
        return self._connection.transport.get_write_buffer_size()


class _Dialled(ClientConnection):
    """A client's connection that ends with the peer's close frame, which was answered.

    The library waits for the peer to drop the socket, for seconds, and takes what is sent meanwhile to nowhere.
    """

    def process_event(self, event: Event) -> None:
        """See `Connection.process_event`."""
        super().process_event(event)
        if isinstance(event, Frame) and event.opcode is Opcode.CLOSE:
            self.transport.close()


async def dial(endpoint: Endpoint) -> QueuedWire:
    """Open a client wire; see `Dialler`."""
    try:
        connection = await connect(
            endpoint.url,
            additional_headers=dict(endpoint.headers),
            subprotocols=[Subprotocol(name) for name in endpoint.subprotocols] or None,
            max_size=endpoint.max_message_bytes,
            create_connection=_Dialled,
            compression=None,
            open_timeout=None,
            ping_interval=DIAL_PING_S,
            ping_timeout=DIAL_PING_S,
            proxy=None,
            logger=_LIBRARY_LOGGER,
        )
    except InvalidStatus as error:
        body = " ".join((error.response.body or b"").decode(errors="replace").split())
        wait_s = retry_after_s(error.response.headers.get("Retry-After"))
        raise WireRefused(error.response.status_code, body[:500] or str(error), retry_after_s=wait_s) from error
    except (OSError, WebSocketException, EOFError, ValueError) as error:
        raise WireRefused(0, f"cannot connect: {error}") from error
    return QueuedWire(
        WebsocketsHost(connection),
        tasks=Supervisor("wire"),
        max_message_bytes=endpoint.max_message_bytes,
        max_buffered_bytes=DIAL_BUFFERED_BYTES,
    )


def wrap(connection: Connection, tasks: Supervisor, max_message_bytes: int = MAX_MESSAGE_BYTES) -> QueuedWire:
    """A wire over a connection that somebody else accepted; their handler must outlive it."""
    return QueuedWire(
        WebsocketsHost(connection),
        tasks=tasks,
        max_message_bytes=max_message_bytes,
        max_buffered_bytes=MAX_BUFFERED_BYTES,
    )


def upgrade_request(connection: ServerConnection) -> UpgradeRequest:
    """What the client of an accepted connection had asked for."""
    request = connection.request
    if request is None:
        return UpgradeRequest("/")
    path, _, query = request.path.partition("?")
    headers = {name.lower(): ", ".join(request.headers.get_all(name)) for name in request.headers}
    peer = connection.remote_address
    client = (str(peer[0]), int(peer[1])) if isinstance(peer, tuple) else None
    return UpgradeRequest(path, query, headers, client)


class WebsocketsListener:
    """A bound port; a `Listener`."""

    def __init__(self, server: Server) -> None:
        self._server = server
        host, port = next(iter(server.sockets)).getsockname()[:2]
        self.url = f"ws://[{host}]:{port}" if ":" in host else f"ws://{host}:{port}"

    async def close(self) -> None:
        """See `Listener.close`."""
        self._server.close(close_connections=False)


async def listen(options: ListenOptions, accept: Accept, admit: Admit) -> WebsocketsListener:
    """Bind a port; see `roomkit.voice.wires.listener.listen`."""
    tasks = Supervisor("wire")

    def process(connection: ServerConnection, request: Request) -> Response | None:
        connection.request = request
        refusal = admit(upgrade_request(connection))
        if refusal is None:
            return None
        body = refusal.detail.encode()
        headers = Headers({"Content-Type": "text/plain", "Content-Length": str(len(body)), "Connection": "close"})
        return Response(refusal.status, HTTPStatus(refusal.status).phrase, headers, body)

    async def handle(connection: ServerConnection) -> None:
        wire = wrap(connection, tasks, options.max_message_bytes)
        accept(wire, upgrade_request(connection))
        await wire.wait_closed()

    def choose(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        return cast("Subprotocol | None", choose_subprotocol(",".join(offered), options.subprotocols))

    server = await serve(
        handle,
        options.host,
        options.port,
        process_request=process,
        select_subprotocol=choose if options.subprotocols else None,
        max_size=options.max_message_bytes,
        compression=None,
        logger=_LIBRARY_LOGGER,
    )
    return WebsocketsListener(server)
