"""The fast host of the wire port: dialling and listening with picows. The connection itself is `picows_wire.py`."""

from __future__ import annotations

import asyncio
import logging
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

from picows import (
    WSError,
    WSHandshakeError,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_connect,
    ws_create_server,
)

from roomkit.voice.wires.limits import DIAL_BUFFERED_BYTES, DIAL_PING_S, MAX_BUFFERED_BYTES
from roomkit.voice.wires.listener import Accept, Admit, ListenOptions, UpgradeRequest, choose_subprotocol
from roomkit.voice.wires.picows_wire import PicowsWire
from roomkit.voice.wires.port import Endpoint, WireRefused, retry_after_s

if TYPE_CHECKING:
    from picows.url import WSParsedURL

_LIBRARY_LOGGER = logging.getLogger(f"{__name__}.library")
_LIBRARY_LOGGER.setLevel(logging.CRITICAL)  # it logs each connect at INFO and each peer's fault at ERROR: ours to tell

LISTEN_PING_IDLE_S = 20.0
"""A client silent for this long is asked whether it is alive; proxies drop idle connections after 30-60 s."""

DIAL_READ_BUFFER_BYTES = 4_096
LISTEN_READ_BUFFER_BYTES = 2_048
"""Where a connection's read buffer starts; it doubles when a message is longer. A frame of speech is 1 KB from a client
and 1.5 from a provider, whose set-up message is longer; the library's own 16 KB, twice a session, would be a third of
what a session costs."""


async def dial(endpoint: Endpoint) -> PicowsWire:
    """Open a client wire; see `Dialler`."""
    headers = dict(endpoint.headers)
    if endpoint.subprotocols:
        headers["Sec-WebSocket-Protocol"] = ", ".join(endpoint.subprotocols)
    sockets: list[socket.socket] = []

    async def connected_socket(url: WSParsedURL) -> socket.socket:
        sockets.append(await _connected_socket(url.host, url.port))
        return sockets[-1]

    def wire() -> PicowsWire:
        return PicowsWire(endpoint.max_message_bytes, DIAL_BUFFERED_BYTES, lambda wire: None)

    is_open = False
    try:
        _, listener = await ws_connect(
            wire,
            endpoint.url,
            websocket_handshake_timeout=None,
            logger_name=_LIBRARY_LOGGER,
            enable_auto_ping=True,
            auto_ping_idle_timeout=DIAL_PING_S,
            auto_ping_reply_timeout=DIAL_PING_S,
            max_frame_size=endpoint.max_message_bytes,
            read_buffer_init_size=DIAL_READ_BUFFER_BYTES,
            extra_headers=headers,
            max_redirects=0,
            socket_factory=connected_socket,
        )
        is_open = listener is not None
    except WSHandshakeError as error:
        header = None if error.response is None else error.response.headers.get("Retry-After")
        raise WireRefused(*_answer(error), retry_after_s=retry_after_s(header)) from error
    except (OSError, WSError, ValueError) as error:
        raise WireRefused(0, f"cannot connect: {error}") from error
    finally:
        if not is_open:
            # picows forgets its transport when its handshake is cancelled; an end of file makes it close itself.
            for sock in sockets:
                _shut_down(sock)
    if not isinstance(listener, PicowsWire):
        raise WireRefused(0, "the peer hung up during the handshake")
    return listener


async def _connected_socket(host: str, port: int) -> socket.socket:
    loop = asyncio.get_running_loop()
    failure: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        try:
            await loop.sock_connect(sock, address)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:  # cancelled: the socket is still ours
            sock.close()
            raise
        else:
            return sock
    raise failure


def _shut_down(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        sock.close()


def _answer(error: WSHandshakeError) -> tuple[int, str]:
    if error.response is None:
        return 0, str(error)
    body = (error.raw_body or b"").decode(errors="replace").strip()
    return int(error.response.status), " ".join(body.split())[:500] or str(error)


class PicowsListener:
    """A bound port; a `Listener`."""

    def __init__(self, server: asyncio.Server) -> None:
        self._server = server
        host, port = server.sockets[0].getsockname()[:2]
        self.url = f"ws://[{host}]:{port}" if ":" in host else f"ws://{host}:{port}"

    async def close(self) -> None:
        """See `Listener.close`."""
        self._server.close()


async def listen(options: ListenOptions, accept: Accept, admit: Admit) -> PicowsListener:
    """Bind a port; see `roomkit.voice.wires.listener.listen`."""

    def upgrade(raw: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        request = _request(raw)
        if (refusal := admit(request)) is not None:
            response = WSUpgradeResponse.create_error_response(refusal.status, refusal.detail.encode())
            return WSUpgradeResponseWithListener(response, None)
        wire = PicowsWire(
            options.max_message_bytes,
            MAX_BUFFERED_BYTES,
            lambda wire: accept(wire, replace(request, client=wire.peer_name)),
        )
        chosen = choose_subprotocol(request.headers.get("sec-websocket-protocol", ""), options.subprotocols)
        extra = {"Sec-WebSocket-Protocol": chosen} if chosen else None
        return WSUpgradeResponseWithListener(WSUpgradeResponse.create_101_response(extra), wire)

    server = await ws_create_server(
        upgrade,
        options.host,
        options.port,
        logger_name=_LIBRARY_LOGGER,
        enable_auto_ping=True,
        auto_ping_idle_timeout=LISTEN_PING_IDLE_S,
        auto_ping_reply_timeout=LISTEN_PING_IDLE_S,
        max_frame_size=options.max_message_bytes,
        read_buffer_init_size=LISTEN_READ_BUFFER_BYTES,
    )
    return PicowsListener(server)


def _request(raw: WSUpgradeRequest) -> UpgradeRequest:
    path, _, query = raw.path.decode(errors="replace").partition("?")
    headers: dict[str, str] = {}
    for name, value in raw.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return UpgradeRequest(path, query, headers)
