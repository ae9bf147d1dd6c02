"""A webhook's door, and the system that knocks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from roomkit.channels.webhook import WebhookChannel
from roomkit.channels.webhook_signature import StandardSignature
from roomkit.errors import StoreError
from roomkit.kit import RoomKit
from roomkit.models.event import RoomEvent
from roomkit.store.memory import MemoryStore
from roomkit.testing.virtual_time import START, VirtualClock

SECRET = StandardSignature.new_secret()
NOW_S = int(START.timestamp())


class FailingStore(MemoryStore):
    """Cannot store while told so."""

    fails = False

    async def append(self, event: RoomEvent, *, key: str | None = None) -> RoomEvent:
        if self.fails:
            raise StoreError("the disk is full")
        return await super().append(event, key=key)


class Door:
    """A kit with the rooms "room" and "other", a webhook into the first only, and the other system's client."""

    def __init__(self, kit: RoomKit, store: FailingStore, channel: WebhookChannel) -> None:
        self.kit = kit
        self.store = store
        self.channel = channel
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app=channel.asgi), base_url="http://door")

    async def post(
        self,
        data: object = None,
        *,
        body: bytes | None = None,
        message_id: str = "msg_1",
        at_s: int = NOW_S,
        **headers: str,
    ) -> httpx.Response:
        if body is None:
            body = json.dumps({"type": "message", "data": data}).encode()
        signed = StandardSignature(SECRET).sign(message_id, body, at_s)
        return await self.client.post("/", content=body, headers={**signed, **headers})

    async def says(self, text: str, **fields: Any) -> httpx.Response:
        data = {"sender_id": "erp", "text": text, "room_id": fields.pop("room_id", "room")}
        return await self.post(data, **fields)

    async def said(self, room_id: str = "room") -> list[str]:
        return [event.text for event in await self.kit.get_timeline(room_id)]


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    store = FailingStore()
    async with RoomKit(store, clock=VirtualClock()) as kit:
        channel = WebhookChannel("erp", secret=SECRET, max_body_bytes=2_000, max_requests=3)
        kit.register_channel(channel)
        for room_id in ("room", "other"):
            await kit.create_room(room_id)
        await kit.attach_channel("room", "erp")
        door = Door(kit, store, channel)
        async with door.client:
            yield door
