"""Webhooks going out: signed, in order, tried again while it helps, and on record when it did not."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from roomkit.channels.webhook import WebhookChannel
from roomkit.channels.webhook_format import Outgoing
from roomkit.channels.webhook_signature import StandardSignature
from roomkit.channels.websocket import WebSocketChannel
from roomkit.errors import AccessDeniedError
from roomkit.kit import RoomKit
from roomkit.models.channel import ChannelBinding, ChannelCapabilities
from roomkit.models.content import TextContent
from roomkit.models.delivery import DeliveryResult, InboundMessage, InboundResult
from roomkit.models.enums import Access
from roomkit.models.event import RoomEvent
from roomkit.models.framework import FrameworkEvent
from roomkit.testing.virtual_time import VirtualClock

pytestmark = pytest.mark.virtual_time

SECRET = StandardSignature.new_secret()
URL = "https://erp.example/hook"

Answers = Callable[[int], httpx.Response]


class System:
    """The other side: keeps what it was sent and answers as told; ``answers`` is called with the attempt's number."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.times_s: list[float] = []
        self.answers: Answers = lambda _: httpx.Response(204)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.times_s.append(asyncio.get_running_loop().time())
        return self.answers(len(self.requests))

    @property
    def texts(self) -> list[str]:
        return [json.loads(request.content)["data"]["text"] for request in self.requests]


class Out:
    """A kit with a writer and a webhook in the room "room"."""

    def __init__(self, kit: RoomKit, system: System) -> None:
        self.kit = kit
        self.system = system
        self.reported: list[FrameworkEvent] = []
        kit.on("delivery_failed")(self.reported.append)

    async def says(self, text: str = "hello", room_id: str = "room") -> InboundResult:
        message = InboundMessage(channel_id="writer", sender_id="ada", content=TextContent(body=text))
        return await self.kit.process_inbound(message, room_id=room_id)

    async def delivered(self, text: str = "hello") -> DeliveryResult:
        return (await self.says(text)).delivery_results["erp"]


@pytest.fixture
async def out() -> AsyncIterator[Out]:
    system = System()
    async with httpx.AsyncClient(transport=httpx.MockTransport(system)) as client, RoomKit(clock=VirtualClock()) as kit:
        kit.register_channel(WebSocketChannel("writer"))
        kit.register_channel(WebhookChannel("erp", url=URL, secret=SECRET, client=client, attempts=4))
        for room_id in ("room", "other"):
            await kit.create_room(room_id)
            await kit.attach_channel(room_id, "writer")
        await kit.attach_channel("room", "erp")
        yield Out(kit, system)


async def test_what_is_said_is_posted_signed_under_the_events_id(out: Out) -> None:
    result = await out.says("hello")

    (request,) = out.system.requests
    assert result.event is not None
    body = json.loads(request.content)
    verified = StandardSignature(SECRET).verify(request.headers, request.content, VirtualClock().wall().timestamp())
    assert (request.method, str(request.url), request.headers["content-type"]) == ("POST", URL, "application/json")
    assert verified.id == result.event.id
    assert body["type"] == "message"
    assert body["data"] == {
        "event_id": result.event.id,
        "room_id": "room",
        "index": 0,
        "channel_id": "writer",
        "sender_id": "ada",
        "parent_event_id": None,
        "text": "hello",
        "content": {"type": "text", "body": "hello", "language": None},
    }


async def test_what_lies_behind_an_event_stays_here(out: Out) -> None:
    message = InboundMessage(
        channel_id="writer",
        sender_id="ada",
        content=TextContent(body="hello"),
        idempotency_key="key-1",
        raw_payload={"token": "raw-1"},
        metadata={"note": "internal-1"},
    )

    await out.kit.process_inbound(message, room_id="room")

    sent = out.system.requests[0].content.decode()
    assert not [secret for secret in ("key-1", "raw-1", "internal-1") if secret in sent]


async def test_events_of_rooms_it_is_not_in_and_its_own_are_not_posted(out: Out) -> None:
    await out.says("in private", room_id="other")
    await out.kit.send_event("room", "erp", TextContent(body="from the ERP itself"))

    assert out.system.requests == []


