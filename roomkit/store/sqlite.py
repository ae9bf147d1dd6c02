"""Conversations in one SQLite file: the SQL of rooms, bindings, timelines and participants.

Not in here: the file, its tables and its threads (`_sqlite_database`). Invariant: an event's index is given in the
transaction that stores it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json

from roomkit.errors import StoreError
from roomkit.models.channel import ChannelBinding
from roomkit.models.enums import EventStatus, RoomStatus
from roomkit.models.event import DeliveryResult, RoomEvent
from roomkit.models.participant import Participant
from roomkit.models.room import Room
from roomkit.store._rows import deliveries_json, event_of, json_of, room_of
from roomkit.store._sqlite_database import SQLiteDatabase
from roomkit.store._sqlite_seeking import SEEK

SET_READ = (
    "UPDATE {} SET body = json_set(body, '$.last_read_index', ?)"
    " WHERE room_id=? AND {}=? AND coalesce(json_extract(body, '$.last_read_index'), -1) < ?"
)
EVENT_COLUMNS = "idx, status, deliveries, body"
EVENT_BY_KEY = f"SELECT {EVENT_COLUMNS} FROM events WHERE room_id=? AND key=?"  # noqa: S608 -- a constant


class SQLiteStore:
    """See `roomkit.store.base.ConversationStore`.

    Args:
        path: The file; made with its tables when missing. Opened at first use.
    """

    def __init__(self, path: str | Path) -> None:
        self._database = SQLiteDatabase(Path(path))

    async def add_room(self, room: Room) -> bool:
        """Store a new room; False, and nothing changed, if its id is taken."""
        row = (room.id, room.organization_id, room.status, json_of(room))

        def add(db: sqlite3.Connection) -> bool:
            sql = "INSERT OR IGNORE INTO rooms (id, organization_id, status, body) VALUES (?, ?, ?, ?)"
            return db.execute(sql, row).rowcount == 1

        return await self._database.write(add)

    async def put_room(self, room: Room) -> None:
        """Replace what is stored of a room, but for its counter."""
        row = (room.organization_id, room.status, json_of(room), room.id)

        def put(db: sqlite3.Connection) -> None:
            changed = db.execute("UPDATE rooms SET organization_id=?, status=?, body=? WHERE id=?", row).rowcount
            if not changed:
                raise StoreError(f"the store has no room {room.id}")

        await self._database.write(put)

    async def room(self, room_id: str) -> Room | None:
        """The room with its present counter."""
        rows = await self._database.read("SELECT body, event_count FROM rooms WHERE id=?", (room_id,))
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
        return [room_of(*row) for row in await self._database.read(sql, wanted)]

    async def put_binding(self, binding: ChannelBinding) -> None:
        """Add or replace a binding."""
        await self._put("bindings", "channel_id", binding.room_id, binding.channel_id, binding)

    async def delete_binding(self, room_id: str, channel_id: str) -> None:
        """Remove a binding, if there is one."""
        await self._database.write(
            lambda db: (
                db.execute("DELETE FROM bindings WHERE room_id=? AND channel_id=?", (room_id, channel_id)) and None
            )
        )

    async def bindings(self, room_id: str) -> list[ChannelBinding]:
        """A room's bindings in the order they were added."""
        rows = await self._database.read("SELECT body FROM bindings WHERE room_id=? ORDER BY n", (room_id,))
        return [ChannelBinding.model_validate_json(body) for (body,) in rows]

    async def set_read(self, room_id: str, channel_id: str, index: int, *, participant_id: str | None = None) -> None:
        """Move the marks of a binding, and of a participant, forward."""

        def put(db: sqlite3.Connection) -> None:
            db.execute(SET_READ.format("bindings", "channel_id"), (index, room_id, channel_id, index))
            db.execute(SET_READ.format("participants", "id"), (index, room_id, participant_id, index))

        await self._database.write(put)

    async def rooms_of_channel(self, channel_id: str) -> list[str]:
        """Ids of open rooms a channel is attached to, oldest room first."""
        sql = (
            "SELECT rooms.id FROM bindings JOIN rooms ON rooms.id = bindings.room_id"
            " WHERE bindings.channel_id=? AND rooms.status IN (?, ?) ORDER BY rooms.n"
        )
        rows = await self._database.read(sql, (channel_id, RoomStatus.ACTIVE, RoomStatus.PAUSED))
        return [room_id for (room_id,) in rows]

    async def rooms_sought(self, channel_id: str, sender_id: str, thread_id: str | None = None) -> list[str]:
        """Those of `rooms_of_channel` that a message could belong to."""
        if "\0" in sender_id or "\0" in (thread_id or ""):  # SQLite's functions end a text there
            return await self.rooms_of_channel(channel_id)
        address = to_json(sender_id).decode()
        wanted = {"channel": channel_id, "sender": sender_id, "thread": thread_id, "address": address}
        return [room_id for (room_id,) in await self._database.read(SEEK, wanted)]

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

        index, first = await self._database.write(append)
        return event.model_copy(update={"index": index}) if first is None else event_of(*first)

    async def set_delivery(
        self, room_id: str, index: int, status: EventStatus, results: Mapping[str, DeliveryResult]
    ) -> None:
        """Note how an event's deliveries went."""
        row = (status, deliveries_json(results), room_id, index)

        def put(db: sqlite3.Connection) -> None:
            db.execute("UPDATE events SET status=?, deliveries=? WHERE room_id=? AND idx=?", row)

        await self._database.write(put)

    async def event_by_key(self, room_id: str, key: str) -> RoomEvent | None:
        """The event stored under an idempotency key."""
        rows = await self._database.read(EVENT_BY_KEY, (room_id, key))
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
        if not await self._database.read("SELECT 1 FROM rooms WHERE id=?", (room_id,)):
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
        return [event_of(*row) for row in await self._database.read(sql, wanted)]

    async def put_participant(self, participant: Participant) -> None:
        """Add or replace a participant."""
        await self._put("participants", "id", participant.room_id, participant.id, participant)

    async def delete_participant(self, room_id: str, participant_id: str) -> None:
        """Remove a participant, if there is one."""
        await self._database.write(
            lambda db: (
                db.execute("DELETE FROM participants WHERE room_id=? AND id=?", (room_id, participant_id)) and None
            )
        )

    async def participants(self, room_id: str) -> list[Participant]:
        """A room's participants in the order they were added."""
        rows = await self._database.read("SELECT body FROM participants WHERE room_id=? ORDER BY n", (room_id,))
        return [Participant.model_validate_json(body) for (body,) in rows]

    async def close(self) -> None:
        """Finish what was begun and close the file."""
        await self._database.close()

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

        await self._database.write(put)


def _row_by_key(db: sqlite3.Connection, room_id: str, key: str) -> tuple[Any, ...] | None:
    row: tuple[Any, ...] | None = db.execute(EVENT_BY_KEY, (room_id, key)).fetchone()
    return row
