"""What a channel answers, as an event of the room. Pure."""

from __future__ import annotations

from roomkit.clock import Clock
from roomkit.core.access import EVERYONE, NOBODY, admits, narrowed
from roomkit.core.live import LiveRoom
from roomkit.core.ports import Channel
from roomkit.models.channel import ChannelMessage
from roomkit.models.event import EventSource, RoomEvent


def answer(live: LiveRoom, event: RoomEvent, channel: Channel, message: ChannelMessage, clock: Clock) -> RoomEvent:
    """A channel's answer as an event, seen by no more channels than saw what it answers (R-0003-9)."""
    source = EventSource(
        channel_id=channel.channel_id, channel_type=channel.channel_type, participant_id=message.participant_id
    )
    return RoomEvent(
        id=message.id or clock.new_id("evt"),
        room_id=live.id,
        type=message.event_type,
        source=source,
        content=message.content,
        visibility=narrowed(message.visibility, audience(live, event), live.categories),
        addressed_to=message.addressed_to,
        chain_depth=event.chain_depth + 1,
        parent_event_id=event.id,
        correlation_id=event.correlation_id or event.id,
        created_at=clock.wall(),
        metadata=message.metadata,
    )


def audience(live: LiveRoom, event: RoomEvent) -> str:
    """Who saw an event, its sender included, as a visibility."""
    if event.visibility == EVERYONE:
        return EVERYONE
    seen_by = [
        channel_id
        for channel_id, category in live.categories.items()
        if channel_id == event.source.channel_id or admits(event.visibility, channel_id, category)
    ]
    return ",".join(seen_by) or NOBODY
