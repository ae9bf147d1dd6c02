"""Conversations in one SQLite file: WAL, one writer thread, one reader thread, the loop never waits for the disk.

Not in here: how writes are grouped (`_writer`). A row holds the model as JSON beside the columns one searches by.
Invariant: what was acknowledged is on disk (``synchronous=FULL``), and readers see whole transactions only.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel
from pydantic_core import to_json

from roomkit.errors import StoreError
from roomkit.models.channel import ChannelBinding
from roomkit.models.enums import EventStatus, RoomStatus
from roomkit.models.event import DeliveryResult, RoomEvent
from roomkit.models.participant import Participant
from roomkit.models.room import Room
from roomkit.store._rows import deliveries_json, event_of, json_of, room_of
from roomkit.store._sqlite_seeking import INDICES, SEEK
from roomkit.store._writer import GroupWriter

T = TypeVar("T")
SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE rooms (
    n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, organization_id TEXT, status TEXT NOT NULL,
    event_count INTEGER NOT NULL DEFAULT 0, body TEXT NOT NULL);
CREATE TABLE bindings (
    n INTEGER PRIMARY KEY, room_id TEXT NOT NULL, channel_id TEXT NOT NULL, body TEXT NOT NULL,
    UNIQUE (room_id, channel_id));
CREATE INDEX bindings_of_channel ON bindings (channel_id);
CREATE TABLE participants (
    n INTEGER PRIMARY KEY, room_id TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (room_id, id));
CREATE TABLE events (
    room_id TEXT NOT NULL, idx INTEGER NOT NULL, key TEXT, visibility TEXT NOT NULL, status TEXT NOT NULL,
    deliveries TEXT NOT NULL DEFAULT '{}', body TEXT NOT NULL, PRIMARY KEY (room_id, idx)) WITHOUT ROWID;
CREATE UNIQUE INDEX events_by_key ON events (room_id, key) WHERE key IS NOT NULL;
"""
BUSY_TIMEOUT_S = 5.0
"""How long another process (a backup, the ``sqlite3`` shell) may hold the file before a write fails."""
SET_READ = (
    "UPDATE {} SET body = json_set(body, '$.last_read_index', ?)"
    " WHERE room_id=? AND {}=? AND coalesce(json_extract(body, '$.last_read_index'), -1) < ?"
)
EVENT_COLUMNS = "idx, status, deliveries, body"


