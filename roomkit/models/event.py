"""The room event: one thing that happened in a room, as stored and delivered. What it carries is in `content`.

Not in here: what hooks see of voice (`models.voice`). Invariant: an event's ``index`` is given by the store alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from roomkit.clock import SYSTEM_CLOCK
from roomkit.models._base import Model
from roomkit.models.content import (
    AudioContent,
    CompositeContent,
    DeleteContent,
    EditContent,
    EventContent,
    LocationContent,
    MediaContent,
    RichContent,
    SystemContent,
    TemplateContent,
    TextContent,
    ToolCallContent,
    VideoContent,
    plain_text,
)
from roomkit.models.enums import ChannelDirection, ChannelType, EventStatus, EventType

__all__ = [
    "AudioContent",
    "CompositeContent",
    "DeleteContent",
    "DeliveryResult",
    "EditContent",
    "EventContent",
    "EventSource",
    "LocationContent",
    "MediaContent",
    "RichContent",
    "RoomEvent",
    "SystemContent",
    "TemplateContent",
    "TextContent",
    "ToolCallContent",
    "VideoContent",
    "Visibility",
    "plain_text",
]


def _as_visibility(value: object) -> object:
    """A collection of channel ids is written as one comma-separated string."""
    if not isinstance(value, str) and isinstance(value, Iterable):
        value = ",".join(str(item) for item in value)
    if isinstance(value, str) and not all(part.strip() for part in value.split(",")):
        raise ValueError('visibility is "all", "none", "transport", "intelligence" or channel ids, not empty')
    return value


Visibility = Annotated[str, BeforeValidator(_as_visibility)]
"""``all``, ``none``, ``transport``, ``intelligence`` or channel ids (comma-separated; a list is accepted)."""


class EventSource(Model):
    """Where an event came from."""

    channel_id: str
    channel_type: ChannelType = ChannelType.CUSTOM
    direction: ChannelDirection = ChannelDirection.INBOUND
    participant_id: str | None = None
    external_id: str | None = None
    provider: str | None = None
    raw_payload: dict[str, Any] = Field(default_factory=dict)


class DeliveryResult(Model):
    """How one delivery of one event to one channel went."""

    channel_id: str
    ok: bool
    error: str | None = None
    duration_ms: float | None = None


class RoomEvent(Model):
    """One thing that happened in a room.

    Attributes:
        index: 0-based, gapless per room, assigned by the store, never reused; ``None`` until stored.
        blocked_by: What blocked it: a hook's name, or the rule (``"access"``, ``"chain_depth"``).
        visibility: Who may see it, further narrowed by the source binding's own.
        addressed_to: Intelligence channels asked to answer; ``None`` asks all. Others still see it in their history.
        chain_depth: 0 for what a person said; an answer to it has 1, an answer to that 2.
        delivery_results: By channel id, for those deliveries that have ended.
    """

    id: str = Field(default_factory=lambda: SYSTEM_CLOCK.new_id("evt"))
    room_id: str
    type: EventType = EventType.MESSAGE
    source: EventSource
    content: EventContent
    status: EventStatus = EventStatus.PENDING
    blocked_by: str | None = None
    block_reason: str | None = None
    visibility: Visibility = "all"
    addressed_to: tuple[str, ...] | None = None
    index: int | None = None
    chain_depth: int = Field(default=0, ge=0)
    parent_event_id: str | None = None
    correlation_id: str | None = None
    idempotency_key: str | None = None
    created_at: datetime = Field(default_factory=SYSTEM_CLOCK.wall)
    metadata: dict[str, Any] = Field(default_factory=dict)
    delivery_results: dict[str, DeliveryResult] = Field(default_factory=dict)

    @property
    def text(self) -> str:
        """The words it carries, if any."""
        return plain_text(self.content)
