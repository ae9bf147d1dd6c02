"""A room full of chat clients without sockets: what one event costs us for each, up to the ASGI server's send."""

from __future__ import annotations

import asyncio
import time
from collections.abc import MutableMapping
from typing import Any

from roomkit import InboundMessage, RoomKit, TextContent
from roomkit.channels.base import ChannelBase
from roomkit.channels.websocket import WebSocketChannel
from roomkit.channels.websocket_client import ChatIdentity

CLIENTS = 1_000
EVENTS = 15
HELLO = {"type": "websocket.receive", "text": '{"type": "hello"}'}


class Crowd:
    """Clients of one chat channel; counts what they are sent."""

    def __init__(self) -> None:
        self.channel = WebSocketChannel("chat", authenticate=lambda asks: ChatIdentity(asks.query_string, "room"))
        self._sent_count = 0
        self._goal = 0
        self._counted = ""
        self._reached = asyncio.Event()

    async def member(self, number: int) -> None:
        incoming: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        incoming.put_nowait({"type": "websocket.connect"})
        incoming.put_nowait(dict(HELLO))
        scope = {"type": "websocket", "path": "/", "query_string": str(number).encode(), "headers": []}
        await self.channel.asgi(scope, incoming.get, self._send)

    async def all_sent(self, kind: str, count: int) -> None:
        """Return when ``count`` more messages of a kind were sent."""
        self._counted = f'{{"type": "{kind}"'
        self._goal, self._sent_count = count, 0
        self._reached.clear()
        await self._reached.wait()

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        if message.get("text", "").startswith(self._counted):
            self._sent_count += 1
            if self._sent_count == self._goal:
                self._reached.set()


async def fan_out_us() -> float:
    """CPU microseconds for one client of one event: the least of several events."""
    kit, crowd = RoomKit(), Crowd()
    await kit.create_room("room")
    for channel in (crowd.channel, ChannelBase("phone")):
        kit.register_channel(channel)
        await kit.attach_channel("room", channel.channel_id)
    rounds = []
    async with asyncio.TaskGroup() as tasks:
        for number in range(CLIENTS):
            tasks.create_task(crowd.member(number))
        await crowd.all_sent("presence", CLIENTS * (CLIENTS - 1) // 2)  # each was shown who came later
        for _ in range(EVENTS):
            message = InboundMessage(channel_id="phone", sender_id="bob", content=TextContent(body="hello"))
            began = time.process_time()
            sending = tasks.create_task(kit.process_inbound(message, room_id="room"))
            await crowd.all_sent("event", CLIENTS)
            await sending
            rounds.append((time.process_time() - began) / CLIENTS * 1e6)
        await kit.close()
    return min(rounds)
