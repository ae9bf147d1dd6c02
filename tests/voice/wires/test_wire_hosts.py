"""What no well-behaved client does: raw frames against each server host, and servers that misbehave while we dial."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import ModuleType

import pytest

from roomkit.voice.wires import connect, picows, websockets
from roomkit.voice.wires.listener import ListenOptions, Refusal, UpgradeRequest, admit_all, listen
from roomkit.voice.wires.picows_wire import PicowsWire
from roomkit.voice.wires.port import Endpoint, WireClosed, WireMessage, WirePort, WireRefused
from roomkit.voice.wires.queued import QueuedWire

WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


class Server:
    """One accepted wire and all it saw."""

    def __init__(self) -> None:
        self.wire: WirePort
        self.request: UpgradeRequest
        self.messages: list[WireMessage] = []
        self.closed: asyncio.Future[WireClosed] = asyncio.get_running_loop().create_future()
        self.has_one = asyncio.Event()

    def accept(self, wire: WirePort, request: UpgradeRequest) -> None:
        self.wire, self.request = wire, request
        self.has_one.set()
        wire.start(self.messages.append, self.closed.set_result)

    async def is_closed(self) -> WireClosed:
        async with asyncio.timeout(5):
            return await asyncio.shield(self.closed)


class RawClient:
    """A TCP socket that was upgraded by hand; sends any frame, reads only when told to."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    @classmethod
    async def dial(cls, url: str) -> RawClient:
        host, port = url.removeprefix("ws://").split(":")
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # so that not reading is felt soon
        sock.setblocking(False)
        client = cls(sock)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, (host, int(port)))
        key = base64.b64encode(bytes(16)).decode()
        await loop.sock_sendall(
            sock,
            f"GET /raw HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode(),
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await loop.sock_recv(sock, 1)
        assert b" 101 " in head
        return client

    async def sends(self, opcode: int, payload: bytes, *, is_last: bool = True) -> None:
        assert len(payload) < 65536
        size = bytes([0x80 | len(payload)]) if len(payload) < 126 else struct.pack("!BH", 0x80 | 126, len(payload))
        frame = bytes([opcode | (0x80 if is_last else 0)]) + size + bytes(4) + payload  # a mask of zeros
        await asyncio.get_running_loop().sock_sendall(self._sock, frame)

    async def reads_frame(self) -> tuple[int, bytes]:
        first, size = await self._exactly(2)
        return first & 0x0F, await self._exactly(size)

    async def reads_to_the_end(self) -> int:
        """How many bytes came before the connection ended."""
        count = 0
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(5):
            try:
                while chunk := await loop.sock_recv(self._sock, 65536):
                    count += len(chunk)
            except ConnectionError:
                pass
        return count

    def resets(self) -> None:
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()

    def close(self) -> None:
        self._sock.close()

    async def _exactly(self, count: int) -> bytes:
        data = b""
        async with asyncio.timeout(5):
            while len(data) < count:
                data += await asyncio.get_running_loop().sock_recv(self._sock, count - len(data))
        return data


@pytest.fixture(params=[picows, websockets], ids=["picows", "websockets"])
def host(request: pytest.FixtureRequest) -> ModuleType:
    module: ModuleType = request.param
    return module


@asynccontextmanager
async def raw_call(host: ModuleType) -> AsyncIterator[tuple[RawClient, Server]]:
    server = Server()
    options = ListenOptions(max_message_bytes=32_768)
    listener = await host.listen(options, server.accept, admit_all)
    client = await RawClient.dial(listener.url)
    async with asyncio.timeout(5):
        await server.has_one.wait()
    try:
        yield client, server
    finally:
        client.close()
        server.wire.close()
        await server.is_closed()
        await listener.close()


async def test_a_peer_that_never_reads_is_closed_with_1013_and_holds_nothing_up(host: ModuleType) -> None:
    async with raw_call(host) as (_, server):
        for _ in range(1_000):
            server.wire.send(bytes(20_000))
            if server.closed.done():
                break
            await asyncio.sleep(0)

        closed = await server.is_closed()

        assert closed.code == 1013
        assert closed.reason.startswith("slow reader")


async def test_audio_that_has_not_left_can_be_taken_back(host: ModuleType) -> None:
    async with raw_call(host) as (client, server):
        for _ in range(250):  # what the kernel takes, and then some
            server.wire.send_audio(bytes(20_000))
            await asyncio.sleep(0)
            if server.wire.buffered_bytes > 500_000:
                break
        assert server.wire.buffered_bytes > 500_000

        server.wire.clear_audio()

        assert server.wire.buffered_bytes < 100_000  # the one being written, and what the kernel refused
        server.wire.send("still here")
        server.wire.close(1000, "done")
        await client.reads_to_the_end()


async def test_a_peer_that_vanishes_is_a_close_without_a_frame(host: ModuleType) -> None:
    async with raw_call(host) as (client, server):
        await client.sends(TEXT, b"hello")
        await asyncio.sleep(0.02)

        client.resets()

        assert await server.is_closed() == WireClosed(1006)
        assert server.messages == ["hello"]


async def test_a_peer_that_does_not_answer_our_close_is_dropped_after_two_seconds(host: ModuleType) -> None:
    async with raw_call(host) as (client, server):
        started = asyncio.get_running_loop().time()

        server.wire.close(1000, "bye")

        assert await client.reads_frame() == (CLOSE, b"\x03\xe8bye")
        assert await server.is_closed() == WireClosed(1000, "bye", by_us=True)
        assert asyncio.get_running_loop().time() - started < 4


async def test_fragments_become_one_message_with_a_ping_between_them(host: ModuleType) -> None:
    async with raw_call(host) as (client, server):
        await client.sends(TEXT, "h\u00e4".encode()[:2], is_last=False)
        await client.sends(PING, b"alive?")
        await client.sends(CONTINUATION, "h\u00e4".encode()[2:], is_last=False)
        await client.sends(CONTINUATION, b"!", is_last=True)
        await client.sends(BINARY, b"\x00", is_last=False)
        await client.sends(CONTINUATION, b"\x01", is_last=True)

        assert await client.reads_frame() == (PONG, b"alive?")
        await asyncio.sleep(0.02)
        assert server.messages == ["h\u00e4!", b"\x00\x01"]


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        pytest.param([(TEXT, b"\xff\xfe", True)], 1007, id="text that is not UTF-8"),
        pytest.param([(TEXT, b"\xff", False), (CONTINUATION, b"", True)], 1007, id="fragments that are not UTF-8"),
        pytest.param([(CONTINUATION, b"x", True)], 1002, id="a continuation of nothing"),
        pytest.param([(TEXT, b"x", False), (TEXT, b"y", True)], 1002, id="a new message within a message"),
        pytest.param([(0x3, b"x", True)], 1002, id="an opcode nobody defined"),
        pytest.param([(BINARY, bytes(32_769), True)], 1009, id="a frame too big"),
        pytest.param([(BINARY, bytes(30_000), False), (CONTINUATION, bytes(9_000), True)], 1009, id="a sum too big"),
    ],
)
async def test_what_breaks_the_rules_is_closed_with_its_code_and_never_delivered(
    host: ModuleType, frames: list[tuple[int, bytes, bool]], code: int
) -> None:
    async with raw_call(host) as (client, server):
        for opcode, payload, is_last in frames:
            await client.sends(opcode, payload, is_last=is_last)

        kind, payload = await client.reads_frame()

        assert (kind, int.from_bytes(payload[:2], "big")) == (CLOSE, code)
        await client.sends(CLOSE, payload[:2])
        client.close()
        assert (await server.is_closed()).code == code
        assert server.messages == []


