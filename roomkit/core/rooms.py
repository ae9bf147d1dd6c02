"""The life of rooms: created, closed, archived. Closing is live: every channel of the room is told at once."""

from __future__ import annotations

from typing import Any

from roomkit.core.bindings import Bindings
from roomkit.core.live import LiveRoom
from roomkit.core.parts import Parts
from roomkit.core.registry import Scope
from roomkit.errors import AccessDeniedError, ConfigError, NotFoundError
from roomkit.models.enums import HookTrigger, RoomStatus
from roomkit.models.room import Room, RoomTimers

_FRAMEWORK_EVENTS = {RoomStatus.PAUSED: "room_paused", RoomStatus.ACTIVE: "room_resumed"}


class Rooms:
    """All rooms of a kit."""

    def __init__(
        self,
        parts: Parts,
        bindings: Bindings,
    ) -> None:
        self._parts = parts
        self._rooms = parts.rooms
        self._store = parts.store
        self._bindings = bindings

    async def create(
        self,
        room_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        organization_id: str | None = None,
        timers: RoomTimers | None = None,
    ) -> Room:
        """Make a room.

        Raises:
            ConfigError: The id is taken.
        """
        now = self._parts.clock.wall()
        room = Room(
            id=self._parts.clock.new_id("room") if room_id is None else room_id,
            organization_id=organization_id,
            metadata=metadata or {},
            timers=timers or RoomTimers(),
            created_at=now,
            updated_at=now,
        )
        live = await self._rooms.add(room)
        if live is None:
            raise ConfigError(f"there is a room {room.id!r} already")
        self._announce(live, HookTrigger.ON_ROOM_CREATED)
        return live.room

    async def ensure(self, room_id: str) -> Room:
        """The room, made if missing; see `roomkit.core.ports.ChannelHost.ensure_room`."""
        try:
            live = await self._rooms.get(room_id)
        except NotFoundError:
            try:
                return await self.create(room_id)
            except ConfigError:  # somebody made it in the meantime
                live = await self._rooms.get(room_id)
        if not live.room.is_open:
            raise AccessDeniedError(f"room {room_id!r} is {live.room.status}")
        return live.room

    async def get(self, room_id: str) -> Room:
        """The room.

        Raises:
            NotFoundError: There is none.
        """
        return (await self._rooms.get(room_id)).room

    async def close(self, room_id: str) -> Room:
        """End a conversation: nothing enters any more, voice sessions end at once. Idempotent."""
        live = await self._rooms.get(room_id)
        if not live.room.is_open:
            return live.room
        self.turn(live, RoomStatus.CLOSED)
        return await self.record(live)

    def turn(self, live: LiveRoom, status: RoomStatus) -> None:
        """Change a room's status at once; `record` is to follow. Of a room's end its channels are told here."""
        was_open = live.is_open
        live.room = live.room.model_copy(update={"status": status})
        if was_open and not live.is_open:
            closed_at = live.room.closed_at or self._parts.clock.wall()
            live.room = live.room.model_copy(update={"closed_at": closed_at})
            self._bindings.tell_channels_closed(live)

    async def record(self, live: LiveRoom) -> Room:
        """Store the status a room was turned to, and tell who listens."""
        status = live.room.status
        room = await self._put(live)
        if status == RoomStatus.CLOSED:
            self._announce(live, HookTrigger.ON_ROOM_CLOSED)
            self._parts.registry.forget_room(live.id)
        else:
            self._parts.framework.emit(_FRAMEWORK_EVENTS[status], room_id=live.id)
        return room

    async def archive(self, room_id: str) -> Room:
        """Put a conversation away; one that was open is closed first."""
        await self.close(room_id)
        live = await self._rooms.get(room_id)
        self.turn(live, RoomStatus.ARCHIVED)
        return await self._put(live)

    async def update_metadata(self, room_id: str, metadata: dict[str, Any]) -> Room:
        """Merge into a room's metadata."""
        live = await self._rooms.get(room_id)
        return await self._put(live, metadata={**live.room.metadata, **metadata})

    async def list(
        self,
        *,
        organization_id: str | None = None,
        status: RoomStatus | None = None,
        offset: int = 0,
        limit: int = 100,
    ) -> list[Room]:
        """Rooms in the order of their creation."""
        return await self._store.rooms(organization_id=organization_id, status=status, offset=offset, limit=limit)

    async def _put(self, live: LiveRoom, **changes: Any) -> Room:
        live.room = room = live.room.model_copy(update={**changes, "updated_at": self._parts.clock.wall()})
        await self._store.put_room(room)
        return room

    def _announce(self, live: LiveRoom, trigger: HookTrigger) -> None:
        self._parts.announce(live, trigger, live.room, Scope(live.id))
