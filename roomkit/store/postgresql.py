"""Conversations in PostgreSQL, for fleets: any number of processes may hold a store on the same database.

Not in here: connections (`_postgresql_database`), the order of writes (`_postgresql_lanes`), tables (`migrations/`).
Every write is one statement that may be done twice, so a lost connection is survived without a doubled or lost event.
Invariant: the room's row is locked from the counting of an event to its commit; that makes indices gapless.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from roomkit.errors import StoreError
from roomkit.models.channel import ChannelBinding
from roomkit.models.enums import EventStatus, RoomStatus
from roomkit.models.event import DeliveryResult, RoomEvent
from roomkit.models.participant import Participant
from roomkit.models.room import Room
from roomkit.store._postgresql_database import Connection, Database, DatabaseSettings, Row
from roomkit.store._postgresql_lanes import RoomLanes
from roomkit.store._rows import deliveries_json, event_of, json_of, room_of

ADD_ROOM = """
INSERT INTO rooms (id, organization_id, status, added_by, body) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (id) DO UPDATE SET id = excluded.id WHERE rooms.added_by = excluded.added_by
"""
ROOMS = """
SELECT body, event_count FROM rooms
WHERE ($1::text IS NULL OR organization_id = $1) AND ($2::text IS NULL OR status = $2)
ORDER BY n LIMIT $3 OFFSET $4
"""
ROOMS_OF_CHANNEL = """
SELECT rooms.id FROM bindings JOIN rooms ON rooms.id = bindings.room_id
WHERE bindings.channel_id = $1 AND rooms.status = ANY ($2::text[]) ORDER BY rooms.n
"""
# A body that holds U+0000 cannot be looked into, only read as it is: such a room is sought by everybody.
SEEK = r"""
SELECT rooms.id FROM bindings JOIN rooms ON rooms.id = bindings.room_id
WHERE bindings.channel_id = $1 AND rooms.status = ANY ($2::text[]) AND CASE
    WHEN strpos(rooms.body::text, '\u0000') > 0 OR strpos(bindings.body::text, '\u0000') > 0 THEN true
    ELSE rooms.body -> 'metadata' ->> 'opened_for' IS NULL
        OR rooms.body -> 'metadata' ->> 'opened_for' = $3
        OR rooms.body -> 'metadata' ->> 'thread_id' = $4
        OR bindings.body ->> 'participant_id' = $3
        OR EXISTS (SELECT FROM participants WHERE participants.room_id = rooms.id
            AND (participants.id = $3 OR strpos(participants.body::text, $5) > 0))
    END