async def test_what_the_binding_may_not_see_is_not_posted(out: Out) -> None:
    await out.kit.set_access("room", "erp", Access.WRITE_ONLY)

    await out.says("in private")

    assert out.system.requests == []


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_what_may_pass_is_tried_again_under_the_same_id_and_signed_afresh(out: Out, status: int) -> None:
    out.system.answers = lambda attempt: httpx.Response(status if attempt < 3 else 200)

    result = await out.delivered()

    assert result.ok
    assert len(out.system.requests) == 3
    assert len({request.headers["webhook-id"] for request in out.system.requests}) == 1
    for request, time_s in zip(out.system.requests, out.system.times_s, strict=True):
        now_s = VirtualClock().wall().timestamp() - out.system.times_s[-1] + time_s
        assert abs(int(request.headers["webhook-timestamp"]) - now_s) < 1
        StandardSignature(SECRET).verify(request.headers, request.content, now_s)


async def test_a_connection_that_fails_is_tried_again(out: Out) -> None:
    def answers(attempt: int) -> httpx.Response:
        if attempt == 1:
            raise httpx.ConnectError("refused")
        return httpx.Response(200)

    out.system.answers = answers

    assert (await out.delivered()).ok


async def test_the_pauses_grow(out: Out) -> None:
    out.system.answers = lambda _: httpx.Response(500)

    await out.delivered()

    pauses_s = [after - before for before, after in itertools.pairwise(out.system.times_s)]
    assert pauses_s == [pytest.approx(about_s + 0.125, abs=0.126) for about_s in (0.5, 1.0, 2.0)]


@pytest.mark.parametrize(("asked", "pause_s"), [("3", 3.0), ("3600", 20.0)])
async def test_a_pause_the_other_side_asks_for_is_kept_within_reason(out: Out, asked: str, pause_s: float) -> None:
    out.system.answers = lambda attempt: httpx.Response(429 if attempt == 1 else 200, headers={"retry-after": asked})

    await out.delivered()

    assert out.system.times_s[1] - out.system.times_s[0] == pytest.approx(pause_s)


@pytest.mark.parametrize("asked", ["Wed, 21 Oct 2026 07:28:00 GMT", "-1", "soon", "²"])
async def test_a_pause_that_cannot_be_read_counts_as_none(out: Out, asked: str) -> None:
    headers = [(b"retry-after", asked.encode("latin-1"))]
    out.system.answers = lambda attempt: httpx.Response(503 if attempt == 1 else 200, headers=headers)

    assert (await out.delivered()).ok
    assert out.system.times_s[1] < 1


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 410])
async def test_a_last_word_is_taken_as_one_and_a_redirect_is_not_followed(out: Out, status: int) -> None:
    out.system.answers = lambda _: httpx.Response(status, headers={"location": "https://elsewhere.example"})

    result = await out.delivered()

    assert not result.ok
    assert len(out.system.requests) == 1


async def test_a_dead_letter_is_a_failed_delivery_and_a_framework_event_and_the_timeline_has_it(out: Out) -> None:
    out.system.answers = lambda _: httpx.Response(500)

    result = await out.says("lost")

    (report,) = out.reported
    (event,) = await out.kit.get_timeline("room")
    assert result.event is not None
    assert len(out.system.requests) == 4
    assert (report.room_id, report.channel_id, report.event_id) == ("room", "erp", result.event.id)
    assert report.data["error"] == "webhook not taken after 4 attempts: status 500"
    assert (event.text, event.status) == ("lost", "failed")
    assert not event.delivery_results["erp"].ok


async def test_a_dead_letter_can_be_sent_again_by_hand_and_is_the_same_delivery_to_the_other_side(out: Out) -> None:
    out.system.answers = lambda attempt: httpx.Response(500 if attempt <= 4 else 200)
    result = await out.says("lost")
    channel = out.kit.get_channel("erp")
    assert isinstance(channel, WebhookChannel) and result.event is not None

    await channel.redeliver(result.event)

    assert len(out.system.requests) == 5
    assert len({request.headers["webhook-id"] for request in out.system.requests}) == 1


async def test_events_leave_in_the_order_of_the_room_even_if_the_first_is_tried_again(out: Out) -> None:
    out.system.answers = lambda attempt: httpx.Response(503 if attempt == 1 else 200)

    await asyncio.gather(*(out.says(f"{n}") for n in range(4)))

    assert out.system.texts == ["0", "0", "1", "2", "3"]


async def test_an_answer_without_end_is_not_read_to_its_end(out: Out) -> None:
    read_bytes = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read_bytes
        while True:
            read_bytes += 10_000
            yield b"x" * 10_000

    out.system.answers = lambda _: httpx.Response(200, content=endless())

    assert (await out.delivered()).ok
    assert read_bytes < 200_000