async def test_a_close_without_a_code_is_1005(host: ModuleType) -> None:
    async with raw_call(host) as (client, server):
        await client.sends(CLOSE, b"")
        client.close()

        assert (await server.is_closed()).code == 1005


async def test_an_upgrade_can_be_refused_with_a_status_and_a_sentence(host: ModuleType) -> None:
    server = Server()
    listener = await host.listen(ListenOptions(), server.accept, lambda _: Refusal(403, "not from there"))

    for dialler in (picows, websockets):
        with pytest.raises(WireRefused, match="not from there") as refused:
            await dialler.dial(Endpoint(listener.url))
        assert refused.value.status == 403

    await listener.close()


async def test_a_listener_tells_who_came_and_how(host: ModuleType) -> None:
    server = Server()
    listener = await host.listen(ListenOptions(subprotocols=("realtime",)), server.accept, admit_all)

    wire = await connect(
        Endpoint(f"{listener.url}/a/b?c=d%20e", headers={"X-Thing": "7"}, subprotocols=("other", "realtime"))
    )

    await asyncio.sleep(0.02)
    assert (server.request.path, server.request.query_string) == ("/a/b", "c=d%20e")
    assert server.request.headers["x-thing"] == "7"
    assert server.request.client is not None
    assert server.request.client[0] == "127.0.0.1"
    wire.start(lambda _: None, lambda _: None)
    wire.close()
    await server.is_closed()
    await listener.close()


# Dialling