ORDER BY rooms.n
"""
PUT_BINDING = """
INSERT INTO bindings AS old (room_id, channel_id, body, last_read_index)
SELECT id, $2, $3, $4::bigint FROM rooms WHERE id = $1
ON CONFLICT (room_id, channel_id) DO UPDATE
SET body = excluded.body, last_read_index = greatest(old.last_read_index, excluded.last_read_index)
"""
PUT_PARTICIPANT = """
INSERT INTO participants AS old (room_id, id, body, last_read_index)
SELECT id, $2, $3, $4::bigint FROM rooms WHERE id = $1
ON CONFLICT (room_id, id) DO UPDATE
SET body = excluded.body, last_read_index = greatest(old.last_read_index, excluded.last_read_index)
"""
SET_READ = """
WITH binding AS (
    UPDATE bindings SET last_read_index = $3
    WHERE room_id = $1 AND channel_id = $2 AND coalesce(last_read_index, -1) < $3
)
UPDATE participants SET last_read_index = $3
WHERE room_id = $1 AND id = $4 AND coalesce(last_read_index, -1) < $3
"""
APPEND = """
WITH first AS (
    SELECT idx, status, deliveries, body FROM events WHERE once = $2
), counted AS (
    UPDATE rooms SET event_count = event_count + 1 WHERE id = $1 AND NOT EXISTS (SELECT FROM first)
    RETURNING event_count - 1 AS idx
), stored AS (
    INSERT INTO events (room_id, idx, once, visibility, status, body)
    SELECT $1, idx, $2, $3, $4, $5 FROM counted RETURNING idx
)
SELECT idx, NULL, NULL, NULL FROM stored UNION ALL SELECT * FROM first
"""
EVENT_BY_KEY = "SELECT idx, status, deliveries, body FROM events WHERE once = $1"
EVENTS_IN_ORDER = """
SELECT idx, status, deliveries, body FROM events
WHERE room_id = $1 AND idx > $2 AND idx < $3 AND ($4::text IS NULL OR visibility = $4) ORDER BY idx LIMIT $5 OFFSET $6
"""
EVENTS_NEWEST_FIRST = EVENTS_IN_ORDER.replace("ORDER BY idx", "ORDER BY idx DESC")


class PostgreSQLStore:
    """See `roomkit.store.base.ConversationStore`.

    Args:
        dsn: ``postgresql://user:password@host:port/database``. The server itself, not a pooler.
            Connected, and the tables made, at first use.
        schema: Where the tables are, so that an application's own database can be used.
        min_connections: Kept open.
        max_connections: At most; what needs one more waits.
        statement_timeout_s: Longer than this no statement runs; then it fails and has changed nothing.
        reconnect_s: How long a lost or restarting server is waited for before what was asked fails.

    Raises:
        ConfigError: A setting that cannot work.
        MissingExtraError: asyncpg is not installed.
    """

    def __init__(
        self,
        dsn: str,
        *,
        schema: str = "roomkit",
        min_connections: int = 1,
        max_connections: int = 8,
        statement_timeout_s: float = 10.0,
        reconnect_s: float = 5.0,
    ) -> None:
        self._database = Database(
            DatabaseSettings(dsn, schema, min_connections, max_connections, statement_timeout_s, reconnect_s)
        )
        self._lanes = RoomLanes(self._database)

    async def add_room(self, room: Room) -> bool:
        """Store a new room; False, and nothing changed, if its id is taken."""
        row = (room.id, room.organization_id, room.status, uuid.uuid4(), json_of(room))
        return await self._changes(room.id, ADD_ROOM, *row)

    async def put_room(self, room: Room) -> None:
        """Replace what is stored of a room, but for its counter."""
        sql = "UPDATE rooms SET organization_id = $2, status = $3, body = $4 WHERE id = $1"
        if not await self._changes(room.id, sql, room.id, room.organization_id, room.status, json_of(room)):
            raise _no_room(room.id)

    async def room(self, room_id: str) -> Room | None:
        """The room with its present counter."""
        rows = await self._read("SELECT body, event_count FROM rooms WHERE id = $1", room_id)
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
        return [room_of(*row) for row in await self._read(ROOMS, organization_id, status, limit, offset)]

    async def put_binding(self, binding: ChannelBinding) -> None:
        """Add or replace a binding."""
        await self._put(PUT_BINDING, binding.room_id, binding.channel_id, binding)

    async def delete_binding(self, room_id: str, channel_id: str) -> None:
        """Remove a binding, if there is one."""
        sql = "DELETE FROM bindings WHERE room_id = $1 AND channel_id = $2"
        await self._changes(room_id, sql, room_id, channel_id)

    async def bindings(self, room_id: str) -> list[ChannelBinding]:
        """A room's bindings in the order they were added."""
        rows = await self._read("SELECT body, last_read_index FROM bindings WHERE room_id = $1 ORDER BY n", room_id)
        return [ChannelBinding.model_validate_json(body).model_copy(update=_mark(read)) for body, read in rows]

    async def set_read(self, room_id: str, channel_id: str, index: int, *, participant_id: str | None = None) -> None:
        """Move the marks of a binding, and of a participant, forward."""
        await self._changes(room_id, SET_READ, room_id, channel_id, index, participant_id)

    async def rooms_of_channel(self, channel_id: str) -> list[str]:
        """Ids of open rooms a channel is attached to, oldest room first."""
        rows = await self._read(ROOMS_OF_CHANNEL, channel_id, [RoomStatus.ACTIVE, RoomStatus.PAUSED])
        return [room_id for (room_id,) in rows]

    async def rooms_sought(self, channel_id: str, sender_id: str, thread_id: str | None = None) -> list[str]:
        """Those of `rooms_of_channel` that a message could belong to; the server looks through them all."""
        if "\0" in sender_id or "\0" in (thread_id or ""):  # no PostgreSQL text holds it
            return await self.rooms_of_channel(channel_id)
        statuses, address = [RoomStatus.ACTIVE, RoomStatus.PAUSED], to_json(sender_id).decode()
        rows = await self._read(SEEK, channel_id, statuses, sender_id, thread_id, address)
        return [room_id for (room_id,) in rows]

    async def append(self, event: RoomEvent, *, key: str | None = None) -> RoomEvent:
        """Give the event the room's next index and store it, in one transaction."""
        # Two at once under one key, or one whose first try was cut off after its commit: the index over `once` lets one
        # in, the other fails whole (its counting too), and done again finds the first.
        once = uuid.uuid4().bytes if key is None else _once_of(event.room_id, key)
        row = (event.room_id, once, event.visibility, event.status, json_of(event))

        async def append(connection: Connection) -> Row:
            stored = await connection.fetchrow(APPEND, *row)
            if stored is None:
                raise _no_room(event.room_id)
            return stored

        stored = await self._lanes.write(event.room_id, append)
        return event.model_copy(update={"index": stored[0]}) if stored[1] is None else event_of(*stored)

    async def set_delivery(
        self, room_id: str, index: int, status: EventStatus, results: Mapping[str, DeliveryResult]
    ) -> None:
        """Note how an event's deliveries went."""
        sql = "UPDATE events SET status = $3, deliveries = $4 WHERE room_id = $1 AND idx = $2"
        await self._changes(room_id, sql, room_id, index, status, deliveries_json(results))

    async def event_by_key(self, room_id: str, key: str) -> RoomEvent | None:
        """The event stored under an idempotency key."""
        rows = await self._read(EVENT_BY_KEY, _once_of(room_id, key))
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
        after = -1 if after_index is None else after_index
        before = 2**62 if before_index is None else before_index
        sql = EVENTS_NEWEST_FIRST if newest_first else EVENTS_IN_ORDER
        rows = await self._read(sql, room_id, after, before, visibility, limit, offset)
        if not rows and not await self._read("SELECT 1 FROM rooms WHERE id = $1", room_id):
            raise _no_room(room_id)
        return [event_of(*row) for row in rows]

    async def put_participant(self, participant: Participant) -> None:
        """Add or replace a participant."""
        await self._put(PUT_PARTICIPANT, participant.room_id, participant.id, participant)

    async def delete_participant(self, room_id: str, participant_id: str) -> None:
        """Remove a participant, if there is one."""
        sql = "DELETE FROM participants WHERE room_id = $1 AND id = $2"
        await self._changes(room_id, sql, room_id, participant_id)

    async def participants(self, room_id: str) -> list[Participant]:
        """A room's participants in the order they were added."""
        rows = await self._read("SELECT body, last_read_index FROM participants WHERE room_id = $1 ORDER BY n", room_id)
        return [Participant.model_validate_json(body).model_copy(update=_mark(read)) for body, read in rows]

    async def close(self) -> None:
        """Finish what was begun and let the connections go."""
        await self._lanes.close()
        await self._database.close()

    async def _put(self, sql: str, room_id: str, key: str, model: ChannelBinding | Participant) -> None:
        if not await self._changes(room_id, sql, room_id, key, json_of(model), model.last_read_index):
            raise _no_room(room_id)

    async def _changes(self, room_id: str, sql: str, *row: Any) -> bool:
        """Run one statement in the room's order; whether it changed a row."""

        async def change(connection: Connection) -> bool:
            return not (await connection.execute(sql, *row)).endswith(" 0")

        return await self._lanes.write(room_id, change)

    async def _read(self, sql: str, *parameters: Any) -> list[Row]:
        return await self._database.run(lambda connection: connection.fetch(sql, *parameters))


def _once_of(room_id: str, key: str) -> bytes:
    """A room's key, of any length and any characters, as what the index takes."""
    return hashlib.sha256(f"{len(room_id)} {room_id} {key}".encode("utf-8", "surrogatepass")).digest()


def _mark(index: int | None) -> dict[str, int | None]:
    return {"last_read_index": index}


def _no_room(room_id: str) -> StoreError:
    return StoreError(f"the store has no room {room_id}")
