"""The web server of the demo: a page, what the page should know, and one WebSocket, behind a door that checks who asks.

The application is built from values (`build_app`) and run on a socket bound beforehand (`bind`, `serving`), so that a
taken port is an error before anything starts. Not in here: rooms, channels, providers (`demo`).
Invariant: on a loopback address nobody but a page of that address, or a program without a browser, gets through.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import mimetypes
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from roomkit._aio import Supervisor
from roomkit._extras import require
from roomkit.errors import ConfigError
from roomkit.voice.backends.websocket_doors import is_loopback, is_origin_allowed

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.types import ASGIApp, Receive, Scope, Send

STATIC_DIR = Path(__file__).parent / "static"
SAMPLES_DIR = Path(__file__).parent / "samples"

POLICY_VIOLATION = 1008
"""RFC 6455 section 7.4.1; before the handshake is accepted, servers answer HTTP 403 instead."""

GRACEFUL_SHUTDOWN_S = 2
"""How long open sessions may take to say goodbye on Ctrl-C."""

SHUTDOWN_TIMEOUT_S = 10.0
"""Then the server is cancelled: twice what its own steps may take, and some."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'self'; connect-src 'self' ws: wss:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def build_app(
    *,
    voice: ASGIApp,
    config: Mapping[str, Any],
    loopback_only: bool,
    on_stop: Callable[[], Awaitable[None]] | None = None,
) -> Starlette:
    """The application: ``/`` the page, ``/config.json``, ``/samples/``, ``/voice`` the WebSocket.

    Args:
        voice: Speaks RoomKit's WebSocket protocol.
        config: What the page is told; JSON-able.
        loopback_only: Answer only requests made to a loopback name (see `Door`).
        on_stop: Awaited when the server stops.

    Raises:
        MissingExtraError: Starlette is not installed.
    """
    require("starlette.applications", extra="server", why="the demo server")
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Mount, Route, WebSocketRoute
    from starlette.staticfiles import StaticFiles

    # Windows takes these from its registry, where ".js" may be anything; modules and worklets then do not load.
    mimetypes.add_type("text/javascript", ".js")
    mimetypes.add_type("audio/wav", ".wav")

    async def tell_config(_request: Request) -> JSONResponse:
        return JSONResponse(dict(config))

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            if on_stop is not None:
                await on_stop()

    return Starlette(
        routes=[
            Route("/config.json", tell_config),
            WebSocketRoute("/voice", _Endpoint(voice)),
            Mount("/samples", StaticFiles(directory=SAMPLES_DIR, check_dir=False)),
            Mount("/", StaticFiles(directory=STATIC_DIR, html=True)),
        ],
        middleware=[Middleware(Door, loopback_only=loopback_only)],
        lifespan=lifespan,
    )


class Door:
    """ASGI middleware that refuses strangers.

    A WebSocket is not bound by the same-origin policy: any page a person visits could open ours and spend the key.
    So a browser's ``Origin`` must be the address it asks for; and on a loopback server that address must be a loopback
    *name*, or a hostile name that resolves to 127.0.0.1 (DNS rebinding) would count as its own origin.
    Programs send no ``Origin`` and pass.
    """

    def __init__(self, app: ASGIApp, *, loopback_only: bool) -> None:
        self._app = app
        self._loopback_only = loopback_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if not is_welcome(headers, loopback_only=self._loopback_only):
            await _refuse(scope, send)
            return
        await self._app(scope, receive, _with_headers(send))


def is_welcome(headers: Mapping[str, str], *, loopback_only: bool) -> bool:
    """Whether a request with these headers (by lower-case name) may pass. Pure."""
    try:
        name = urlsplit(f"//{headers.get('host', '')}").hostname
    except ValueError:
        return False
    return name is not None and (not loopback_only or is_loopback(name)) and is_origin_allowed(headers, None)


async def _refuse(scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        return
    await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"This server answers only its own pages, by its own address.\n"})


def _with_headers(send: Send) -> Send:
    extra = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]

    async def sending(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *extra]}
        await send(message)

    return sending


def bind(host: str, port: int) -> socket.socket:
    """A socket listening on ``host``; port 0 takes a free one.

    Raises:
        ConfigError: The port is taken, or the address is not ours; one line that says what to do.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, OverflowError) as error:
        raise ConfigError(f"{host}:{port} is no address to listen on") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(
                f"port {port} is taken; choose another with --port, or --port 0 for a free one"
            ) from error
        raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener


def address_of(listener: socket.socket) -> str:
    """``host:port`` as it goes into a URL that this machine can open."""
    host, port = listener.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = "localhost"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@asynccontextmanager
async def serving(app: ASGIApp, listener: socket.socket) -> AsyncIterator[asyncio.Task[None]]:
    """Serve while the block runs, then let open sessions say goodbye; takes ownership of ``listener``.

    Yields the server's task; on the main thread it also ends by itself on Ctrl-C. Connections made before the server is
    up wait in the listener's backlog, so there is nothing to wait for.

    Raises:
        MissingExtraError: uvicorn is not installed.
    """
    require("uvicorn", extra="server", why="the demo server")
    import uvicorn

    config = uvicorn.Config(
        app,
        log_level="warning",
        ws="websockets-sansio",  # the others in uvicorn use websockets' deprecated API
        ws_per_message_deflate=False,  # PCM does not compress, and deflate costs more than the rest of the path
        ws_max_size=1 << 20,
        timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_S,
    )
    server = uvicorn.Server(config)
    supervisor = Supervisor("demo")
    try:
        task = supervisor.start(server.serve(sockets=[listener]), name="server")
        try:
            yield task
        finally:
            server.should_exit = True
            async with asyncio.timeout(SHUTDOWN_TIMEOUT_S):
                await asyncio.wait([task])
    finally:
        await supervisor.close()
        listener.close()


class _Endpoint:
    """Wraps an ASGI callable for Starlette, which takes functions and methods for its own kind of endpoint."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)