async def test_nobody_there_is_a_refusal_without_a_status(host: ModuleType) -> None:
    with pytest.raises(WireRefused, match="cannot connect") as refused:
        await host.dial(Endpoint("ws://127.0.0.1:1"))

    assert refused.value.status == 0


async def test_a_server_that_hangs_up_or_talks_nonsense_is_a_refusal(host: ModuleType) -> None:
    for answer in (b"", b"HTTP/1.1 101", b"SMTP ready\r\n\r\n"):

        async def misbehave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: bytes = answer) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            writer.close()

        server = await asyncio.start_server(misbehave, "127.0.0.1", 0)
        with pytest.raises(WireRefused):
            await host.dial(Endpoint(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
        server.close()


@pytest.mark.parametrize(
    ("header", "expected_s"),
    [(b"Retry-After: 7\r\n", 7.0), (b"", None), (b"Retry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\n", None)]
    + [(b"Retry-After: " + rubbish + b"\r\n", None) for rubbish in (b"-1", b"1e9", b"9" * 400, b"nan", b"")],
)
async def test_a_refusal_tells_how_long_the_peer_wants_to_be_left_alone(
    host: ModuleType, header: bytes, expected_s: float | None
) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 429 Too Many Requests\r\n" + header + b"Content-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    with pytest.raises(WireRefused) as refused:
        await host.dial(Endpoint(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
    server.close()

    assert (refused.value.status, refused.value.retry_after_s) == (429, expected_s)


async def test_a_server_that_says_nothing_any_more_is_given_up(
    host: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-0006-18: the line is dead, and no packet says so."""
    monkeypatch.setattr(host, "DIAL_PING_S", 0.1)
    closed: asyncio.Future[WireClosed] = asyncio.get_running_loop().create_future()

    async def fall_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = re.findall(r"(?i)sec-websocket-key: (\S+)", head)[0]
        accept = base64.b64encode(hashlib.sha1(f"{key}{WEBSOCKET_GUID}".encode(), usedforsecurity=False).digest())
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
        writer.write(b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        await reader.read()
        while not reader.at_eof():  # reads on, so that our side cannot tell by its own sends
            await reader.read(4096)
        writer.close()

    server = await asyncio.start_server(fall_silent, "127.0.0.1", 0)
    wire = await host.dial(Endpoint(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
    wire.start(lambda message: None, closed.set_result)

    async with asyncio.timeout(5):
        end = await closed

    assert not end.by_us
    server.close()


async def test_a_cancelled_dial_leaves_neither_socket_nor_task(host: ModuleType) -> None:
    hung_up = asyncio.Event()

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        hung_up.set()
        writer.close()

    server = await asyncio.start_server(never_answer, "127.0.0.1", 0)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await host.dial(Endpoint(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"))

    async with asyncio.timeout(1):
        await hung_up.wait()
    server.close()
    await asyncio.sleep(0.02)
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("has_picows", [True, False])
async def test_an_owner_that_fails_on_a_new_connection_is_told_of_and_loses_only_that_one(
    has_picows: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("roomkit.voice.wires.listener.installed", lambda _: has_picows)
    server = Server()

    def accept(wire: WirePort, request: UpgradeRequest) -> None:
        if request.path == "/bad":
            raise RuntimeError("a defect")
        server.accept(wire, request)

    listener = await listen(ListenOptions(), accept)
    closed: asyncio.Future[WireClosed] = asyncio.get_running_loop().create_future()
    bad = await connect(Endpoint(f"{listener.url}/bad"))
    bad.start(lambda _: None, closed.set_result)
    good = await connect(Endpoint(f"{listener.url}/good"))
    good.start(lambda _: None, lambda _: None)

    async with asyncio.timeout(5):
        assert (await closed).code == 1011
    assert "a defect" in caplog.text
    good.close()
    assert (await server.is_closed()).code == 1000
    await listener.close()


@pytest.mark.parametrize("has_picows", [True, False])
async def test_the_default_listener_and_dialler_understand_each_other(
    has_picows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("roomkit.voice.wires", "roomkit.voice.wires.listener"):
        monkeypatch.setattr(f"{module}.installed", lambda _: has_picows)
    server = Server()
    listener = await listen(ListenOptions(), server.accept)

    wire = await connect(Endpoint(listener.url))
    wire.send("hello")
    wire.close()

    assert (await server.is_closed()).code == 1000
    assert server.messages == ["hello"]
    assert {type(wire), type(server.wire)} == {PicowsWire if has_picows else QueuedWire}
    wire.start(lambda _: None, lambda _: None)
    await listener.close()