class SQLiteStore:
    """See `roomkit.store.base.ConversationStore`.

    Args:
        path: The file; made with its tables when missing. Opened at first use.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._writer = GroupWriter(self._open_for_writing)
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="roomkit-sqlite-reader")
        self._read_connection: sqlite3.Connection | None = None
        self._is_made = False
        self._closed = False

    async def add_room(self, room: Room) -> bool:
        """Store a new room; False, and nothing changed, if its id is taken."""
        row = (room.id, room.organization_id, room.status, json_of(room))

        def add(db: sqlite3.Connection) -> bool:
            sql = "INSERT OR IGNORE INTO rooms (id, organization_id, status, body) VALUES (?, ?, ?, ?)"
            return db.execute(sql, row).rowcount == 1

        return await self._writer.run(add)

    async def put_room(self, room: Room) -> None:
        """Replace what is stored of a room, but for its counter."""
        row = (room.organization_id, room.status, json_of(room), room.id)

        def put(db: sqlite3.Connection) -> None:
            changed = db.execute("UPDATE rooms SET organization_id=?, status=?, body=? WHERE id=?", row).rowcount
            if not changed:
                raise StoreError(f"the store has no room {room.id}")

        await self._writer.run(put)

    async def room(self, room_id: str) -> Room | None:
        """The room with its present counter."""
        rows = await self._read("SELECT body, event_count FROM rooms WHERE id=?", (room_id,))
        return room_of(*rows[0]) if rows else None

    async def rooms(
        self,
        *,
        organization_id: str | None = None,
        status: RoomStatus | None = None,
        offset: int = 0,
        limit: int = 100,
    ) -> list[Room]:
        """Rooms in the order of their creation."""
        sql = (
            "SELECT body, event_count FROM rooms WHERE (:organization_id IS NULL OR organization_id=:organization_id)"
            " AND (:status IS NULL OR status=:status) ORDER BY n LIMIT :limit OFFSET :offset"
        )
        wanted = {"organization_id": organization_id, "status": status, "limit": limit, "offset": offset}
        return [room_of(*row) for row in await self._read(sql, wanted)]

    async def put_binding(self, binding: ChannelBinding) -> None:
        """Add or replace a binding."""
        await self._put("bindings", "channel_id", binding.room_id, binding.channel_id, binding)

    async def delete_binding(self, room_id: str, channel_id: str) -> None:
        """Remove a binding, if there is one."""
        await self._writer.run(
            lambda db: (
                db.execute("DELETE FROM bindings WHERE room_id=? AND channel_id=?", (room_id, channel_id)) and None
            )
        )

    async def bindings(self, room_id: str) -> list[ChannelBinding]:
        """A room's bindings in the order they were added."""
        rows = await self._read("SELECT body FROM bindings WHERE room_id=? ORDER BY n", (room_id,))
        return [ChannelBinding.model_validate_json(body) for (body,) in rows]

    async def set_read(self, room_id: str, channel_id: str, index: int, *, participant_id: str | None = None) -> None:
        """Move the marks of a binding, and of a participant, forward."""

        def put(db: sqlite3.Connection) -> None:
            db.execute(SET_READ.format("bindings", "channel_id"), (index, room_id, channel_id, index))
            db.execute(SET_READ.format("participants", "id"), (index, room_id, participant_id, index))

        await self._writer.run(put)

    async def rooms_of_channel(self, channel_id: str) -> list[str]:
        """Ids of open rooms a channel is attached to, oldest room first."""
        sql = (
            "SELECT rooms.id FROM bindings JOIN rooms ON rooms.id = bindings.room_id"
            " WHERE bindings.channel_id=? AND rooms.status IN (?, ?) ORDER BY rooms.n"
        )
        rows = await self._read(sql, (channel_id, RoomStatus.ACTIVE, RoomStatus.PAUSED))
        return [room_id for (room_id,) in rows]

    async def rooms_sought(self, channel_id: str, sender_id: str, thread_id: str | None = None) -> list[str]:
        """Those of `rooms_of_channel` that a message could belong to."""
        if "\0" in sender_id or "\0" in (thread_id or ""):  # SQLite's functions end a text there
            return await self.rooms_of_channel(channel_id)
        address = to_json(sender_id).decode()
        wanted = {"channel": channel_id, "sender": sender_id, "thread": thread_id, "address": address}
        return [room_id for (room_id,) in await self._read(SEEK, wanted)]

    async def append(self, event: RoomEvent, *, key: str | None = None) -> RoomEvent:
        """Give the event the room's next index and store it, in one transaction."""
        body = json_of(event)

        def append(db: sqlite3.Connection) -> tuple[int, tuple[Any, ...] | None]:
            if key is not None and (row := _row_by_key(db, event.room_id, key)) is not None:
                return row[0], row
            count = db.execute(
                "UPDATE rooms SET event_count = event_count + 1 WHERE id=? RETURNING event_count", (event.room_id,)
            ).fetchone()
            if count is None:
                raise StoreError(f"the store has no room {event.room_id}")
            index = int(count[0]) - 1
            db.execute(
                "INSERT INTO events (room_id, idx, key, visibility, status, body) VALUES (?, ?, ?, ?, ?, ?)",
                (event.room_id, index, key, event.visibility, event.status, body),
            )
            return index, None

        index, first = await self._writer.run(append)
        return event.model_copy(update={"index": index}) if first is None else event_of(*first)

    async def set_delivery(
        self, room_id: str, index: int, status: EventStatus, results: Mapping[str, DeliveryResult]
    ) -> None:
        """Note how an event's deliveries went."""
        row = (status, deliveries_json(results), room_id, index)

        def put(db: sqlite3.Connection) -> None:
            db.execute("UPDATE events SET status=?, deliveries=? WHERE room_id=? AND idx=?", row)

        await self._writer.run(put)

    async def event_by_key(self, room_id: str, key: str) -> RoomEvent | None:
        """The event stored under an idempotency key."""
        rows = await self._read(f"SELECT {EVENT_COLUMNS} FROM events WHERE room_id=? AND key=?", (room_id, key))  # noqa: S608 -- a constant
        return event_of(*rows[0]) if rows else None

    async def events(
        self,
        room_id: str,
        *,
        after_index: int | None = None,
        before_index: int | None = None,
        visibility: str | None = None,
        newest_first: bool = False,
        offset: int = 0,
        limit: int = 50,
    ) -> list[RoomEvent]:
        """A piece of a timeline, by index; bounds are exclusive."""
        if not await self._read("SELECT 1 FROM rooms WHERE id=?", (room_id,)):
            raise StoreError(f"the store has no room {room_id}")
        order = "DESC" if newest_first else "ASC"
        sql = (
            f"SELECT {EVENT_COLUMNS} FROM events WHERE room_id=:room AND idx > :after AND idx < :before"  # noqa: S608 -- constants
            f" AND (:visibility IS NULL OR visibility=:visibility) ORDER BY idx {order} LIMIT :limit OFFSET :offset"
        )
        wanted = {
            "room": room_id,
            "after": -1 if after_index is None else after_index,
            "before": 2**62 if before_index is None else before_index,
            "visibility": visibility,
            "limit": limit,
            "offset": offset,
        }
        return [event_of(*row) for row in await self._read(sql, wanted)]

    async def put_participant(self, participant: Participant) -> None:
        """Add or replace a participant."""
        await self._put("participants", "id", participant.room_id, participant.id, participant)

    async def delete_participant(self, room_id: str, participant_id: str) -> None:
        """Remove a participant, if there is one."""
        await self._writer.run(
            lambda db: (
                db.execute("DELETE FROM participants WHERE room_id=? AND id=?", (room_id, participant_id)) and None
            )
        )

    async def participants(self, room_id: str) -> list[Participant]:
        """A room's participants in the order they were added."""
        rows = await self._read("SELECT body FROM participants WHERE room_id=? ORDER BY n", (room_id,))
        return [Participant.model_validate_json(body) for (body,) in rows]

    async def close(self) -> None:
        """Finish what was begun and close the file."""
        if self._closed:
            return
        self._closed = True
        await self._writer.close()
        await asyncio.get_running_loop().run_in_executor(self._reader, self._close_reading)
        self._reader.shutdown()

    async def _put(self, table: str, column: str, room_id: str, key: str, model: BaseModel) -> None:
        row = (room_id, key, json_of(model))
        sql = (
            f"INSERT INTO {table} (room_id, {column}, body) VALUES (?, ?, ?)"  # noqa: S608 -- names of ours
            f" ON CONFLICT (room_id, {column}) DO UPDATE SET body = excluded.body"
        )
        exists = "SELECT 1 FROM rooms WHERE id=?"

        def put(db: sqlite3.Connection) -> None:
            if db.execute(exists, (room_id,)).fetchone() is None:
                raise StoreError(f"the store has no room {room_id}")
            db.execute(sql, row)

        await self._writer.run(put)

    async def _read(self, sql: str, parameters: tuple[Any, ...] | dict[str, Any]) -> list[tuple[Any, ...]]:
        if self._closed:
            raise StoreError("the store is closed")
        if not self._is_made:  # a reader cannot make the file: let the writer do it first
            await self._writer.run(lambda _: None)
            self._is_made = True

        def read() -> list[tuple[Any, ...]]:
            connection = self._read_connection = self._read_connection or _connect(self._path)
            return connection.execute(sql, parameters).fetchall()

        return await self._in_reader(read)

    async def _in_reader(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._reader, work)
        except sqlite3.Error as error:
            raise StoreError(f"the conversation store could not read: {error}") from error

    def _open_for_writing(self) -> sqlite3.Connection:
        connection = _connect(self._path)
        try:
            self._prepare(connection)
        except BaseException:  # whatever failed: nobody else would close it
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            connection.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;")
        elif version != SCHEMA_VERSION:
            raise StoreError(f"{self._path.name} has schema version {version}; this RoomKit reads {SCHEMA_VERSION}")
        connection.executescript(INDICES)

    def _close_reading(self) -> None:
        if self._read_connection is not None:
            self._read_connection.close()
            self._read_connection = None


def _connect(path: Path) -> sqlite3.Connection:
    try:
        return sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise StoreError(f"cannot open {path.name}: {error}") from error


def _row_by_key(db: sqlite3.Connection, room_id: str, key: str) -> tuple[Any, ...] | None:
    sql = f"SELECT {EVENT_COLUMNS} FROM events WHERE room_id=? AND key=?"  # noqa: S608 -- a constant
    row: tuple[Any, ...] | None = db.execute(sql, (room_id, key)).fetchone()
    return row
