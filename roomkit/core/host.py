"""What a kit gives to a channel registered with it. See `roomkit.core.ports.ChannelHost`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from roomkit.clock import Clock
from roomkit.core.ports import Channel, GrowingReply, RoomPort
from roomkit.core.transcode import for_channel
from roomkit.telemetry.usage import usage_of_room

if TYPE_CHECKING:
    from roomkit.core.engine import ConversationEngine
    from roomkit.models.channel import ChannelBinding
    from roomkit.models.delivery import InboundMessage, InboundResult
    from roomkit.models.enums import ChannelCategory
    from roomkit.models.event import RoomEvent
    from roomkit.models.framework import EphemeralEvent
    from roomkit.models.participant import Participant
    from roomkit.models.room import Room
    from roomkit.models.usage import Usage


class KitChannelHost:
    """One channel's view of a conversation engine."""

    def __init__(self, engine: ConversationEngine, channel: Channel) -> None:
        self._engine = engine
        self._channel = channel

    @property
    def clock(self) -> Clock:
        """The kit's clock."""
        return self._engine.parts.clock

    def room_port(self, room_id: str) -> RoomPort:
        """The channel's door to one room."""
        return self._engine.room_port(room_id, self._channel)

    def binding(self, room_id: str) -> ChannelBinding | None:
        """The channel's live binding in an open room."""
        live = self._engine.parts.rooms.peek(room_id)
        return live.bindings.get(self._channel.channel_id) if live is not None and live.room.is_open else None

    async def ensure_room(self, room_id: str) -> Room:
        """The room, made if missing."""
        return await self._engine.rooms.ensure(room_id)

    async def ensure_attached(self, room_id: str, category: ChannelCategory | None = None) -> ChannelBinding:
        """The channel's binding, made if missing."""
        return await self._engine.bindings.ensure(room_id, self._channel.channel_id, category)

    async def ensure_participant(self, room_id: str, participant_id: str) -> Participant:
        """The participant, added if missing."""
        return await self._engine.participants.ensure(room_id, participant_id, self._channel.channel_id)

    async def history(self, room_id: str, *, limit: int) -> Sequence[RoomEvent]:
        """The newest events the channel may see, oldest first."""
        return await self._engine.conversation.history(room_id, self._channel.channel_id, limit=limit)

    async def since(self, room_id: str, *, after_index: int, limit: int) -> Sequence[RoomEvent]:
        """The first events after an index that the channel may be shown now."""
        events = await self._engine.conversation.since(
            room_id, self._channel.channel_id, after_index=after_index, limit=limit
        )
        binding = self.binding(room_id)
        shows = (binding.capabilities if binding is not None else None) or self._channel.capabilities
        return [for_channel(event, shows) for event in events]

    async def usage(self, room_id: str) -> Usage:
        """What the voice sessions of a room have used, as its timeline says."""
        return await usage_of_room(self._engine.conversation.timeline, room_id)

    async def mark_read(self, room_id: str, index: int, *, participant_id: str | None = None) -> None:
        """Note how far the channel's people have read."""
        await self._engine.marks.mark(room_id, self._channel.channel_id, index, participant_id)

    async def publish_ephemeral(self, event: EphemeralEvent) -> None:
        """Show something that passes to the room's watchers."""
        await self._engine.ephemeral.publish(event)

    async def watch(self, room_id: str, callback: Callable[[EphemeralEvent], None]) -> str:
        """Call ``callback`` for what passes in a room."""
        return await self._engine.ephemeral.subscribe(room_id, callback)

    async def unwatch(self, watch_id: str) -> bool:
        """End a watch."""
        return await self._engine.ephemeral.unsubscribe(watch_id)

    async def receive(
        self, message: InboundMessage, *, room_id: str | None = None, waits: bool = True
    ) -> InboundResult:
        """Take in what came to the channel from outside."""
        own = message.model_copy(update={"channel_id": self._channel.channel_id})
        return await self._engine.conversation.process_inbound(own, room_id=room_id, waits=waits)

    def reply_to(self, event: RoomEvent) -> GrowingReply:
        """A reply to an event that is shown while it grows."""
        return self._engine.replies.open(self._channel, event)
