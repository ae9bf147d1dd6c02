"""Text chat over connections the application owns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from roomkit.channels.websocket import WebSocketChannel
from roomkit.errors import ConfigError
from roomkit.kit import RoomKit
from roomkit.models.content import TextContent
from roomkit.models.delivery import InboundMessage, InboundResult
from roomkit.models.event import RoomEvent


class Chat:
    """A room with a writer on one channel and listeners on another."""

    def __init__(self, kit: RoomKit, channel: WebSocketChannel) -> None:
        self.kit = kit
        self.channel = channel
        self.heard: list[str] = []

    def listens(self, connection_id: str, room_id: str = "room") -> None:
        self.channel.register_connection(
            connection_id, lambda each, event: self.heard.append(f"{each}:{event.text}"), room_id=room_id
        )

    async def says(self, text: str) -> InboundResult:
        message = InboundMessage(channel_id="writer", sender_id="w", content=TextContent(body=text))
        return await self.kit.process_inbound(message, room_id="room")


async def make(kit: RoomKit) -> Chat:
    channel = WebSocketChannel("chat", send_timeout=5.0)
    for each in (WebSocketChannel("writer"), channel):
        kit.register_channel(each)
    for room_id in ("room", "other"):
        await kit.create_room(room_id)
        for channel_id in ("writer", "chat"):
            await kit.attach_channel(room_id, channel_id)
    return Chat(kit, channel)


@pytest.fixture
async def chat() -> AsyncIterator[Chat]:
    async with RoomKit() as kit:
        yield await make(kit)


async def test_every_connection_of_the_room_gets_an_event_and_no_other(chat: Chat) -> None:
    chat.listens("one")
    chat.listens("two")
    chat.listens("elsewhere", room_id="other")

    result = await chat.says("hi")

    assert chat.heard == ["one:hi", "two:hi"]
    assert result.delivery_results["chat"].ok


async def test_a_connection_that_left_gets_nothing(chat: Chat) -> None:
    chat.listens("one")

    assert chat.channel.unregister_connection("one") is True
    assert chat.channel.unregister_connection("one") is False
    await chat.says("hi")

    assert chat.heard == []


async def test_registering_again_replaces_the_connection_and_its_room(chat: Chat) -> None:
    chat.listens("one", room_id="other")
    chat.listens("one")
    chat.listens("one")

    await chat.says("hi")

    assert chat.heard == ["one:hi"]


async def test_one_that_breaks_is_dropped_and_keeps_the_event_from_nobody(chat: Chat) -> None:
    attempts: list[str] = []

    def breaks(connection_id: str, _: RoomEvent) -> None:
        attempts.append(connection_id)
        raise ConnectionResetError

    async def breaks_later(connection_id: str, _: RoomEvent) -> None:
        attempts.append(connection_id)
        raise ConnectionResetError

    chat.channel.register_connection("a", breaks, room_id="room")
    chat.channel.register_connection("b", breaks_later, room_id="room")
    chat.listens("one")

    result = await chat.says("1")
    await chat.says("2")

    assert chat.heard == ["one:1", "one:2"]
    assert attempts == ["a", "b"]
    assert result.delivery_results["chat"].ok


async def test_when_nobody_could_take_it_the_delivery_failed(chat: Chat) -> None:
    async def breaks(*_: object) -> None:
        raise ConnectionResetError

    chat.channel.register_connection("a", breaks, room_id="room")

    result = await chat.says("1")

    assert result.delivery_results["chat"].error == "ClientGoneError"


@pytest.mark.virtual_time
async def test_one_that_never_takes_its_event_is_dropped_after_the_timeout() -> None:
    async with RoomKit() as kit:
        chat = await make(kit)
        loop = asyncio.get_running_loop()

        async def never(*_: object) -> None:
            await asyncio.sleep(1_000)

        chat.channel.register_connection("stuck", never, room_id="room")
        chat.listens("one")

        await chat.says("1")
        took_s = loop.time()
        await chat.says("2")

        assert chat.heard == ["one:1", "one:2"]
        assert took_s == pytest.approx(5.0)
        assert loop.time() == took_s


async def test_a_client_that_leaves_while_it_is_sent_to_harms_nobody(chat: Chat) -> None:
    async def leaves(connection_id: str, _: RoomEvent) -> None:
        chat.channel.unregister_connection(connection_id)
        raise ConnectionResetError

    chat.channel.register_connection("a", leaves, room_id="room")
    chat.listens("one")

    await chat.says("1")

    assert chat.heard == ["one:1"]


def test_a_send_timeout_is_positive() -> None:
    with pytest.raises(ConfigError, match="send_timeout"):
        WebSocketChannel("chat", send_timeout=0)
