"""Which room an inbound message belongs to, when its sender did not say.

Invariant: a message never lands in a room by guess, and a stranger's never in a room that was opened for somebody else.
"""

from __future__ import annotations

from roomkit.core.bindings import Bindings
from roomkit.core.channels import ChannelRegistry
from roomkit.core.live import LiveRoom
from roomkit.core.locks import MemoryRoomLocks
from roomkit.core.parts import Parts
from roomkit.core.rooms import Rooms
from roomkit.errors import ConfigError
from roomkit.models.delivery import InboundMessage
from roomkit.models.identity import Address

OPENED_FOR = "opened_for"
"""Key in the metadata of a room that a message opened: its sender, whose room it is."""


class Router:
    """Finds the room of a message (R-0005-1)."""

    def __init__(self, parts: Parts, channels: ChannelRegistry, rooms: Rooms, bindings: Bindings) -> None:
        self._parts = parts
        self._channels = channels
        self._rooms = rooms
        self._bindings = bindings
        self._opening = MemoryRoomLocks()

    async def route(self, message: InboundMessage, room_id: str | None) -> LiveRoom:
        """The room named; else one that knows the thread or the sender; else the application's own; else a new one.

        Raises:
            NotFoundError: The channel is not registered, or there is no such room.
            ConfigError: Several rooms would do.
        """
        self._channels.get(message.channel_id)
        if room_id is not None:
            return await self._parts.rooms.get(room_id)
        found = await self._find(message)
        if found is None:
            async with self._opening.locked(f"{message.channel_id}:{message.thread_id or message.sender_id}"):
                found = await self._find(message) or await self._open(message)  # two first messages, one room
        return found

    async def _find(self, message: InboundMessage) -> LiveRoom | None:
        rooms = await self._parts.store.rooms_sought(message.channel_id, message.sender_id, message.thread_id)
        candidates = [await self._parts.rooms.get(each) for each in rooms]
        fitting = _knowing(candidates, message) or [live for live in candidates if OPENED_FOR not in live.room.metadata]
        if len(fitting) > 1:
            raise ConfigError(
                f"channel {message.channel_id!r} is in {len(fitting)} rooms that would do for this sender: pass room_id"
            )
        return fitting[0] if fitting else None

    async def _open(self, message: InboundMessage) -> LiveRoom:
        metadata = {OPENED_FOR: message.sender_id}
        if message.thread_id is not None:
            metadata["thread_id"] = message.thread_id
        room = await self._rooms.create(metadata=metadata)
        await self._bindings.ensure(room.id, message.channel_id, None)
        return await self._parts.rooms.get(room.id)


def _knowing(rooms: list[LiveRoom], message: InboundMessage) -> list[LiveRoom]:
    """The rooms of the message's thread if there are any, else those its sender takes part in."""
    if message.thread_id is not None:
        return [live for live in rooms if live.room.metadata.get("thread_id") == message.thread_id]
    address = Address(channel_id=message.channel_id, sender_id=message.sender_id)
    return [
        live
        for live in rooms
        if message.sender_id == live.room.metadata.get(OPENED_FOR)
        or message.sender_id in live.participants
        or address in live.addresses
        or live.bindings[message.channel_id].participant_id == message.sender_id
    ]
