"""What a hook or a channel is told about the room beside the event."""

from __future__ import annotations

from dataclasses import dataclass

from roomkit.models.channel import ChannelBinding
from roomkit.models.event import RoomEvent
from roomkit.models.participant import Participant
from roomkit.models.room import Room


@dataclass(frozen=True, slots=True)
class RoomContext:
    """A snapshot; reading it costs nothing and changes nothing.

    Attributes:
        room: ``None`` for what happens in no room (a channel used without a kit).
        recent_events: The newest events, oldest first. A hook is trusted: visibility is not applied.
    """

    room: Room | None = None
    bindings: tuple[ChannelBinding, ...] = ()
    participants: tuple[Participant, ...] = ()
    recent_events: tuple[RoomEvent, ...] = ()

    def binding(self, channel_id: str) -> ChannelBinding | None:
        """The binding of a channel, if it is attached."""
        return next((binding for binding in self.bindings if binding.channel_id == channel_id), None)
