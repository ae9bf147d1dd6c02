"""A bridge that opens a room for each stranger, and a webhook over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from roomkit.channels.webhook import WebhookChannel
from roomkit.channels.webhook_format import EventFormat, Incoming
from roomkit.channels.webhook_signature import StandardSignature
from roomkit.channels.websocket import WebSocketChannel
from roomkit.clock import SYSTEM_CLOCK
from roomkit.kit import RoomKit
from roomkit.models.content import TextContent
from roomkit.models.delivery import InboundMessage

SECRET = StandardSignature.new_secret()


class OneRoomANumber(EventFormat):
    """The whole body is who sends it."""

    def read(self, body: bytes, channel_id: str) -> Incoming:
        number = body.decode()
        message = InboundMessage(channel_id=channel_id, sender_id=number, content=TextContent(body="hello"))
        return Incoming(message, room_id=f"sms:{number}", opens_room=True)


class Phones:
    """A kit with a bridge, and phones that text it."""

    def __init__(self, kit: RoomKit, channel: WebhookChannel) -> None:
        self.kit = kit
        self._channel = channel
        self._sent = 0

    async def text_from(self, number: str) -> int:
        self._sent += 1
        now_s = int(SYSTEM_CLOCK.wall().timestamp())
        signed = StandardSignature(SECRET).sign(f"msg_{self._sent}", number.encode(), now_s)
        transport = httpx.ASGITransport(self._channel.asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
            return (await client.post("/", content=number.encode(), headers=signed)).status_code

    async def said(self, room_id: str) -> list[str | None]:
        return [event.source.participant_id for event in await self.kit.get_timeline(room_id)]


@pytest.fixture
async def phones() -> AsyncIterator[Phones]:
    channel = WebhookChannel("sms", secret=SECRET, format=OneRoomANumber())
    async with RoomKit() as kit:
        kit.register_channel(channel)
        yield Phones(kit, channel)


async def test_each_stranger_gets_a_room_and_comes_back_to_it(phones: Phones) -> None:
    statuses = [await phones.text_from(number) for number in ("+1", "+2", "+1")]

    assert statuses == [200, 200, 200]
    assert (await phones.said("sms:+1"), await phones.said("sms:+2")) == (["+1", "+1"], ["+2"])


async def test_a_conversation_that_was_closed_is_not_opened_again_by_its_stranger(phones: Phones) -> None:
    await phones.text_from("+1")
    await phones.kit.close_room("sms:+1")

    assert await phones.text_from("+1") == 404
    assert await phones.said("sms:+1") == ["+1"]


async def test_a_bridge_that_was_detached_does_not_attach_itself_again(phones: Phones) -> None:
    await phones.text_from("+1")
    await phones.kit.detach_channel("sms:+1", "sms")

    assert await phones.text_from("+1") == 404
    assert await phones.kit.get_binding("sms:+1", "sms") is None


async def test_over_a_socket_one_connection_serves_all_events_and_closes_with_the_channel() -> None:
    requests: list[bytes] = []
    connections = 0
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        with_body = b""
        while piece := await reader.read(65_536):
            with_body += piece
            if with_body.endswith(b"}}"):  # headers and body may come apart
                requests.append(with_body)
                with_body = b""
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        writer.close()
        ended.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server, RoomKit() as kit:
        port = server.sockets[0].getsockname()[1]
        channel = WebhookChannel("erp", url=f"http://127.0.0.1:{port}/hook", secret=SECRET)
        await kit.create_room("room")
        for each in (WebSocketChannel("writer"), channel):
            kit.register_channel(each)
            await kit.attach_channel("room", each.channel_id)
        for text in ("one", "two"):
            await kit.send_event("room", "writer", TextContent(body=text))

        await channel.close()
        await channel.close()
        await ended.wait()

    assert [b"POST /hook" in request and b"webhook-signature: v1," in request for request in requests] == [True, True]
    assert connections == 1
