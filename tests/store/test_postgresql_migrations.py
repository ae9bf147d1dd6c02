"""The database's schema: made once by whoever comes first, brought up step by step, never used when it is newer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import pytest

from roomkit.errors import StoreError
from roomkit.models.room import Room
from roomkit.store._postgresql_migrations import Migration, migrate, shipped_migrations
from roomkit.store.postgresql import PostgreSQLStore

FIRST = Migration(1, "0001_first", "CREATE TABLE notes (id integer)")
SECOND = Migration(2, "0002_second", "ALTER TABLE notes ADD words text; INSERT INTO notes VALUES (1, 'x')")
BROKEN = Migration(3, "0003_broken", "INSERT INTO notes VALUES (2, 'y'); SELECT 1 / 0")


@pytest.fixture
async def connection(postgresql_dsn: str, postgresql_schema: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(postgresql_dsn, server_settings={"search_path": postgresql_schema})
    yield connection
    await connection.close()


async def applied(connection: Any) -> list[str]:
    return [row["name"] for row in await connection.fetch("SELECT name FROM schema_migrations ORDER BY version")]


def test_the_files_are_numbered_without_a_gap() -> None:
    steps = shipped_migrations()

    assert [step.version for step in steps] == list(range(1, len(steps) + 1))
    assert all(step.name.startswith(f"{step.version:04}_") for step in steps)


async def test_of_many_that_start_at_once_one_makes_the_tables(
    connection: Any, postgresql_dsn: str, postgresql_schema: str
) -> None:
    stores = [PostgreSQLStore(postgresql_dsn, schema=postgresql_schema) for _ in range(6)]

    added = await asyncio.gather(*(store.add_room(Room(id="r")) for store in stores))

    assert sorted(added) == [False] * 5 + [True]
    assert await applied(connection) == [step.name for step in shipped_migrations()]
    for store in stores:
        await store.close()


async def test_who_comes_second_waits_for_the_first_and_finds_it_done(
    postgresql_dsn: str, postgresql_schema: str
) -> None:
    """Nothing is tried again here, as the store would: with the lock nothing needs to be."""
    settings = {"search_path": postgresql_schema}
    connections = [await asyncpg.connect(postgresql_dsn, server_settings=settings) for _ in range(4)]

    await asyncio.gather(*(migrate(each, postgresql_schema, [FIRST, SECOND]) for each in connections))

    assert await applied(connections[0]) == ["0001_first", "0002_second"]
    for each in connections:
        await each.close()


async def test_only_what_is_missing_is_applied(connection: Any, postgresql_schema: str) -> None:
    await migrate(connection, postgresql_schema, [FIRST])

    await migrate(connection, postgresql_schema, [FIRST, SECOND])
    await migrate(connection, postgresql_schema, [FIRST, SECOND])

    assert await applied(connection) == ["0001_first", "0002_second"]
    assert await connection.fetchval("SELECT count(*) FROM notes") == 1


async def test_a_step_that_fails_leaves_the_schema_as_it_was(connection: Any, postgresql_schema: str) -> None:
    await migrate(connection, postgresql_schema, [FIRST])

    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(connection, postgresql_schema, [FIRST, SECOND, BROKEN])

    assert await applied(connection) == ["0001_first"]
    assert await connection.fetchval("SELECT count(*) FROM notes") == 0


async def test_a_schema_newer_than_the_code_is_refused_and_left_alone(
    connection: Any, postgresql_dsn: str, postgresql_schema: str
) -> None:
    store = PostgreSQLStore(postgresql_dsn, schema=postgresql_schema)
    await store.add_room(Room(id="r"))
    await store.close()
    await connection.execute("INSERT INTO schema_migrations (version, name) VALUES (99, '0099_from_the_future')")

    late = PostgreSQLStore(postgresql_dsn, schema=postgresql_schema)
    with pytest.raises(StoreError, match=r"version 99.*update"):
        await late.add_room(Room(id="s"))

    assert await connection.fetchval("SELECT count(*) FROM rooms") == 1
    await late.close()


async def test_a_user_who_may_not_make_schemas_can_use_one_that_was_made(
    connection: Any, postgresql_schema: str
) -> None:
    await connection.execute(f"CREATE SCHEMA {postgresql_schema}; CREATE ROLE {postgresql_schema}_user")
    await connection.execute(f"GRANT ALL ON SCHEMA {postgresql_schema} TO {postgresql_schema}_user")
    await connection.execute(f"SET ROLE {postgresql_schema}_user")

    await migrate(connection, postgresql_schema)

    assert await applied(connection) == [step.name for step in shipped_migrations()]
