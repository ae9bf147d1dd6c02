"""Signed rubbish: whatever a sender who has the secret posts, it is answered, and nothing half-read enters a room."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roomkit.channels.webhook import WebhookChannel
from roomkit.channels.webhook_format import EventFormat, Incoming
from roomkit.channels.webhook_signature import StandardSignature
from roomkit.clock import SYSTEM_CLOCK
from roomkit.kit import RoomKit
from roomkit.models.content import TextContent
from roomkit.models.delivery import InboundMessage

SECRET = StandardSignature.new_secret()

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("sender_id", "text", "content", "room_id", "thread_id", "parent_event_id", "metadata")
BODIES = st.one_of(
    st.binary(max_size=200),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(st.sampled_from(FIELDS), JSON).map(
        lambda data: json.dumps({"type": "message", "data": {"sender_id": "erp", "room_id": "room", **data}}).encode()
    ),
)
HOSTILE = {
    "numbers without end": b'{"n": ' + b"9" * 5_000 + b"}",
    "not a number": b'{"n": NaN, "i": Infinity}',
    "keys twice": b'{"a": 1, "a": 2}',
    "a null byte": b'{"a": "\\u0000"}',
    "depth below the parser's bound": b'{"a":' * 150 + b"1" + b"}" * 150,
}


async def posted(channel: WebhookChannel, body: bytes, message_id: str) -> int:
    signed = StandardSignature(SECRET).sign(message_id, body, int(SYSTEM_CLOCK.wall().timestamp()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(channel.asgi), base_url="http://door") as client:
        return (await client.post("/", content=body, headers=signed)).status_code


async def room_with(store: Path | None, channel: WebhookChannel) -> RoomKit:
    kit = RoomKit(store)
    kit.register_channel(channel)
    await kit.create_room("room")
    await kit.attach_channel("room", channel.channel_id)
    return kit


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(bodies=st.lists(BODIES, min_size=1, max_size=5))
def test_any_signed_body_is_taken_or_refused_and_the_timeline_holds_what_was_taken(bodies: list[bytes]) -> None:
    async def scenario() -> None:
        channel = WebhookChannel("erp", secret=SECRET)
        async with await room_with(None, channel) as kit:
            statuses = [await posted(channel, body, f"msg_{n}") for n, body in enumerate(bodies)]

            assert set(statuses) <= {200, 400, 404}
            assert len(await kit.get_timeline("room")) == statuses.count(200)

    asyncio.run(scenario())


@pytest.mark.parametrize("metadata", HOSTILE.values(), ids=HOSTILE.keys())
async def test_hostile_metadata_is_refused_or_can_be_stored_and_read_again(metadata: bytes, tmp_path: Path) -> None:
    channel = WebhookChannel("erp", secret=SECRET)
    body = b'{"type": "message", "data": {"sender_id": "erp", "text": "x", "metadata": ' + metadata + b"}}"
    async with await room_with(tmp_path / "rooms.db", channel) as kit:
        status = await posted(channel, body, "msg_1")

        assert status in (200, 400)
        assert len(await kit.get_timeline("room")) == (status == 200)


class Clumsy(EventFormat):
    """A format of an application that does not foresee everything."""

    def read(self, body: bytes, channel_id: str) -> Incoming:
        message = InboundMessage(
            channel_id=channel_id, sender_id="a", content=TextContent(body="x"), idempotency_key=body.decode() * 100
        )
        return Incoming(message)


async def test_a_format_that_stumbles_over_a_body_refuses_it() -> None:
    channel = WebhookChannel("erp", secret=SECRET, format=Clumsy())
    async with await room_with(None, channel):
        assert await posted(channel, b"too long for a key", "msg_1") == 400
        assert await posted(channel, b"\xff", "msg_2") == 400
