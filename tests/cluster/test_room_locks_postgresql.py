"""The lock of a room across processes: each `PostgreSQLRoomLocks` here stands for one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import pytest

from roomkit.cluster.postgresql import PostgreSQLRoomLocks, lock_key
from roomkit.errors import ConfigError, StoreError

SHORT_S, LONG_S = 0.05, 10.0
"""What is waited for in vain, and at most for what will come on a busy machine."""


@pytest.fixture
async def processes(postgresql_dsn: str) -> AsyncIterator[list[PostgreSQLRoomLocks]]:
    processes = [PostgreSQLRoomLocks(postgresql_dsn) for _ in range(3)]
    yield processes
    for each in processes:
        await each.close()


async def is_free(locks: PostgreSQLRoomLocks, room_id: str) -> bool:
    return not await is_held(locks, room_id, LONG_S)


async def is_held(locks: PostgreSQLRoomLocks, room_id: str, patience_s: float = SHORT_S) -> bool:
    try:
        async with asyncio.timeout(patience_s), locks.locked(room_id):
            return False
    except TimeoutError:
        return True


async def cut(dsn: str) -> None:
    """End every connection of every lock, as a restart of the server does."""
    connection = await asyncpg.connect(dsn)
    await connection.fetch(
        "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE application_name = 'roomkit-locks'"
    )
    await connection.close()


async def test_one_holds_a_room_whatever_process_it_is_in(processes: list[PostgreSQLRoomLocks]) -> None:
    inside = most = 0

    async def visit(locks: PostgreSQLRoomLocks) -> None:
        nonlocal inside, most
        async with locks.locked("r"):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(visit(locks) for _ in range(10) for locks in processes))

    assert (most, inside) == (1, 0)


async def test_rooms_are_independent_of_one_another(processes: list[PostgreSQLRoomLocks]) -> None:
    async with processes[0].locked("r"):
        assert await is_free(processes[0], "s")
        assert await is_free(processes[1], "s")
        assert await is_held(processes[1], "r")

    assert await is_free(processes[1], "r")


async def test_many_rooms_are_held_by_one_connection(processes: list[PostgreSQLRoomLocks], postgresql_dsn: str) -> None:
    async with AsyncExitStack() as held:
        for n in range(100):
            await held.enter_async_context(processes[0].locked(f"room{n}"))
        connection = await asyncpg.connect(postgresql_dsn)
        count = await connection.fetchval(
            "SELECT count(DISTINCT pid) FROM pg_locks JOIN pg_stat_activity USING (pid)"
            " WHERE locktype = 'advisory' AND application_name = 'roomkit-locks'"
        )
        await connection.close()

    assert count == 1


async def test_who_came_first_in_another_process_is_served_first(processes: list[PostgreSQLRoomLocks]) -> None:
    first, second, _ = processes
    order = []

    async def visit(locks: PostgreSQLRoomLocks, name: str) -> None:
        async with locks.locked("r"):
            order.append(name)

    async with asyncio.TaskGroup() as visits, first.locked("r"):
        visits.create_task(visit(second, "waited elsewhere"))
        await asyncio.sleep(SHORT_S)
        visits.create_task(visit(first, "came later here"))
        await asyncio.sleep(0)

    assert order == ["waited elsewhere", "came later here"]


async def test_a_cancelled_wait_leaves_no_lock_behind(processes: list[PostgreSQLRoomLocks]) -> None:
    async with processes[0].locked("r"):
        assert await is_held(processes[1], "r")  # cancelled by its timeout, while it waits

    assert await is_free(processes[0], "r")
    assert await is_free(processes[2], "r")


@pytest.mark.parametrize("steps", range(12))
async def test_cancelled_at_any_step_of_taking_it_a_lock_is_free_afterwards(
    processes: list[PostgreSQLRoomLocks], steps: int
) -> None:
    async def visit() -> None:
        async with processes[0].locked("r"):
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        visiting = tasks.create_task(visit())
        for _ in range(steps):
            await asyncio.sleep(0.0005)
        visiting.cancel()

    async with asyncio.timeout(LONG_S), processes[1].locked("r"):
        pass


async def test_an_error_inside_frees_the_room(processes: list[PostgreSQLRoomLocks]) -> None:
    with pytest.raises(ZeroDivisionError):
        async with processes[0].locked("r"):
            raise ZeroDivisionError

    assert await is_free(processes[1], "r")


async def test_a_connection_lost_between_two_holds_is_replaced(
    processes: list[PostgreSQLRoomLocks], postgresql_dsn: str
) -> None:
    assert await is_free(processes[0], "r")
    await cut(postgresql_dsn)

    async with asyncio.timeout(LONG_S), processes[0].locked("r"):
        assert await is_held(processes[1], "r")


async def test_a_lock_lost_while_it_is_held_is_reported_and_usable_again(
    processes: list[PostgreSQLRoomLocks], postgresql_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "roomkit.cluster"):
        async with processes[0].locked("r"):
            await cut(postgresql_dsn)

    assert "was lost" in caplog.text
    async with asyncio.timeout(LONG_S), processes[0].locked("r"):
        pass


async def test_more_rooms_waited_for_than_connections_are_all_served(postgresql_dsn: str) -> None:
    holder, visitor = PostgreSQLRoomLocks(postgresql_dsn), PostgreSQLRoomLocks(postgresql_dsn, max_waiting=2)
    rooms = [f"r{n}" for n in range(6)]

    async def visit(room_id: str) -> str:
        async with visitor.locked(room_id):
            return room_id

    async with AsyncExitStack() as held:
        for room_id in rooms:
            await held.enter_async_context(holder.locked(room_id))
        visits = asyncio.gather(*(visit(room_id) for room_id in rooms))
        await asyncio.sleep(SHORT_S)
        assert not visits.done()

    assert await visits == rooms
    await holder.close()
    await visitor.close()


async def test_a_database_that_is_not_there_is_an_error_that_names_no_password() -> None:
    locks = PostgreSQLRoomLocks("postgresql://me:secret-word@127.0.0.1:1/none")

    with pytest.raises(StoreError) as caught:
        async with locks.locked("r"):
            raise AssertionError("nobody gets in")

    assert "secret-word" not in f"{caught.value!r} {caught.value.__cause__!r}"
    await locks.close()


async def test_closed_locks_let_nobody_in(processes: list[PostgreSQLRoomLocks]) -> None:
    async with processes[0].locked("r"):
        await processes[0].close()

    with pytest.raises((StoreError, RuntimeError), match="closed"):
        async with processes[0].locked("r"):
            raise AssertionError("nobody gets in")
    assert await is_free(processes[1], "r")


def test_a_rooms_key_is_the_same_in_every_process_and_fits_the_database() -> None:
    assert lock_key("r") == lock_key("r") == -7512717284201743762
    assert all(-(2**63) <= lock_key(f"room{n}\ud800") < 2**63 for n in range(100))


def test_no_connection_to_wait_on_is_refused() -> None:
    with pytest.raises(ConfigError):
        PostgreSQLRoomLocks("postgresql://host/db", max_waiting=0)
