"""One at a time in a room, and nobody waits for themselves."""

from __future__ import annotations

import asyncio

import pytest

from roomkit.core.locks import MemoryRoomLocks, RoomGate, outside
from roomkit.errors import SessionStateError


async def test_a_room_is_held_by_one_at_a_time_first_come_first_served() -> None:
    gate = RoomGate(MemoryRoomLocks())
    order: list[str] = []

    async def visit(name: str) -> None:
        async with gate.hold("room"):
            order.append(f"{name} in")
            await asyncio.sleep(0)
            order.append(f"{name} out")

    await asyncio.gather(visit("a"), visit("b"), visit("c"))

    assert order == ["a in", "a out", "b in", "b out", "c in", "c out"]


async def test_who_is_inside_is_refused_and_tasks_it_started_too() -> None:
    gate = RoomGate(MemoryRoomLocks())

    async with gate.hold("room"):
        with pytest.raises(SessionStateError, match="InjectedEvent"):
            gate.refuse_from_inside("room")
        child = asyncio.ensure_future(enter(gate, "room"))  # noqa: TID251 -- awaited below
        with pytest.raises(SessionStateError):
            await child


async def enter(gate: RoomGate, room_id: str) -> None:
    async with gate.hold(room_id):
        pass


async def test_a_task_that_outlives_the_hold_is_inside_no_more() -> None:
    gate = RoomGate(MemoryRoomLocks())
    left = asyncio.Event()

    async def later() -> None:
        await left.wait()
        await enter(gate, "room")

    async with gate.hold("room"):
        child = asyncio.ensure_future(later())  # noqa: TID251 -- awaited below
    left.set()

    async with asyncio.timeout(1):
        await child


async def test_another_room_may_be_held_inside() -> None:
    gate = RoomGate(MemoryRoomLocks())

    async with gate.hold("one"), gate.hold("two"):
        with pytest.raises(SessionStateError):
            gate.refuse_from_inside("one")
    gate.refuse_from_inside("one")


async def test_a_ring_of_three_rooms_is_broken_where_it_would_close() -> None:
    gate = RoomGate(MemoryRoomLocks())
    all_inside = asyncio.Barrier(3)
    refused: list[str] = []

    async def visit(room_id: str, next_room: str) -> None:
        async with gate.hold(room_id):
            await all_inside.wait()
            try:
                await enter(gate, next_room)
            except SessionStateError:
                refused.append(room_id)

    async with asyncio.timeout(1):
        await asyncio.gather(visit("a", "b"), visit("b", "c"), visit("c", "a"))

    assert len(refused) == 1


async def test_what_is_deferred_happens_once_the_lock_is_free() -> None:
    gate = RoomGate(MemoryRoomLocks())
    done: list[bool] = []

    assert gate.defer("room", lambda: done.append(True)) is False
    async with gate.hold("room"):
        assert gate.defer("room", lambda: done.append(gate.holding("room") is None)) is True
        assert done == []

    assert done == [True]


async def test_what_is_called_as_from_outside_is_not_inside() -> None:
    gate = RoomGate(MemoryRoomLocks())

    async with gate.hold("room"):
        assert outside(lambda: gate.holding("room")) is None
        assert gate.holding("room") is not None


async def test_giving_up_while_waiting_leaves_the_lock_usable() -> None:
    gate = RoomGate(MemoryRoomLocks())

    async with gate.hold("room"):
        waiting = outside(lambda: asyncio.ensure_future(enter(gate, "room")))  # noqa: TID251 -- cancelled below
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    async with asyncio.timeout(1):
        await enter(gate, "room")


async def test_an_error_inside_frees_the_room() -> None:
    gate = RoomGate(MemoryRoomLocks())

    with pytest.raises(ValueError, match="inside"):
        async with gate.hold("room"):
            raise ValueError("inside")

    async with asyncio.timeout(1):
        await enter(gate, "room")
