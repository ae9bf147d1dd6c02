"""Rooms nobody speaks in are paused, then closed (R-0005-17 to 21)."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.channels.websocket import WebSocketChannel
from roomkit.core.idle import status_after
from roomkit.errors import StoreError
from roomkit.kit import RoomKit
from roomkit.models.content import TextContent
from roomkit.models.context import RoomContext
from roomkit.models.enums import EventStatus, HookTrigger, RoomStatus
from roomkit.models.event import EventSource, RoomEvent
from roomkit.models.framework import FrameworkEvent
from roomkit.models.room import Room, RoomTimers
from roomkit.models.session import EndReason
from roomkit.store.base import ConversationStore
from roomkit.store.memory import MemoryStore
from roomkit.store.sqlite import SQLiteStore
from roomkit.testing.virtual_time import VirtualClock
from roomkit.voice.realtime.mock import MockRealtimeProvider, MockRealtimeTransport
from tests.kit.conftest import Party

pytestmark = pytest.mark.virtual_time

TIMERS = RoomTimers(inactive_after_seconds=60, closed_after_seconds=600)


class Kept(MemoryStore):
    """Outlives the kits that use it, as a database does."""

    async def close(self) -> None:
        """A process ends; what it stored stays."""


class Watched:
    """A kit on a store, the framework events it told, and the closings its hooks heard of."""

    def __init__(self, store: ConversationStore) -> None:
        self.kit = RoomKit(store, clock=VirtualClock())
        self.told: list[str] = []
        self.closed: list[str] = []
        self.kit.on("*")(self._note)

        @self.kit.hook(HookTrigger.ON_ROOM_CLOSED)
        def closed(room: Room, _: RoomContext) -> None:
            self.closed.append(room.id)

    def _note(self, event: FrameworkEvent) -> None:
        if event.type in ("room_paused", "room_resumed", "room_closed"):
            self.told.append(event.type)

    async def status(self, room_id: str = "room") -> RoomStatus:
        return (await self.kit.get_room(room_id)).status


@pytest.fixture
def store() -> Kept:
    return Kept()


@pytest.fixture
async def watched(store: Kept) -> AsyncIterator[Watched]:
    watched = Watched(store)
    await watched.kit.create_room("room", timers=TIMERS)
    yield watched
    await watched.kit.close()


async def said(store: ConversationStore, room_id: str = "room") -> None:
    """An event of another process."""
    event = RoomEvent(room_id=room_id, source=EventSource(channel_id="c"), content=TextContent(body="hi"))
    await store.append(event.model_copy(update={"created_at": VirtualClock().wall()}))


async def test_a_room_nobody_speaks_in_is_paused_and_then_closed(watched: Watched, store: Kept) -> None:
    """R-0005-17."""
    await asyncio.sleep(59)
    assert await watched.status() is RoomStatus.ACTIVE
    await asyncio.sleep(2)
    assert await watched.status() is RoomStatus.PAUSED
    await asyncio.sleep(537)
    assert await watched.status() is RoomStatus.PAUSED
    await asyncio.sleep(3)

    assert await watched.status() is RoomStatus.CLOSED
    assert watched.told == ["room_paused", "room_closed"]
    assert watched.closed == ["room"]
    [stored] = await store.rooms()
    assert (stored.status, stored.closed_at) == (RoomStatus.CLOSED, (await watched.kit.get_room("room")).closed_at)


async def test_an_event_makes_a_paused_room_active_and_begins_the_count_again(watched: Watched, store: Kept) -> None:
    """R-0005-18."""
    party = Party(watched.kit)
    await party.joins("ada")
    await party.joins("bob")
    await asyncio.sleep(61)
    assert await watched.status() is RoomStatus.PAUSED

    result = await party.says("ada", "still there?")

    assert not result.blocked
    assert party.heard("bob") == ["still there?"]
    assert await watched.status() is RoomStatus.ACTIVE
    assert [room.status for room in await store.rooms()] == [RoomStatus.ACTIVE]
    await asyncio.sleep(59)
    assert watched.told == ["room_paused", "room_resumed"]
    await asyncio.sleep(2)
    assert watched.told == ["room_paused", "room_resumed", "room_paused"]


async def test_events_keep_a_room_as_it_is_blocked_ones_too(watched: Watched) -> None:
    """R-0005-17."""
    party = Party(watched.kit)
    await party.joins("ada", muted=True)

    for _ in range(20):
        await asyncio.sleep(50)
        assert (await party.says("ada", "hello?")).blocked

    assert await watched.status() is RoomStatus.ACTIVE
    assert watched.told == []


async def test_a_room_with_one_of_the_timers_does_only_what_that_says(watched: Watched) -> None:
    """R-0005-17."""
    await watched.kit.create_room("pauses", timers=RoomTimers(inactive_after_seconds=10))
    await watched.kit.create_room("closes", timers=RoomTimers(closed_after_seconds=10))
    await watched.kit.create_room("neither")

    await asyncio.sleep(20)
    closed = await watched.status("closes")
    await asyncio.sleep(1_000_000)

    assert closed is RoomStatus.CLOSED
    assert await watched.status("pauses") is RoomStatus.PAUSED
    assert await watched.status("neither") is RoomStatus.ACTIVE


async def test_a_room_closed_by_hand_is_not_closed_again(watched: Watched) -> None:
    """R-0001-4."""
    await watched.kit.close_room("room")

    await asyncio.sleep(1_000)

    assert watched.told == ["room_closed"]


async def test_thousands_of_rooms_share_one_timer_and_no_task(watched: Watched) -> None:
    """R-0005-17."""
    for number in range(1_000):
        await watched.kit.create_room(f"{number}", timers=TIMERS)
    await asyncio.sleep(1)
    loop = asyncio.get_running_loop()

    assert len(asyncio.all_tasks()) == 1
    assert len([timer for timer in getattr(loop, "_scheduled") if not timer.cancelled()]) == 1  # noqa: B009 -- private

    await asyncio.sleep(700)
    assert len(watched.closed) == 1_001


async def test_a_call_in_a_room_that_is_closed_ends_and_one_that_is_heard_keeps_it_open(watched: Watched) -> None:
    """R-0005-17, R-0005-19."""
    provider = MockRealtimeProvider()
    channel = RealtimeVoiceChannel("voice", provider=provider, transport=MockRealtimeTransport())
    watched.kit.register_channel(channel)
    session = await channel.start_session("room", "ada")
    await provider.simulate_response_start(session)
    await provider.simulate_audio(session, bytes(48_000))
    await asyncio.sleep(0)
    heard = channel.is_spoken_in("room")
    await provider.simulate_response_end(session)
    await asyncio.sleep(2)

    assert heard
    assert not channel.is_spoken_in("room")
    await asyncio.sleep(700)
    assert await watched.status() is RoomStatus.CLOSED
    assert session.end_reason is EndReason.ACCESS_REVOKED


class Heard(RealtimeVoiceChannel):
    """Somebody is heard on it for as long as it says so."""

    is_heard = True

    def is_spoken_in(self, room_id: str) -> bool:
        return self.is_heard


async def test_timers_wait_for_the_end_of_what_is_being_said(watched: Watched) -> None:
    """R-0005-19."""
    channel = Heard("voice", provider=MockRealtimeProvider(), transport=MockRealtimeTransport())
    watched.kit.register_channel(channel)
    await watched.kit.attach_channel("room", "voice")

    await asyncio.sleep(5_000)
    assert await watched.status() is RoomStatus.ACTIVE
    channel.is_heard = False
    await asyncio.sleep(661)

    assert watched.told == ["room_paused", "room_closed"]


async def test_after_a_restart_a_room_whose_time_has_passed_is_closed_when_it_is_read(store: Kept) -> None:
    """R-0005-20."""
    first = Watched(store)
    await first.kit.create_room("room", timers=TIMERS)
    await first.kit.close()
    await asyncio.sleep(601)
    second = Watched(store)

    assert await second.status() is RoomStatus.CLOSED
    await asyncio.sleep(0.1)
    assert (second.told, second.closed) == (["room_closed"], ["room"])
    assert [room.status for room in await store.rooms()] == [RoomStatus.CLOSED]
    await second.kit.close()
    third = Watched(store)
    assert await third.status() is RoomStatus.CLOSED
    await asyncio.sleep(0.1)
    assert third.told == []
    await third.kit.close()


async def test_after_a_restart_the_count_goes_on_from_the_newest_event(store: Kept) -> None:
    """R-0005-20."""
    first = Watched(store)
    await first.kit.create_room("room", timers=TIMERS)
    await asyncio.sleep(50)
    await said(store)
    await first.kit.close()
    await asyncio.sleep(50)
    second = Watched(store)

    assert await second.status() is RoomStatus.ACTIVE
    await asyncio.sleep(11)
    assert await second.status() is RoomStatus.PAUSED
    await second.kit.close()


async def test_a_message_into_a_room_whose_time_passed_while_nobody_ran_is_refused(store: Kept) -> None:
    """R-0005-20, R-0001-2."""
    first = Watched(store)
    await first.kit.create_room("room", timers=TIMERS)
    party = Party(first.kit)
    await party.joins("ada")
    await first.kit.close()
    await asyncio.sleep(601)
    second = Watched(store)
    second.kit.register_channel(WebSocketChannel("ada"))

    result = await Party(second.kit).says("ada", "hello")

    assert (result.blocked, result.reason) == (True, "room_closed")
    assert await store.events("room") == []
    await second.kit.close()


async def test_a_sweep_closes_rooms_nobody_touches(store: Kept) -> None:
    """R-0005-20."""
    first = Watched(store)
    await first.kit.create_room("old", timers=TIMERS)
    await first.kit.create_room("plain")
    await asyncio.sleep(550)
    await first.kit.create_room("young", timers=TIMERS)
    await first.kit.close()
    await asyncio.sleep(55)
    second = Watched(store)

    assert await second.kit.check_timers() == 1
    assert await second.kit.check_timers() == 0
    await asyncio.sleep(0.1)

    assert {room.id: room.status for room in await store.rooms()} == {
        "old": RoomStatus.CLOSED,
        "plain": RoomStatus.ACTIVE,
        "young": RoomStatus.ACTIVE,
    }
    assert second.closed == ["old"]
    await second.kit.close()


async def test_a_room_another_process_speaks_in_is_not_closed(watched: Watched, store: Kept) -> None:
    """R-0005-21."""
    for _ in range(20):
        await asyncio.sleep(50)
        await said(store)

    assert watched.told == []


async def test_a_room_another_process_has_closed_is_not_announced_again(watched: Watched, store: Kept) -> None:
    """R-0005-21."""
    await asyncio.sleep(10)
    [room] = await store.rooms()
    await store.put_room(room.model_copy(update={"status": RoomStatus.CLOSED}))

    await asyncio.sleep(61)

    assert await watched.status() is RoomStatus.CLOSED
    assert watched.told == []


class Failing(Kept):
    """Cannot replace a room for a while."""

    fails = False

    async def put_room(self, room: Room) -> None:
        if self.fails:
            raise StoreError("the disk is full")
        await super().put_room(room)


async def test_a_store_that_fails_is_asked_again_and_the_closing_is_announced_once() -> None:
    """R-0005-17."""
    store = Failing()
    watched = Watched(store)
    await watched.kit.create_room("room", timers=TIMERS)
    store.fails = True
    await asyncio.sleep(700)
    assert await watched.status() is RoomStatus.CLOSED
    assert watched.told == []

    store.fails = False
    await asyncio.sleep(31)

    assert watched.told == ["room_closed"]
    assert [room.status for room in await store.rooms()] == [RoomStatus.CLOSED]
    await watched.kit.close()


async def test_an_event_is_taken_though_the_resuming_cannot_be_stored() -> None:
    """R-0005-18, R-0005-6."""
    store = Failing()
    watched = Watched(store)
    await watched.kit.create_room("room", timers=TIMERS)
    party = Party(watched.kit)
    await party.joins("ada")
    await asyncio.sleep(61)
    store.fails = True

    result = await party.says("ada", "hello")

    assert result.event is not None
    assert result.event.status is EventStatus.DELIVERED
    assert await watched.status() is RoomStatus.ACTIVE
    await watched.kit.close()


async def test_timers_are_kept_on_disk(tmp_path: Path) -> None:
    """R-0005-20."""
    path = tmp_path / "rooms.db"
    async with RoomKit(path, clock=VirtualClock()) as kit:
        await kit.create_room("room", timers=TIMERS)
    await asyncio.sleep(601)

    async with RoomKit(SQLiteStore(path), clock=VirtualClock()) as kit:
        assert await kit.check_timers() == 1
        assert [room.status for room in await kit.list_rooms()] == [RoomStatus.CLOSED]


@pytest.mark.parametrize("seconds", [0, -1, -0.0, math.nan, math.inf, -math.inf, "soon", [1]])
@pytest.mark.parametrize("timer", ["inactive_after_seconds", "closed_after_seconds"])
async def test_times_that_are_none_are_refused(timer: str, seconds: object) -> None:
    with pytest.raises(ValidationError):
        RoomTimers.model_validate({timer: seconds})


async def test_a_time_longer_than_any_timer_of_a_loop_is_only_far_away(watched: Watched) -> None:
    await watched.kit.create_room("old", timers=RoomTimers(closed_after_seconds=1e300))
    await asyncio.sleep(timedelta(days=30).total_seconds())

    assert await watched.status("old") is RoomStatus.ACTIVE


async def test_closing_comes_before_pausing() -> None:
    timers = RoomTimers(inactive_after_seconds=20, closed_after_seconds=10)

    assert [status_after(timers, silent_s) for silent_s in (0, 9, 10, 30)] == [
        RoomStatus.ACTIVE,
        RoomStatus.ACTIVE,
        RoomStatus.CLOSED,
        RoomStatus.CLOSED,
    ]
