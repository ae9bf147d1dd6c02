"""Webhooks coming in: what is let into a room, what is not, and what the sender is told."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from roomkit.channels import webhook_door
from roomkit.channels.websocket import WebSocketChannel
from roomkit.models.context import RoomContext
from roomkit.models.enums import Access, ChannelCategory, ChannelDirection, HookTrigger
from roomkit.models.event import RoomEvent
from roomkit.models.hook import HookResult
from tests.channels.conftest import NOW_S, Door

pytestmark = pytest.mark.virtual_time


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


async def test_refusals_are_logged_once_for_each_reason(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        await door.says("shipped", **{"webhook-signature": "v1,AAAA"})
        await door.says("shipped", at_s=NOW_S - 301)

    reasons = [record.getMessage().rpartition(": ")[2] for record in caplog.records]
    assert reasons == ["no signature matches", "webhook-timestamp is more than 300 s from now"]


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


async def test_a_binding_that_only_brings_out_takes_nothing_in(door: Door) -> None:
    await door.kit.attach_channel("room", "erp", ChannelCategory.TRANSPORT, direction=ChannelDirection.OUTBOUND)

    assert (await door.says("psst")).json()["status"] == "blocked"
