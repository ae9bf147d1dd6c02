"""What only the PostgreSQL store has to get right: other processes, lost connections, limits, no data in errors."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import pytest

from roomkit import RoomKit
from roomkit.errors import ConfigError, MissingExtraError, StoreError
from roomkit.models.event import EventSource, RoomEvent, TextContent
from roomkit.models.room import Room
from roomkit.store import open_store
from roomkit.store._postgresql_database import Connection, Database, Trouble, trouble_of_state
from roomkit.store.postgresql import PostgreSQLStore

NOWHERE = "postgresql://me:secret-word@127.0.0.1:1/none"


@pytest.fixture
async def store(postgresql_dsn: str, postgresql_schema: str) -> AsyncIterator[PostgreSQLStore]:
    store = PostgreSQLStore(postgresql_dsn, schema=postgresql_schema)
    await store.add_room(Room(id="r"))
    yield store
    await store.close()


@asynccontextmanager
async def administrator(dsn: str, schema: str) -> AsyncIterator[Any]:
    """A connection beside the store's."""
    connection = await asyncpg.connect(dsn, server_settings={"search_path": schema})
    try:
        yield connection
    finally:
        await connection.close()


def said(text: str, room_id: str = "r") -> RoomEvent:
    return RoomEvent(room_id=room_id, source=EventSource(channel_id="c"), content=TextContent(body=text))


async def texts(store: PostgreSQLStore) -> list[str]:
    return [event.text for event in await store.events("r", limit=1_000)]


async def test_two_processes_share_a_room_without_a_gap_and_store_a_key_once(
    store: PostgreSQLStore, postgresql_dsn: str, postgresql_schema: str
) -> None:
    """R-0007-1 to R-0007-3."""
    other = PostgreSQLStore(postgresql_dsn, schema=postgresql_schema)

    stored = await asyncio.gather(
        *(which.append(said(f"{n}"), key=f"key{n % 40}") for n in range(120) for which in (store, other))
    )

    assert [event.index for event in await other.events("r", limit=1_000)] == list(range(40))
    assert len({event.id for event in stored}) == 40
    assert all(event.index == stored[0].index for event in stored if event.id == stored[0].id)
    await other.close()


async def test_rooms_written_in_opposite_orders_by_two_processes_do_not_wait_in_a_circle(
    store: PostgreSQLStore, postgresql_dsn: str, postgresql_schema: str
) -> None:
    other = PostgreSQLStore(postgresql_dsn, schema=postgresql_schema, statement_timeout_s=2)
    rooms = [f"room{n}" for n in range(8)]
    for room_id in rooms:
        await store.add_room(Room(id=room_id))

    there = (store.append(said("x", room_id)) for _ in range(10) for room_id in rooms)
    back = (other.append(said("x", room_id)) for _ in range(10) for room_id in reversed(rooms))
    await asyncio.gather(*there, *back)

    assert [room.event_count for room in await other.rooms()] == [0, *[20] * 8]
    await other.close()


async def test_connections_cut_by_the_administrator_are_not_noticed(
    store: PostgreSQLStore, postgresql_dsn: str, postgresql_schema: str
) -> None:
    await asyncio.gather(*(store.room("r") for _ in range(8)))

    async with administrator(postgresql_dsn, postgresql_schema) as connection:
        cut = await connection.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'roomkit'"
        )
        results = await asyncio.gather(*(store.append(said(f"{n}")) for n in range(20)))

    assert cut
    assert [event.index for event in results] == list(range(20))


def lose_the_answer_of_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next piece of work is committed, then its connection breaks before anybody is told."""
    once = Database._once
    is_due = True

    async def lossy(self: Database, work: Callable[[Connection], Awaitable[Any]]) -> Any:
        nonlocal is_due
        result = await once(self, work)
        if is_due:
            is_due = False
            raise ConnectionResetError
        return result

    monkeypatch.setattr(Database, "_once", lossy)


@pytest.mark.parametrize("key", [None, "k"])
async def test_an_event_committed_by_a_connection_that_broke_is_not_stored_again(
    store: PostgreSQLStore, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    """R-0007-10."""
    lose_the_answer_of_the_next(monkeypatch)

    stored = await store.append(said("once"), key=key)

    assert await store.events("r") == [stored]


async def test_a_group_committed_by_a_connection_that_broke_is_not_stored_again(
    store: PostgreSQLStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-0007-10."""
    lose_the_answer_of_the_next(monkeypatch)

    stored = await asyncio.gather(*(store.append(said(f"{n}")) for n in range(10)))

    assert [event.index for event in stored] == list(range(10))
    assert await texts(store) == [f"{n}" for n in range(10)]