async def test_an_answer_that_never_comes_is_given_up_and_tried_again(out: Out) -> None:
    async def silent() -> AsyncIterator[bytes]:
        await asyncio.sleep(1_000)
        yield b""

    out.system.answers = lambda attempt: httpx.Response(200, content=silent() if attempt == 1 else b"")

    assert (await out.delivered()).ok
    assert 10 < out.system.times_s[1] < 11


async def test_what_is_sent_again_by_hand_is_what_the_channel_may_see_and_can_show(out: Out) -> None:
    channel = out.kit.get_channel("erp")
    assert isinstance(channel, WebhookChannel)
    result = await out.says("hello out there")
    assert result.event is not None

    channel.capabilities = ChannelCapabilities(max_text_chars=5)
    await channel.redeliver(result.event)
    await out.kit.mute_output("room", "erp")
    with pytest.raises(AccessDeniedError, match="may not see"):
        await channel.redeliver(result.event)

    assert out.system.texts == ["hello out there", "hello\nout\nthere"]


async def test_a_dead_letter_can_be_sent_again_after_a_restart(tmp_path: Path) -> None:
    system, file = System(), tmp_path / "rooms.db"
    system.answers = lambda attempt: httpx.Response(410 if attempt == 1 else 200)
    async with httpx.AsyncClient(transport=httpx.MockTransport(system)) as client:
        async with RoomKit(file) as before:
            for channel in (WebSocketChannel("writer"), WebhookChannel("erp", url=URL, secret=SECRET, client=client)):
                before.register_channel(channel)
            await before.create_room("room")
            for channel_id in ("writer", "erp"):
                await before.attach_channel("room", channel_id)
            dead_letter = (await Out(before, system).says("lost")).event

        async with RoomKit(file) as after:
            erp = WebhookChannel("erp", url=URL, secret=SECRET, client=client)
            after.register_channel(erp)
            assert dead_letter is not None
            await erp.redeliver(dead_letter)

    assert system.texts == ["lost", "lost"]


TAKEN_AWAY = [
    lambda kit: kit.detach_channel("room", "erp"),
    lambda kit: kit.mute_output("room", "erp"),
    lambda kit: kit.set_access("room", "erp", Access.WRITE_ONLY),
    lambda kit: kit.close_room("room"),
]


@pytest.mark.parametrize("take_away", TAKEN_AWAY, ids=["detached", "muted", "access", "closed"])
async def test_a_permission_taken_away_ends_the_retries_and_what_was_waiting(
    out: Out, take_away: Callable[[RoomKit], Awaitable[object]]
) -> None:
    out.system.answers = lambda _: httpx.Response(503)
    async with asyncio.TaskGroup() as tasks:
        for n in range(3):
            tasks.create_task(out.says(f"{n}"))
        await asyncio.sleep(0.1)
        await take_away(out.kit)

    assert out.system.texts == ["0"]


async def test_two_kits_joined_by_webhooks_talk_to_each_other(out: Out) -> None:
    async with RoomKit(clock=VirtualClock()) as there:
        answering = WebhookChannel("partner", secret=SECRET)
        there.register_channel(answering)
        await there.create_room("theirs")
        await there.attach_channel("theirs", "partner")
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=answering.asgi)) as client:
            out.kit.register_channel(WebhookChannel("bridge", url=URL, secret=SECRET, client=client, format=Bridge()))
            await out.kit.attach_channel("room", "bridge")

            await out.says("hello over there")

        assert [event.text for event in await there.get_timeline("theirs")] == ["hello over there"]


class Bridge:
    """Writes what another RoomKit reads."""

    def write(self, event: RoomEvent, binding: ChannelBinding) -> list[Outgoing]:
        data = {"sender_id": event.source.participant_id, "text": event.text, "room_id": "theirs"}
        return [Outgoing(event.id, json.dumps({"type": "message", "data": data}).encode())]

    def read(self, body: bytes, channel_id: str) -> None:
        return None


# --- how it is made ---


async def test_without_a_url_it_only_takes_in() -> None:
    async with RoomKit() as kit:
        kit.register_channel(WebSocketChannel("writer"))
        kit.register_channel(WebhookChannel("erp", secret=SECRET))
        await kit.create_room("room")
        for channel_id in ("writer", "erp"):
            await kit.attach_channel("room", channel_id)

        result = await Out(kit, System()).says()

    assert result.delivery_results["erp"].ok


async def test_the_applications_own_client_is_not_closed_with_the_channel() -> None:
    async with httpx.AsyncClient(transport=httpx.MockTransport(System())) as client:
        await WebhookChannel("a", url=URL, secret=SECRET, client=client).close()

        assert not client.is_closed
