"""Which room an inbound message belongs to, when its sender did not say.

Invariant: a message never lands in a room by guess: among several, one must know the sender or the thread.
"""

from __future__ import annotations

from roomkit.core.bindings import Bindings
from roomkit.core.channels import ChannelRegistry
from roomkit.core.live import LiveRoom
from roomkit.core.parts import Parts
from roomkit.core.rooms import Rooms
from roomkit.errors import ConfigError
from roomkit.models.delivery import InboundMessage
from roomkit.models.identity import Address


class Router:
    """Finds the room of a message (R-0005-1)."""

    def __init__(self, parts: Parts, channels: ChannelRegistry, rooms: Rooms, bindings: Bindings) -> None:
        self._parts = parts
        self._channels = channels
        self._rooms = rooms
        self._bindings = bindings

    async def route(self, message: InboundMessage, room_id: str | None) -> LiveRoom:
        """The room named; else the one the channel is attached to; else a new one, with the channel attached.

        Raises:
            NotFoundError: The channel is not registered, or there is no such room.
            ConfigError: Several rooms would do.
        """
        self._channels.get(message.channel_id)
        if room_id is not None:
            return await self._parts.rooms.get(room_id)
        candidates = [
            await self._parts.rooms.get(each) for each in await self._parts.store.rooms_of_channel(message.channel_id)
        ]
        if len(candidates) > 1:
            candidates = _knowing(candidates, message)
        if len(candidates) > 1:
            raise ConfigError(
                f"channel {message.channel_id!r} is in {len(candidates)} rooms that know this sender: pass room_id"
            )
        return candidates[0] if candidates else await self._new_room(message)

    async def _new_room(self, message: InboundMessage) -> LiveRoom:
        metadata = {} if message.thread_id is None else {"thread_id": message.thread_id}
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
        if message.sender_id in live.participants
        or address in live.addresses
        or live.bindings[message.channel_id].participant_id == message.sender_id
    ]
