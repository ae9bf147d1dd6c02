"""The ways to a session over real sockets: a port of our own, Starlette, endpoints of FastAPI and websockets."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.routing import Mount
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from roomkit.errors import AccessDeniedError, ConfigError
from roomkit.voice.backends.base import ClientEvent, ClientGone, ClientSetup
from roomkit.voice.backends.websocket_connection import ClientConnection
from roomkit.voice.realtime import WebSocketRealtimeTransport

SETUP = ClientSetup("s1", "r1", "p1", input_rate_hz=16_000, output_rate_hz=24_000)
AUDIO = b"\x01\x00" * 320
SPOKEN = json.dumps({"type": "audio", "data": base64.b64encode(AUDIO).decode()})


class Echo:
    """The shortest of sessions: says back what it hears, and remembers how each call went."""

    def __init__(self, transport: WebSocketRealtimeTransport) -> None:
        self.transport = transport
        self.metadata: list[object] = []
        self.gone = asyncio.Event()

    async def answers(self, connection: Any) -> None:
        call = EchoCall(self.gone)
        call.link = await self.transport.open_link(connection, SETUP, call)
        self.metadata.append(dict(self.transport.connection_metadata(connection)))
        call.link.send_message({"type": "session_started"})


class EchoCall:
    """One call of an `Echo`."""

    def __init__(self, gone: asyncio.Event) -> None:
        self.link: Any = None
        self._gone = gone

    def on_audio(self, pcm: bytes) -> None:
        self.link.send_audio(pcm)

    def on_event(self, event: ClientEvent) -> None:
        if isinstance(event, ClientGone):
            self._gone.set()

    async def settled(self) -> None:
        return None


def transport_with_echo(**options: Any) -> tuple[WebSocketRealtimeTransport, Echo]:
    transport = WebSocketRealtimeTransport(**options)
    echo = Echo(transport)
    transport.on_client_connected = echo.answers
    return transport, echo


@asynccontextmanager
async def under_uvicorn(app: Any) -> AsyncIterator[str]:
    config = uvicorn.Config(app, port=0, ws="websockets-sansio", lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        await server.shutdown()


async def holds_a_call(url: str, **options: Any) -> None:
    async with connect(url, proxy=None, **options) as client:
        assert json.loads(await client.recv())["type"] == "session_started"
        await client.send(SPOKEN)
        assert json.loads(await client.recv()) == json.loads(SPOKEN)


async def close_code_of(url: str, **options: Any) -> tuple[int, list[str]]:
    """Connect, read to the end; the close code and the codes of the errors that were sent before it."""
    errors = []
    async with asyncio.timeout(5), connect(url, proxy=None, **options) as client:
        try:
            while True:
                errors.append(json.loads(await client.recv())["code"])
        except ConnectionClosed as closed:
            assert closed.rcvd is not None
            return closed.rcvd.code, errors


# A port of our own


async def test_a_call_on_a_port_of_our_own() -> None:
    transport, echo = transport_with_echo(authenticate=lambda request: {"user": request.query["user"]})

    async with transport.listen() as server:
        await holds_a_call(f"{server.url}/?user=ada")
        async with asyncio.timeout(2):
            await echo.gone.wait()

    assert echo.metadata == [{"user": "ada"}]
    await transport.close()
    assert len(asyncio.all_tasks()) == 1


async def test_binary_audio_on_a_port_of_our_own() -> None:
    transport, _ = transport_with_echo(audio_format="binary")

    async with transport.listen() as server, connect(server.url, proxy=None) as client:
        assert json.loads(await client.recv())["audio_format"] == "binary"
        await client.send(AUDIO)
        assert await client.recv() == AUDIO

    await transport.close()


async def test_a_refused_client_is_told_why_and_closed_with_4401() -> None:
    transport, echo = transport_with_echo(authenticate=lambda _: None)

    async with transport.listen() as server:
        assert await close_code_of(server.url) == (4401, ["unauthorized"])

    assert echo.metadata == []
    await transport.close()


async def test_a_page_of_another_origin_is_refused_before_the_upgrade() -> None:
    transport, _ = transport_with_echo()

    async with transport.listen() as server:
        with pytest.raises(InvalidStatus) as refused:
            await close_code_of(server.url, origin="https://evil.example")
        await holds_a_call(server.url, origin=server.url.replace("ws://", "http://"))

    assert refused.value.response.status_code == 403
    await transport.close()


async def test_a_client_beyond_the_limit_is_refused_with_503() -> None:
    transport, _ = transport_with_echo(max_sessions=1)

    async with transport.listen() as server, connect(server.url, proxy=None) as first:
        await first.recv()
        with pytest.raises(InvalidStatus) as refused:
            await close_code_of(server.url)
        assert refused.value.response.status_code == 503

    await transport.close()


async def test_leaving_one_listener_ends_its_calls_and_no_other() -> None:
    transport, _ = transport_with_echo()

    async with transport.listen() as other, connect(other.url, proxy=None) as stays:
        await stays.recv()
        async with transport.listen() as server:
            leaves = await connect(server.url, proxy=None)
            await leaves.recv()

        await leaves.wait_closed()
        await stays.send(SPOKEN)
        assert json.loads(await stays.recv())["type"] == "audio"

    assert leaves.close_code == 1001
    await transport.close()


async def test_without_on_client_connected_the_client_is_told(caplog: pytest.LogCaptureFixture) -> None:
    transport = WebSocketRealtimeTransport()

    async with transport.listen() as server:
        assert await close_code_of(server.url) == (1013, ["no_session"])

    assert "on_client_connected is not set" in caplog.text
    await transport.close()


async def test_an_on_client_connected_that_fails_ends_its_client_and_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    transport, echo = transport_with_echo()

    async def sometimes(connection: ClientConnection) -> None:
        if connection.request.path == "/bad":
            raise LookupError("no such room")
        await echo.answers(connection)

    transport.on_client_connected = sometimes
    async with transport.listen() as server, connect(server.url, proxy=None) as good:
        await good.recv()

        assert await close_code_of(f"{server.url}/bad") == (1011, ["internal_error"])

        await good.send(SPOKEN)
        assert json.loads(await good.recv())["type"] == "audio"
    assert "on_client_connected failed" in caplog.text
    await transport.close()


async def test_a_message_of_ten_megabytes_ends_its_client_and_no_other() -> None:
    transport, _ = transport_with_echo()

    async with (
        transport.listen() as server,
        connect(server.url, proxy=None) as good,
        connect(server.url, proxy=None) as bad,
    ):
        await good.recv()
        await bad.recv()

        with pytest.raises(ConnectionClosed):  # on send or on the next read, as the kernel likes
            await bad.send("x" * 10_000_000)
            await bad.recv()

        await good.send(SPOKEN)
        assert json.loads(await good.recv())["type"] == "audio"
    await transport.close()


async def test_garbage_is_answered_with_errors_and_then_a_close() -> None:
    transport, _ = transport_with_echo()
    garbage: list[str | bytes] = ["", "{", "[]", "\x00", b"", b"\x00", '{"type":"dance"}', "null", '{"type":1}', "7"]

    async with transport.listen() as server, connect(server.url, proxy=None) as client:
        await client.recv()
        for message in garbage:
            await client.send(message)

        errors = [json.loads(await client.recv())["type"] for _ in garbage]
        with pytest.raises(ConnectionClosed):
            await client.recv()

    assert errors == ["error"] * 10
    assert client.close_code == 1008
    await transport.close()


async def test_an_open_door_is_said_loudly_once(caplog: pytest.LogCaptureFixture) -> None:
    transport = WebSocketRealtimeTransport()

    with caplog.at_level(logging.WARNING):
        async with transport.listen(host="127.0.0.1"):
            assert caplog.text == ""
        async with transport.listen(host="0.0.0.0"), transport.listen(host="0.0.0.0"):
            pass

    assert caplog.text.count("accepts anybody who can reach 0.0.0.0") == 1
    await transport.close()


# Mounted


async def test_mounted_in_starlette() -> None:
    transport, echo = transport_with_echo(authenticate=lambda request: {"path": request.path})

    async with under_uvicorn(Starlette(routes=[Mount("/voice", transport.asgi)])) as address:
        await holds_a_call(f"ws://{address}/voice/")
        with pytest.raises(InvalidStatus) as refused:
            await close_code_of(f"ws://{address}/voice/", origin="https://evil.example")
        async with httpx.AsyncClient(trust_env=False) as web:
            answer = await web.get(f"http://{address}/voice/")

    assert refused.value.response.status_code == 403
    assert answer.status_code == 426
    assert echo.metadata == [{"path": "/voice/"}]
    await transport.close()


async def test_served_as_it_is_it_closes_its_calls_at_shutdown() -> None:
    transport, _ = transport_with_echo()
    events = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(events)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await transport.asgi({"type": "lifespan"}, receive, send)

    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


# Inside an endpoint


@pytest.mark.parametrize("accepts_first", [True, False])
async def test_inside_a_fastapi_endpoint(accepts_first: bool) -> None:
    transport, echo = transport_with_echo(authenticate=lambda request: {"token": request.query.get("token")})
    app = FastAPI()
    ended = asyncio.Event()

    @app.websocket("/talk")
    async def talk(websocket: WebSocket) -> None:
        if accepts_first:
            await websocket.accept()
        await echo.answers(websocket)
        await transport.wait_closed(websocket)
        ended.set()

    async with under_uvicorn(app) as address:
        await holds_a_call(f"ws://{address}/talk?token=t1")
        async with asyncio.timeout(2):
            await ended.wait()

    assert echo.metadata == [{"token": "t1"}]
    await transport.close()


async def test_inside_a_websockets_server() -> None:
    transport, echo = transport_with_echo()
    refused: list[str] = []

    async def handler(connection: ServerConnection) -> None:
        try:
            await echo.answers(connection)
        except AccessDeniedError as error:
            refused.append(str(error))
        await transport.wait_closed(connection)

    async with serve(handler, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        await holds_a_call(url)
        assert await close_code_of(url, origin="https://evil.example") == (1008, ["refused"])

    assert len(refused) == 1
    assert echo.gone.is_set()
    await transport.close()


async def test_a_refused_client_of_an_endpoint_is_told_before_the_endpoint_returns() -> None:
    transport, echo = transport_with_echo(authenticate=lambda _: False)
    app = FastAPI()

    @app.websocket("/talk")
    async def talk(websocket: WebSocket) -> None:
        with pytest.raises(AccessDeniedError):
            await echo.answers(websocket)

    async with under_uvicorn(app) as address:
        assert await close_code_of(f"ws://{address}/talk") == (4401, ["unauthorized"])

    await transport.close()


async def test_a_closed_transport_takes_nobody() -> None:
    transport, _ = transport_with_echo()
    await transport.close()

    with pytest.raises(ConfigError, match="closed"):
        await transport.adopt(object())
    async with transport.listen() as server:
        with pytest.raises(InvalidStatus) as refused:
            await close_code_of(server.url)

    assert refused.value.response.status_code == 503
