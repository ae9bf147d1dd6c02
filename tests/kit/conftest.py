"""A kit with a room, and people in it whose inboxes can be read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from roomkit.channels.base import ChannelBase
from roomkit.channels.websocket import WebSocketChannel
from roomkit.kit import RoomKit
from roomkit.models.channel import ChannelBinding, ChannelOutput
from roomkit.models.content import TextContent
from roomkit.models.context import RoomContext
from roomkit.models.delivery import InboundMessage, InboundResult
from roomkit.models.enums import ChannelCategory, ChannelType
from roomkit.models.event import RoomEvent
from roomkit.models.framework import FrameworkEvent


class Agent(ChannelBase):
    """Answers every event with a fixed text; remembers what it was shown and told."""

    default_type = ChannelType.AI
    default_category = ChannelCategory.INTELLIGENCE

    def __init__(self, channel_id: str, answer: str | None = None) -> None:
        super().__init__(channel_id)
        self.answer = answer
        self.does: Callable[[RoomEvent], Awaitable[None]] | None = None
        self.seen: list[RoomEvent] = []
        self.bindings: list[ChannelBinding | None] = []

    async def on_event(self, event: RoomEvent, binding: ChannelBinding, context: RoomContext) -> ChannelOutput | None:
        self.seen.append(event)
        if self.does is not None:
            await self.does(event)
        return None if self.answer is None else ChannelOutput.text(self.answer)

    def on_binding_changed(self, room_id: str, binding: ChannelBinding | None) -> None:
        self.bindings.append(binding)


class Party:
    """A kit, its room "room", and one WebSocket channel a person."""

    def __init__(self, kit: RoomKit) -> None:
        self.kit = kit
        self.inbox: dict[str, list[RoomEvent]] = {}
        self.framework: list[FrameworkEvent] = []
        kit.on("*")(self.framework.append)

    async def joins(self, name: str, room_id: str = "room", **binding: Any) -> None:
        channel = WebSocketChannel(name)
        self.kit.register_channel(channel)
        inbox = self.inbox.setdefault(name, [])
        channel.register_connection(f"{name}'s browser", lambda _, event: inbox.append(event), room_id=room_id)
        await self.kit.attach_channel(room_id, name, **binding)

    async def agent(self, name: str, answer: str | None = None, **binding: Any) -> Agent:
        agent = Agent(name, answer)
        self.kit.register_channel(agent)
        await self.kit.attach_channel("room", name, **binding)
        return agent

    async def says(self, name: str, text: str, **fields: Any) -> InboundResult:
        message = InboundMessage(channel_id=name, sender_id=name, content=TextContent(body=text), **fields)
        return await self.kit.process_inbound(message, room_id="room")

    def heard(self, name: str) -> list[str]:
        return [event.text for event in self.inbox[name]]

    async def timeline(self) -> list[str]:
        return [event.text for event in await self.kit.get_timeline("room")]

    def reported(self, event_type: str) -> list[FrameworkEvent]:
        return [event for event in self.framework if event.type == event_type]


@pytest.fixture
async def party() -> AsyncIterator[Party]:
    async with RoomKit() as kit:
        await kit.create_room("room")
        yield Party(kit)
