"""Conversations in this process's memory: gone when it ends. The reference the other stores are measured by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

from roomkit.errors import StoreError
from roomkit.models.channel import ChannelBinding
from roomkit.models.enums import EventStatus, RoomStatus
from roomkit.models.event import DeliveryResult, RoomEvent
from roomkit.models.identity import Address
from roomkit.models.participant import Participant
from roomkit.models.room import Room


@dataclass(slots=True)
class _Shelf:
    """Everything of one room. The position in ``events`` is the index."""

    number: int
    room: Room
    events: list[RoomEvent] = field(default_factory=list)
    by_key: dict[str, int] = field(default_factory=dict)
    bindings: dict[str, ChannelBinding] = field(default_factory=dict)
    participants: dict[str, Participant] = field(default_factory=dict)


class MemoryStore:
    """See `roomkit.store.base.ConversationStore`."""

    def __init__(self) -> None:
        self._shelves: dict[str, _Shelf] = {}
        self._whose: dict[str | None, set[str]] = {}
        """Rooms by whoever and whatever they may be sought by (``None``: anybody); what once was stays."""
        self._closed = False

    async def add_room(self, room: Room) -> bool:
        """Store a new room; False, and nothing changed, if its id is taken."""
        self._check_open()
        if room.id in self._shelves:
            return False
        self._shelves[room.id] = _Shelf(len(self._shelves), room)
        self._index(room.id, *_sought_by(room))
        return True

    async def put_room(self, room: Room) -> None:
        """Replace what is stored of a room, but for its counter."""
        self._shelf(room.id).room = room
        self._index(room.id, *_sought_by(room))

    async def room(self, room_id: str) -> Room | None:
        """The room with its present counter."""
        self._check_open()
        shelf = self._shelves.get(room_id)
        return None if shelf is None else _counted(shelf)

    async def rooms(
        self,
        *,
        organization_id: str | None = None,
        status: RoomStatus | None = None,
        offset: int = 0,
        limit: int = 100,
    ) -> list[Room]:
        """Rooms in the order of their creation."""
        self._check_open()
        found = (
            _counted(shelf)
            for shelf in self._shelves.values()
            if (organization_id is None or shelf.room.organization_id == organization_id)
            and (status is None or shelf.room.status == status)
        )
        return list(islice(found, offset, offset + limit))

    async def put_binding(self, binding: ChannelBinding) -> None:
        """Add or replace a binding."""
        self._shelf(binding.room_id).bindings[binding.channel_id] = binding
        if binding.participant_id is not None:
            self._index(binding.room_id, binding.participant_id)

    async def delete_binding(self, room_id: str, channel_id: str) -> None:
        """Remove a binding, if there is one."""
        self._shelf(room_id).bindings.pop(channel_id, None)

    async def bindings(self, room_id: str) -> list[ChannelBinding]:
        """A room's bindings in the order they were added."""
        self._check_open()
        shelf = self._shelves.get(room_id)
        return [] if shelf is None else list(shelf.bindings.values())

    async def set_read(self, room_id: str, channel_id: str, index: int, *, participant_id: str | None = None) -> None:
        """Move the marks of a binding, and of a participant, forward."""
        shelf = self._shelf(room_id)
        mark = {"last_read_index": index}
        binding, participant = shelf.bindings.get(channel_id), shelf.participants.get(participant_id or "")
        if binding is not None and _is_ahead(index, binding.last_read_index):
            shelf.bindings[channel_id] = binding.model_copy(update=mark)
        if participant is not None and _is_ahead(index, participant.last_read_index):
            shelf.participants[participant.id] = participant.model_copy(update=mark)

    async def rooms_of_channel(self, channel_id: str) -> list[str]:
        """Ids of open rooms a channel is attached to, oldest room first."""
        self._check_open()
        return [
            room_id for room_id, shelf in self._shelves.items() if channel_id in shelf.bindings and shelf.room.is_open
        ]

    async def rooms_sought(self, channel_id: str, sender_id: str, thread_id: str | None = None) -> list[str]:
        """Those of `rooms_of_channel` that a message could belong to."""
        self._check_open()
        address = Address(channel_id=channel_id, sender_id=sender_id)
        rooms = set().union(*(self._whose.get(name, ()) for name in (None, sender_id, thread_id)))
        shelves = sorted((self._shelves[room_id] for room_id in rooms), key=lambda shelf: shelf.number)
        return [
            shelf.room.id
            for shelf in shelves
            if channel_id in shelf.bindings
            and shelf.room.is_open
            and _is_sought(shelf, shelf.bindings[channel_id], address, thread_id)
        ]

    async def append(self, event: RoomEvent, *, key: str | None = None) -> RoomEvent:
        """Give the event the room's next index and store it."""
        shelf = self._shelf(event.room_id)
        if key is not None and key in shelf.by_key:
            return shelf.events[shelf.by_key[key]]
        stored = event.model_copy(update={"index": len(shelf.events)})
        shelf.events.append(stored)
        if key is not None:
            shelf.by_key[key] = len(shelf.events) - 1
        return stored

    async def set_delivery(
        self, room_id: str, index: int, status: EventStatus, results: Mapping[str, DeliveryResult]
    ) -> None:
        """Note how an event's deliveries went."""
        events = self._shelf(room_id).events
        events[index] = events[index].model_copy(update={"status": status, "delivery_results": dict(results)})

    async def event_by_key(self, room_id: str, key: str) -> RoomEvent | None:
        """The event stored under an idempotency key."""
        shelf = self._shelf(room_id)
        index = shelf.by_key.get(key)
        return None if index is None else shelf.events[index]

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
        events = self._shelf(room_id).events
        first = 0 if after_index is None else max(0, after_index + 1)
        end = len(events) if before_index is None else min(len(events), before_index)
        indices = range(end - 1, first - 1, -1) if newest_first else range(first, end)
        found = (events[index] for index in indices if visibility is None or events[index].visibility == visibility)
        return list(islice(found, offset, offset + limit))

    async def put_participant(self, participant: Participant) -> None:
        """Add or replace a participant."""
        self._shelf(participant.room_id).participants[participant.id] = participant
        self._index(participant.room_id, participant.id, *(each.sender_id for each in participant.addresses))

    async def delete_participant(self, room_id: str, participant_id: str) -> None:
        """Remove a participant, if there is one."""
        self._shelf(room_id).participants.pop(participant_id, None)

    async def participants(self, room_id: str) -> list[Participant]:
        """A room's participants in the order they were added."""
        self._check_open()
        shelf = self._shelves.get(room_id)
        return [] if shelf is None else list(shelf.participants.values())

    async def close(self) -> None:
        """Let go of everything."""
        self._closed = True
        self._shelves.clear()
        self._whose.clear()

    def _index(self, room_id: str, *names: str | None) -> None:
        for name in names:
            self._whose.setdefault(name, set()).add(room_id)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("the store is closed")

    def _shelf(self, room_id: str) -> _Shelf:
        self._check_open()
        try:
            return self._shelves[room_id]
        except KeyError:
            raise StoreError(f"the store has no room {room_id}") from None


def _sought_by(room: Room) -> list[str | None]:
    names = [room.metadata.get("opened_for"), room.metadata.get("thread_id")]
    return [names[0] if isinstance(names[0], str) else None, *(each for each in names[1:] if isinstance(each, str))]


def _is_sought(shelf: _Shelf, binding: ChannelBinding, sender: Address, thread_id: str | None) -> bool:
    metadata, sender_id = shelf.room.metadata, sender.sender_id
    return (
        metadata.get("opened_for") in (None, sender_id)
        or (thread_id is not None and metadata.get("thread_id") == thread_id)
        or sender_id in shelf.participants
        or binding.participant_id == sender_id
        or any(sender in each.addresses for each in shelf.participants.values())
    )


def _is_ahead(index: int, mark: int | None) -> bool:
    return mark is None or index > mark


def _counted(shelf: _Shelf) -> Room:
    return shelf.room.model_copy(update={"event_count": len(shelf.events)})
