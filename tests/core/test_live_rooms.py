"""Rooms that nobody uses are let go of, and come back as they were."""

from __future__ import annotations

import gc

import pytest

from roomkit.core.live import RECENT_EVENTS, LiveRooms
from roomkit.errors import NotFoundError
from roomkit.models.channel import ChannelBinding
from roomkit.models.content import TextContent
from roomkit.models.event import EventSource, RoomEvent
from roomkit.models.room import Room
from roomkit.store.memory import MemoryStore


async def with_rooms(count: int, *, max_idle: int) -> LiveRooms:
    rooms = LiveRooms(MemoryStore(), max_idle=max_idle)
    for number in range(count):
        await rooms.add(Room(id=f"r{number}"))
    gc.collect()
    return rooms


async def test_only_so_many_rooms_are_kept_the_ones_used_last() -> None:
    rooms = await with_rooms(3, max_idle=2)
    assert rooms.peek("r0") is None

    await rooms.get("r1")
    await rooms.get("r0")
    gc.collect()

    assert rooms.peek("r1") is not None
    assert rooms.peek("r2") is None


async def test_a_room_somebody_holds_stays_the_same_room() -> None:
    rooms = await with_rooms(1, max_idle=1)
    held = await rooms.get("r0")
    await rooms.add(Room(id="another"))

    assert await rooms.get("r0") is held


async def test_a_room_comes_back_with_all_it_had() -> None:
    store = MemoryStore()
    rooms = LiveRooms(store, max_idle=1)
    await rooms.add(Room(id="r0", metadata={"topic": "tea"}))
    await store.put_binding(ChannelBinding(channel_id="chat", room_id="r0"))
    for number in range(RECENT_EVENTS + 1):
        await store.append(
            RoomEvent(room_id="r0", source=EventSource(channel_id="chat"), content=TextContent(body=str(number)))
        )
    await rooms.add(Room(id="another"))
    gc.collect()
    assert rooms.peek("r0") is None

    live = await rooms.get("r0")

    assert live.room.metadata == {"topic": "tea"}
    assert live.room.event_count == RECENT_EVENTS + 1
    assert list(live.bindings) == ["chat"]
    assert [event.text for event in live.context().recent_events][:2] == ["1", "2"]


async def test_a_channel_that_was_detached_on_purpose_is_remembered() -> None:
    rooms = await with_rooms(1, max_idle=1)
    (await rooms.get("r0")).detached.add("chat")
    await rooms.add(Room(id="another"))
    gc.collect()

    assert "chat" in (await rooms.get("r0")).detached
    assert "chat" not in (await rooms.get("another")).detached


async def test_a_room_that_never_was_is_not_found() -> None:
    rooms = await with_rooms(1, max_idle=1)

    with pytest.raises(NotFoundError, match="create_room"):
        await rooms.get("nowhere")
