"""Webhooks coming in: what is let into a room, what is not, and what the sender is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

import httpx
import pytest

from roomkit.channels import webhook_door
from roomkit.channels.webhook import WebhookChannel
from roomkit.channels.webhook_signature import StandardSignature
from roomkit.channels.websocket import WebSocketChannel
from roomkit.errors import StoreError
from roomkit.kit import RoomKit
from roomkit.models.context import RoomContext
from roomkit.models.enums import Access, ChannelCategory, ChannelDirection, HookTrigger
from roomkit.models.event import RoomEvent
from roomkit.models.hook import HookResult
from roomkit.store.memory import MemoryStore
from roomkit.testing.virtual_time import START, VirtualClock

pytestmark = pytest.mark.virtual_time

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


async def test_a_signed_message_enters_the_room_it_names(door: Door) -> None:
    answer = await door.says("shipped", message_id="msg_7")

    (event,) = await door.kit.get_timeline("room")
    assert (answer.status_code, answer.json()) == (200, {"status": "accepted", "event_id": event.id})
    assert event.text == "shipped"
    assert (event.source.channel_id, event.source.participant_id, event.source.external_id) == ("erp", "erp", "msg_7")


async def test_content_of_any_kind_can_come_instead_of_text(door: Door) -> None:
    place = {"type": "location", "latitude": 59.9, "longitude": 10.7, "label": "Oslo"}

    answer = await door.post({"sender_id": "erp", "room_id": "room", "content": place})

    assert answer.status_code == 200
    assert await door.said() == ["Oslo"]


async def test_without_a_room_the_one_the_channel_is_attached_to_is_meant(door: Door) -> None:
    answer = await door.post({"sender_id": "erp", "text": "shipped"})

    assert answer.status_code == 200
    assert await door.said() == ["shipped"]


async def test_without_a_room_among_several_it_is_asked_for_and_not_guessed(door: Door) -> None:
    await door.kit.attach_channel("other", "erp")
    for room_id in ("room", "other"):
        await door.kit.update_room_metadata(room_id, {"thread_id": "t"})

    answer = await door.post({"sender_id": "erp", "text": "shipped", "thread_id": "t"})

    assert (answer.status_code, answer.json()) == (400, {"error": "several rooms would do: name room_id"})
    assert await door.said() + await door.said("other") == []


async def test_the_sender_is_answered_before_a_slow_channel_has_taken_the_event(door: Door) -> None:
    slow = WebSocketChannel("slow")
    slow.register_connection("a", lambda _, event: asyncio.sleep(4), room_id="room")
    door.kit.register_channel(slow)
    await door.kit.attach_channel("room", "slow")
    began_s = asyncio.get_running_loop().time()

    answer = await door.says("shipped")

    assert answer.status_code == 200
    assert asyncio.get_running_loop().time() == began_s


# --- signatures and replays ----


async def test_a_wrong_signature_is_refused_and_nothing_enters(door: Door) -> None:
    answer = await door.says("shipped", **{"webhook-signature": "v1,AAAA"})

    assert (answer.status_code, answer.json()) == (401, {"error": "no signature matches"})
    assert await door.said() == []


async def test_a_body_is_not_read_before_its_signature_is_good(door: Door) -> None:
    answer = await door.client.post("/", content=b"{not json", headers={"webhook-id": "msg_1"})

    assert answer.status_code == 401


async def test_an_old_delivery_is_refused_however_well_signed(door: Door) -> None:
    answer = await door.says("shipped", at_s=NOW_S - 301)

    assert answer.status_code == 401
    assert "300 s" in answer.json()["error"]
    assert await door.said() == []


async def test_the_same_attempt_again_is_a_replay_and_enters_nothing(door: Door) -> None:
    first = await door.says("shipped")

    again = await door.says("shipped")

    assert (first.status_code, again.status_code) == (200, 409)
    assert "replay" in again.json()["error"]
    assert await door.said() == ["shipped"]


async def test_a_replay_is_refused_while_the_first_is_still_at_work(door: Door) -> None:
    release = asyncio.Event()

    @door.kit.hook(HookTrigger.BEFORE_BROADCAST)
    async def waits(event: RoomEvent, context: RoomContext) -> HookResult:
        await release.wait()
        return HookResult.allow()

    async def both() -> tuple[httpx.Response, httpx.Response]:
        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(door.says("shipped"))
            await asyncio.sleep(0.01)
            again = await door.says("shipped")
            release.set()
        return first.result(), again

    first, again = await both()

    assert (first.status_code, again.status_code) == (200, 409)


async def test_a_message_sent_again_under_a_new_timestamp_gets_the_first_result_and_enters_once(door: Door) -> None:
    first = await door.says("shipped")

    again = await door.says("shipped", at_s=NOW_S + 60)

    assert again.status_code == 200
    assert again.json() == first.json()
    assert await door.said() == ["shipped"]


async def test_a_hundred_attempts_at_once_enter_once(door: Door) -> None:
    door.channel.asgi._max_requests = 100

    answers = await asyncio.gather(*(door.says("shipped", at_s=NOW_S - n) for n in range(100)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["event_id"] for answer in answers}) == 1
    assert await door.said() == ["shipped"]


async def test_beyond_the_bound_on_replays_a_message_still_enters_once(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_door, "MAX_REMEMBERED", 2)
    for n in range(4):
        await door.says(f"{n}", message_id=f"msg_{n}")

    forgotten = await door.says("0", message_id="msg_0")
    remembered = await door.says("3", message_id="msg_3")

    assert (forgotten.status_code, remembered.status_code) == (200, 409)
    assert await door.said() == ["0", "1", "2", "3"]


# --- what the room says ---


@pytest.mark.parametrize("room_id", ["other", "no-such-room"])
async def test_a_room_of_others_and_a_room_that_is_not_there_look_the_same(door: Door, room_id: str) -> None:
    answer = await door.says("let me in", room_id=room_id)

    assert (answer.status_code, answer.json()) == (404, {"error": "no such room for this channel"})
    assert await door.said("other") == []


async def test_a_closed_room_takes_nothing(door: Door) -> None:
    await door.kit.close_room("room")

    assert (await door.says("too late")).status_code == 404


async def test_what_the_channel_may_not_write_is_on_record_as_blocked(door: Door) -> None:
    await door.kit.set_access("room", "erp", Access.READ_ONLY)

    answer = await door.says("psst")

    (event,) = await door.kit.get_timeline("room")
    assert (answer.status_code, answer.json()) == (200, {"status": "blocked", "event_id": event.id})
    assert event.blocked_by == "access"


async def test_why_a_hook_blocked_it_is_not_told(door: Door) -> None:
    @door.kit.hook(HookTrigger.BEFORE_BROADCAST)
    async def guard(event: RoomEvent, context: RoomContext) -> HookResult:
        return HookResult.block("mentions project X")

    answer = await door.says("about X")

    assert answer.json()["status"] == "blocked"
    assert "mentions" not in answer.text


async def test_a_store_that_fails_asks_the_sender_back_and_then_takes_the_message_even_in_the_same_second(
    door: Door,
) -> None:
    door.store.fails = True
    failed = await door.says("shipped")
    door.store.fails = False

    again = await door.says("shipped")

    assert (failed.status_code, failed.headers["retry-after"]) == (503, "5")
    assert again.status_code == 200
    assert await door.said() == ["shipped"]


async def test_a_channel_of_no_kit_is_not_in_service(door: Door) -> None:
    await door.kit.unregister_channel("erp")

    assert (await door.says("shipped")).status_code == 503


async def test_a_kit_about_to_close_takes_nothing_in(door: Door) -> None:
    await door.channel.drain()

    assert (await door.says("too late")).status_code == 503
    assert await door.said() == []


# --- rubbish ---


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "Invalid JSON"),
        (b"\xff\xfe", "Invalid JSON"),
        (b"[1]", "Input should be an object"),
        (b'{"type": "message"}', "data: Field required"),
        (b'{"type": "invoice", "data": {}}', "type: Input should be 'message'"),
        (b'{"type": "message", "data": {"sender_id": "a"}}', "give text or content"),
        (b'{"type": "message", "data": {"sender_id": "", "text": "x"}}', "data.sender_id"),
        (b'{"type": "message", "data": {"sender_id": "a", "text": "x", "channel_id": "chat"}}', "data.?: Extra inputs"),
        (b'{"type": "message", "data": {"sender_id": "a", "text": "\\ud800"}}', "Invalid JSON"),
        (
            b'{"type": "message", "data": {"sender_id": "a", "content": {"type": "media", "mime_type": "a/b", '
            b'"url": "javascript:alert(1)"}}}',
            "a URL in content is http, https or data",
        ),
        (
            b'{"type": "message", "data": {"sender_id": "a", "text": "x", "metadata": '
            + b'{"a":' * 300
            + b"1"
            + b"}" * 300
            + b"}}",
            "recursion limit",
        ),
    ],
)
async def test_a_body_that_cannot_be_read_is_told_which_field_is_wrong(door: Door, body: bytes, told: str) -> None:
    answer = await door.post(body=body)

    assert answer.status_code == 400
    assert told in answer.json()["error"]
    assert await door.said() == []


async def test_what_was_wrong_is_named_but_never_repeated(door: Door) -> None:
    answer = await door.post({"sender_id": "a", "text": 17, "hunter2": "x", "room_id": ["s3cret"]})

    assert answer.status_code == 400
    assert "hunter2" not in answer.text
    assert "s3cret" not in answer.text


async def test_only_posts_are_taken(door: Door) -> None:
    answer = await door.client.get("/")

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_a_body_that_says_it_is_too_large_is_refused_unread(door: Door) -> None:
    answer = await door.post(body=b"x" * 2_001)

    assert answer.status_code == 413


async def request(door: Door, *messages: MutableMapping[str, Any], headers: Any = (), **scope: Any) -> int | None:
    """One request by hand; its status, or ``None`` if it was not answered."""
    sent: list[MutableMapping[str, Any]] = []
    coming = list(messages)

    async def receive() -> MutableMapping[str, Any]:
        return coming.pop(0) if coming else await asyncio.get_running_loop().create_future()

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await door.channel.asgi({"type": "http", "method": "POST", "headers": headers, **scope}, receive, send)
    return sent[0].get("status") if sent else None


def piece(body: bytes, *, more: bool = True) -> MutableMapping[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_body_that_grows_too_large_is_cut_off(door: Door) -> None:
    assert await request(door, *(piece(b"x" * 500) for _ in range(5))) == 413


@pytest.mark.parametrize("length", [b"2001", b"-1", b"many", b"9" * 5_000])
async def test_a_length_that_is_too_much_or_no_length_is_refused_unread(door: Door, length: bytes) -> None:
    assert await request(door, headers=[(b"content-length", length)]) == 413


async def test_a_body_that_does_not_come_is_given_up(door: Door) -> None:
    assert await request(door, piece(b"x")) == 408


async def test_a_sender_that_hangs_up_is_not_answered_and_leaves_room_for_others(door: Door) -> None:
    for _ in range(5):
        assert await request(door, piece(b"x"), {"type": "http.disconnect"}) is None

    assert (await door.says("shipped")).status_code == 200


async def test_more_at_a_time_than_allowed_are_asked_to_come_back(door: Door) -> None:
    async with asyncio.TaskGroup() as tasks:
        slow = [tasks.create_task(request(door, piece(b"x"))) for _ in range(3)]
        await asyncio.sleep(1)
        answer = await door.says("shipped")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert [each.result() for each in slow] == [408] * 3
    assert (await door.says("shipped")).status_code == 200


async def test_a_web_socket_is_turned_away_and_a_lifespan_is_none_of_its_business(door: Door) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message["type"])

    async def receive() -> MutableMapping[str, Any]:
        return {}

    await door.channel.asgi({"type": "websocket"}, receive, send)
    with pytest.raises(NotImplementedError, match="lifespan"):
        await door.channel.asgi({"type": "lifespan"}, receive, send)

    assert sent == ["websocket.close"]


async def test_a_binding_that_only_brings_out_takes_nothing_in(door: Door) -> None:
    await door.kit.attach_channel("room", "erp", ChannelCategory.TRANSPORT, direction=ChannelDirection.OUTBOUND)

    assert (await door.says("psst")).json()["status"] == "blocked"