async def test_a_room_added_by_a_connection_that_broke_counts_as_added(
    store: PostgreSQLStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-0007-10."""
    lose_the_answer_of_the_next(monkeypatch)

    assert await store.add_room(Room(id="new")) is True
    assert await store.add_room(Room(id="new")) is False


async def test_a_server_that_is_not_there_is_an_error_that_names_no_password() -> None:
    store = PostgreSQLStore(NOWHERE, reconnect_s=0.03)

    with pytest.raises(StoreError, match="could not be reached") as caught:
        await store.room("r")

    assert "secret-word" not in f"{caught.value!r} {caught.value.__cause__!r}"
    await store.close()


@pytest.mark.virtual_time
async def test_what_waits_for_a_server_that_stays_away_fails_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """R-0007-11."""

    async def refused(*_: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(Database, "_once", refused)
    store = PostgreSQLStore(NOWHERE, reconnect_s=5)
    began_s = asyncio.get_running_loop().time()

    results = await asyncio.gather(*(store.append(said(f"{n}")) for n in range(50)), return_exceptions=True)

    assert all(isinstance(result, StoreError) and "idempotency key" in str(result) for result in results)
    assert asyncio.get_running_loop().time() - began_s <= 10
    await store.close()


async def test_a_statement_that_takes_too_long_fails_and_changes_nothing(
    postgresql_dsn: str, postgresql_schema: str
) -> None:
    store = PostgreSQLStore(postgresql_dsn, schema=postgresql_schema, statement_timeout_s=0.03)
    await store.add_room(Room(id="r"))
    async with administrator(postgresql_dsn, postgresql_schema) as connection, connection.transaction():
        await connection.execute("SELECT FROM rooms FOR UPDATE")

        with pytest.raises(StoreError, match="57014"):
            await store.append(said("too late"))

    assert (await store.append(said("in time"))).index == 0
    assert await texts(store) == ["in time"]
    await store.close()


async def test_words_the_database_cannot_take_are_refused_without_being_quoted(store: PostgreSQLStore) -> None:
    """R-0007-9."""
    for bad in ("secret\x00word", "secret\ud800word"):
        with pytest.raises(StoreError) as caught:
            await store.room(bad)

        assert "secret" not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert await texts(store) == []


async def test_an_event_that_is_refused_takes_none_of_its_neighbours_down(
    store: PostgreSQLStore, postgresql_dsn: str, postgresql_schema: str
) -> None:
    """R-0007-6."""
    async with administrator(postgresql_dsn, postgresql_schema) as connection:
        await connection.execute("ALTER TABLE events ADD CHECK (body::text NOT LIKE '%forbidden%')")

    results = await asyncio.gather(
        *(store.append(said(word)) for word in ("a", "b", "forbidden", "c")), return_exceptions=True
    )

    assert isinstance(results[2], StoreError)
    assert "forbidden" not in f"{results[2]!r} {results[2].__cause__!r}"
    assert [event.index for event in await store.events("r")] == [0, 1, 2]
    assert await texts(store) == ["a", "b", "c"]


async def test_closing_commits_what_was_asked(
    store: PostgreSQLStore, postgresql_dsn: str, postgresql_schema: str
) -> None:
    asked = asyncio.gather(*(store.append(said(f"{n}")) for n in range(30)))
    await asyncio.sleep(0)

    await store.close()

    assert [event.index for event in await asked] == list(range(30))
    again = PostgreSQLStore(postgresql_dsn, schema=postgresql_schema)
    assert len(await texts(again)) == 30
    await again.close()


async def test_commits_are_durable_on_a_server_set_to_be_fast(
    store: PostgreSQLStore, postgresql_dsn: str, postgresql_schema: str
) -> None:
    """R-0007-4."""
    async with administrator(postgresql_dsn, postgresql_schema) as connection:
        role = await connection.fetchval("SELECT format('%I', current_user)")
        await connection.execute(f"ALTER ROLE {role} SET synchronous_commit = off")
        try:
            hasty = PostgreSQLStore(postgresql_dsn, schema=postgresql_schema)
            setting = await hasty._database.run(lambda db: db.fetchval("SHOW synchronous_commit"))
        finally:
            await connection.execute(f"ALTER ROLE {role} RESET synchronous_commit")

    assert setting == "on"
    await hasty.close()


async def test_a_kit_takes_the_url_as_its_store(postgresql_dsn: str) -> None:
    store = open_store(postgresql_dsn)

    assert isinstance(store, PostgreSQLStore)
    async with RoomKit(store=store) as kit:
        room = await kit.create_room()
        assert (await kit.get_room(room.id)).id == room.id


@pytest.mark.parametrize(
    "settings",
    [
        {"dsn": "mysql://host/db"},
        {"dsn": "rooms.db"},
        {"schema": 'x"; DROP SCHEMA public; --'},
        {"schema": ""},
        {"schema": "x" * 64},
        {"min_connections": 2, "max_connections": 1},
        {"min_connections": 0, "max_connections": 0},
        {"min_connections": -1},
        {"statement_timeout_s": 0},
        {"reconnect_s": -1},
    ],
)
def test_settings_that_cannot_work_are_refused_before_anything_is_connected(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        PostgreSQLStore(**{"dsn": NOWHERE, **settings})


def test_without_asyncpg_the_store_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)

    with pytest.raises(MissingExtraError, match=r"roomkit\[postgresql\]"):
        PostgreSQLStore(NOWHERE)


@pytest.mark.parametrize(
    ("sqlstate", "trouble"),
    [
        ("23505", Trouble.RACED),
        ("40001", Trouble.RACED),
        ("40P01", Trouble.RACED),
        ("08006", Trouble.LOST),
        ("57P01", Trouble.LOST),
        ("57P03", Trouble.LOST),
        ("53300", Trouble.LOST),
        ("57014", Trouble.REFUSED),
        ("28P01", Trouble.REFUSED),
        ("42501", Trouble.REFUSED),
        ("", Trouble.REFUSED),
    ],
)
def test_what_an_error_asks_for_follows_from_its_sqlstate(sqlstate: str, trouble: Trouble) -> None:
    assert trouble_of_state(sqlstate) is trouble


async def test_a_write_that_fails_as_nobody_foresaw_leaves_nobody_waiting(
    store: PostgreSQLStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(Database, "_once", broken)
        results = await asyncio.gather(*(store.append(said(f"{n}")) for n in range(3)), return_exceptions=True)

    assert all(isinstance(result, StoreError) for result in results)
    assert (await store.append(said("after"))).index == 0
