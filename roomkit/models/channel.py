"""A channel's membership in one room, and what a channel answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from roomkit.clock import SYSTEM_CLOCK
from roomkit.models._base import Model
from roomkit.models.content import EventContent
from roomkit.models.enums import Access, ChannelCategory, ChannelDirection, ChannelType, EventType
from roomkit.models.event import Visibility


class ChannelCapabilities(Model):
    """What a channel can show; the rest is transcoded for it."""

    content_types: tuple[str, ...] = ("text",)
    max_text_chars: int | None = Field(default=None, gt=0)
    supports_typing: bool = False
    supports_reactions: bool = False


class ChannelBinding(Model):
    """What one channel may do in one room. Three independent permissions, all live.

    Attributes:
        access: Whether it reads the room's events and whether what it sends may enter.
        muted: What it sends is blocked; it still reads.
        output_muted: The room's events are not delivered to it (a voice agent falls silent); it still writes.
        visibility: Who may see what comes from it.
        capabilities: What it can show in this room, where that is not what the channel says of itself.
        last_read_index: The newest event anybody on it is known to have read (R-0002-17).
        taken_over_by: The participant who speaks in this agent's place until it is handed back (RFC 0008).
    """

    channel_id: str
    room_id: str
    channel_type: ChannelType = ChannelType.CUSTOM
    category: ChannelCategory = ChannelCategory.TRANSPORT
    direction: ChannelDirection = ChannelDirection.BIDIRECTIONAL
    access: Access = Access.READ_WRITE
    muted: bool = False
    output_muted: bool = False
    visibility: Visibility = "all"
    taken_over_by: str | None = None
    participant_id: str | None = None
    last_read_index: int | None = None
    attached_at: datetime = Field(default_factory=SYSTEM_CLOCK.wall)
    capabilities: ChannelCapabilities | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)

    @property
    def can_write(self) -> bool:
        """Whether what it sends may enter the room."""
        if self.taken_over_by is not None and self.category == ChannelCategory.INTELLIGENCE:
            return False
        return self.access.can_write and not self.muted and self.direction != ChannelDirection.OUTBOUND

    @property
    def can_read(self) -> bool:
        """Whether the room's events may be delivered to it."""
        return self.access.can_read and not self.output_muted and self.direction != ChannelDirection.INBOUND

    @property
    def agent_can_be_heard(self) -> bool:
        """For a channel an agent speaks through (voice): whether its people may hear it."""
        return self.can_read and self.taken_over_by is None


class ChannelMessage(Model):
    """One message a channel gives back for an event it was shown.

    Attributes:
        id: The event's, where it is known before (a reply that was shown while it grew); ``None``: it gets one.
    """

    content: EventContent
    id: str | None = None
    event_type: EventType = EventType.MESSAGE
    visibility: Visibility = "all"
    addressed_to: tuple[str, ...] | None = None
    participant_id: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)


class ChannelOutput(Model):
    """What a channel answers to an event; each message re-enters the room one step deeper in the chain."""

    messages: tuple[ChannelMessage, ...] = ()

    @classmethod
    def text(cls, body: str) -> ChannelOutput:
        """One plain text message."""
        from roomkit.models.content import TextContent

        return cls(messages=(ChannelMessage(content=TextContent(body=body)),))
