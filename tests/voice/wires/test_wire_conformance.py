"""One behaviour, every host: each test runs over all pairs of client and server the wire port has."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import ModuleType
from typing import Any, cast

import pytest
import uvicorn

from roomkit._aio import Supervisor
from roomkit.voice.wires import asgi, picows, websockets
from roomkit.voice.wires.listener import Accept, ListenOptions, UpgradeRequest, admit_all
from roomkit.voice.wires.memory import memory_pair
from roomkit.voice.wires.port import Endpoint, WireClosed, WireMessage, WirePort

MAX_MESSAGE_BYTES = 2 * 1024 * 1024

Ends = tuple[WirePort, WirePort]
Pair = Callable[[], AbstractAsyncContextManager[Ends]]


class Owner:
    """Owns one end: keeps what came, and lets a test wait for it."""

    def __init__(self, wire: WirePort, *, fails_on: WireMessage | None = None) -> None:
        self.wire = wire
        self.messages: list[WireMessage] = []
        self.closes: list[WireClosed] = []
        self._fails_on = fails_on
        self._changed = asyncio.Event()
        wire.start(self._on_message, self._on_close)

    async def has(self, count: int) -> list[WireMessage]:
        await self._until(lambda: len(self.messages) >= count)
        return self.messages

    async def is_closed(self) -> WireClosed:
        await self._until(lambda: bool(self.closes))
        return self.closes[0]

    def _on_message(self, message: WireMessage) -> None:
        if message == self._fails_on:
            raise ValueError("the owner failed")
        self.messages.append(message)
        self._changed.set()

    def _on_close(self, closed: WireClosed) -> None:
        self.closes.append(closed)
        self._changed.set()

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def in_memory() -> AsyncIterator[Ends]:
    yield memory_pair(max_message_bytes=MAX_MESSAGE_BYTES)


def on_sockets(client: ModuleType, server: ModuleType) -> Pair:
    @asynccontextmanager
    async def pair() -> AsyncIterator[Ends]:
        accepted: asyncio.Future[WirePort] = asyncio.get_running_loop().create_future()

        def accept(wire: WirePort, _: UpgradeRequest) -> None:
            accepted.set_result(wire)

        async with listening(server, accept) as url, both(client, url, accepted) as ends:
            yield ends

    return pair


@asynccontextmanager
async def listening(server: ModuleType, accept: Accept) -> AsyncIterator[str]:
    if server is asgi:
        async with under_uvicorn(accept) as url:
            yield url
        return
    listener = await server.listen(ListenOptions(max_message_bytes=MAX_MESSAGE_BYTES), accept, admit_all)
    try:
        yield listener.url
    finally:
        await listener.close()


@asynccontextmanager
async def under_uvicorn(accept: Accept) -> AsyncIterator[str]:
    tasks = Supervisor("asgi")

    async def app(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        wire = asgi.wrap(receive, send, tasks, MAX_MESSAGE_BYTES)
        accept(wire, asgi.upgrade_request(scope))
        await wire.wait_closed()

    config = uvicorn.Config(cast(Any, app), port=0, ws="websockets-sansio", lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"ws://127.0.0.1:{port}"
    finally:
        await server.shutdown()
        await tasks.close()


@asynccontextmanager
async def both(client: ModuleType, url: str, accepted: Awaitable[WirePort]) -> AsyncIterator[Ends]:
    near = await client.dial(Endpoint(url, max_message_bytes=MAX_MESSAGE_BYTES))
    far = await accepted
    try:
        yield near, far
    finally:
        near.close()
        far.close()
    async with asyncio.timeout(5):
        while len(asyncio.all_tasks()) > 1:  # noqa: ASYNC110 -- what a wire started must end by itself
            await asyncio.sleep(0.005)


PAIRS: dict[str, Pair] = {
    "memory": in_memory,
    "picows-picows": on_sockets(picows, picows),
    "picows-websockets": on_sockets(picows, websockets),
    "websockets-picows": on_sockets(websockets, picows),
    "websockets-websockets": on_sockets(websockets, websockets),
    "picows-asgi": on_sockets(picows, asgi),
    "websockets-asgi": on_sockets(websockets, asgi),
}


@pytest.fixture(params=PAIRS)
def pair(request: pytest.FixtureRequest) -> Pair:
    return PAIRS[request.param]


async def test_messages_arrive_in_order_and_as_what_they_were(pair: Pair) -> None:
    sent: list[WireMessage] = ["one", b"two", "drei: \u00e4\U0001f600", b"\x00\xff", "", b""]
    async with pair() as (near, far):
        here, there = Owner(near), Owner(far)

        for message in sent:
            near.send(message)
            far.send(message)

        assert await there.has(len(sent)) == sent
        assert await here.has(len(sent)) == sent


async def test_a_big_message_arrives_whole(pair: Pair) -> None:
    text, audio = "\u00e4" * 1_000_000, bytes(range(256)) * 8_000
    async with pair() as (near, far):
        here, there = Owner(near), Owner(far)

        near.send(text)
        near.send(audio)
        far.send(audio)

        assert await there.has(2) == [text, audio]
        assert await here.has(1) == [audio]


async def test_a_message_beyond_the_limit_closes_with_1009(pair: Pair) -> None:
    async with pair() as (near, far):
        here, there = Owner(near), Owner(far)

        near.send(bytes(MAX_MESSAGE_BYTES + 1))

        assert (await here.is_closed()).code == 1009
        await there.is_closed()
        assert there.messages == []


async def test_a_close_tells_both_ends_once_what_was_said(pair: Pair) -> None:
    async with pair() as (near, far):
        here, there = Owner(near), Owner(far)

        far.close(4401, "who are you")
        far.close(1000, "once more")

        assert await here.is_closed() == WireClosed(4401, "who are you", by_us=False)
        assert await there.is_closed() == WireClosed(4401, "who are you", by_us=True)
        await asyncio.sleep(0.02)
        assert len(here.closes) == len(there.closes) == 1


async def test_what_was_sent_before_a_close_still_arrives_and_what_comes_after_is_dropped(pair: Pair) -> None:
    async with pair() as (near, far):
        here, there = Owner(near), Owner(far)

        for number in range(100):
            far.send(str(number))
        far.close(1000, "bye")
        far.send("too late")
        far.send_audio(b"too late")

        assert (await here.is_closed()).code == 1000
        assert here.messages == [str(number) for number in range(100)]
        await there.is_closed()


async def test_a_close_from_both_ends_at_once_is_still_one_close_each(pair: Pair) -> None:
    async with pair() as (near, far):
        here, there = Owner(near), Owner(far)

        near.close(1000, "mine")
        far.close(1000, "mine too")

        await here.is_closed()
        await there.is_closed()
        assert len(here.closes) == len(there.closes) == 1


async def test_messages_wait_for_their_owner(pair: Pair) -> None:
    async with pair() as (near, far):
        near.send("early")
        near.send(b"bird")
        near.close(1000, "gone")
        await asyncio.sleep(0.03)

        there = Owner(far)

        assert (await there.is_closed()).code == 1000
        assert there.messages == ["early", b"bird"]


async def test_an_owner_that_fails_closes_its_wire_with_1011_and_is_logged(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    async with pair() as (near, far):
        here, there = Owner(near), Owner(far, fails_on="poison")

        with caplog.at_level(logging.ERROR, logger="roomkit"):
            near.send("good")
            near.send("poison")
            near.send("after")

            assert (await here.is_closed()).code == 1011

        assert (await there.is_closed()).by_us
        assert there.messages == ["good"]
        assert "the owner of a wire failed" in caplog.text


async def test_a_flood_arrives_in_order_in_both_directions(pair: Pair) -> None:
    flood: list[WireMessage] = [str(number) if number % 2 else number.to_bytes(4, "big") for number in range(1_000)]
    async with pair() as (near, far):
        here, there = Owner(near), Owner(far)

        for message in flood:
            near.send(message)
            far.send(message)

        assert await there.has(len(flood)) == flood
        assert await here.has(len(flood)) == flood


async def test_audio_keeps_its_order_too(pair: Pair) -> None:
    async with pair() as (near, far):
        Owner(near)
        there = Owner(far)

        for number in range(200):
            near.send_audio(number.to_bytes(2, "big"))

        assert await there.has(200) == [number.to_bytes(2, "big") for number in range(200)]


async def test_nothing_waits_once_a_peer_has_read_everything(pair: Pair) -> None:
    async with pair() as (near, far):
        Owner(near)
        there = Owner(far)

        near.send("hello")
        await there.has(1)

        assert near.buffered_bytes == 0


async def test_a_wire_has_one_owner(pair: Pair) -> None:
    async with pair() as (near, far):
        Owner(near)
        Owner(far)

        with pytest.raises(RuntimeError, match="one owner"):
            Owner(near)
