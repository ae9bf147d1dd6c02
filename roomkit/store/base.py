"""What a conversation store keeps: four small contracts and their sum (RFC 0007).

Not in here: caching, permissions, locks. Invariant: an event, its index and the room's counter are stored together or
not at all; an index is gapless, begins at 0 and is never given twice; what was acknowledged survives the process.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from roomkit.models.channel import ChannelBinding
from roomkit.models.enums import EventStatus, RoomStatus
from roomkit.models.event import DeliveryResult, RoomEvent
from roomkit.models.participant import Participant
from roomkit.models.room import Room


class RoomStore(Protocol):
    """Rooms. ``event_count`` belongs to the timeline: `put_room` never changes it."""

    async def add_room(self, room: Room) -> bool:
        """Store a new room; False, and nothing changed, if its id is taken."""

    async def put_room(self, room: Room) -> None:
        """Replace what is stored of a room, but for its counter."""

    async def room(self, room_id: str) -> Room | None:
        """The room with its present counter."""

    async def rooms(
        self,
        *,
        organization_id: str | None = None,
        status: RoomStatus | None = None,
        offset: int = 0,
        limit: int = 100,
    ) -> list[Room]:
        """Rooms in the order of their creation."""


class BindingStore(Protocol):
    """Which channels are attached to which rooms, and how far they have read."""

    async def put_binding(self, binding: ChannelBinding) -> None:
        """Add or replace a binding."""

    async def delete_binding(self, room_id: str, channel_id: str) -> None:
        """Remove a binding, if there is one."""

    async def bindings(self, room_id: str) -> list[ChannelBinding]:
        """A room's bindings in the order they were added."""

    async def set_read(self, room_id: str, channel_id: str, index: int, *, participant_id: str | None = None) -> None:
        """Move ``last_read_index`` of a binding, and of a participant, forward to ``index``; never back.

        Nothing else of them changes, and what is not there is left so.
        """

    async def rooms_of_channel(self, channel_id: str) -> list[str]:
        """Ids of open rooms a channel is attached to, oldest room first."""

    async def rooms_sought(self, channel_id: str, sender_id: str, thread_id: str | None = None) -> list[str]:
        """Those of `rooms_of_channel` that a message could belong to, in the same order; perhaps a few more.

        That is: of its thread; whose metadata say ``opened_for`` its sender, or nobody; in which its sender takes part,
        under that id or a linked address; whose binding of the channel is its sender's. How many rooms were opened for
        others on the channel does not matter to how long it takes, as far as the store can help it.
        """


class TimelineStore(Protocol):
    """Events in order."""

    async def append(self, event: RoomEvent, *, key: str | None = None) -> RoomEvent:
        """Give the event the room's next index and store it, in one transaction.

        Args:
            event: With any ``index``; it is replaced.
            key: Idempotency key, unique in the room. Seen before: nothing is stored, the first event comes back.

        Raises:
            StoreError: No such room, or the event could not be stored; nothing has changed.
        """

    async def set_delivery(
        self, room_id: str, index: int, status: EventStatus, results: Mapping[str, DeliveryResult]
    ) -> None:
        """Note how an event's deliveries went."""

    async def event_by_key(self, room_id: str, key: str) -> RoomEvent | None:
        """The event stored under an idempotency key."""

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
        """A piece of a timeline, by index; bounds are exclusive. ``visibility``: only events that have exactly it."""


class ParticipantStore(Protocol):
    """Who takes part."""

    async def put_participant(self, participant: Participant) -> None:
        """Add or replace a participant."""

    async def delete_participant(self, room_id: str, participant_id: str) -> None:
        """Remove a participant, if there is one."""

    async def participants(self, room_id: str) -> list[Participant]:
        """A room's participants in the order they were added."""


class ConversationStore(RoomStore, BindingStore, TimelineStore, ParticipantStore, Protocol):
    """Everything a kit keeps. Used from one event loop at a time."""

    async def close(self) -> None:
        """Finish what was begun and let go. Idempotent; what comes after raises `StoreError`."""
