"""What travels in a webhook: how an event is written for the other side, and how what it sends is read.

`EventFormat` is ours; a bridge to somebody's API brings its own `WebhookFormat`. Pure, no network. Invariant: what is
written tells the other side what was said and by whom, never the raw payload, metadata or delivery results behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from roomkit.errors import ConfigError
from roomkit.models.channel import ChannelBinding
from roomkit.models.content import EventContent, Text, TextContent
from roomkit.models.delivery import InboundMessage
from roomkit.models.event import RoomEvent

Id = Annotated[str, Field(min_length=1, max_length=256)]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request to make.

    Attributes:
        id: The same each time it is tried, so that the other side takes it once.
        url: ``None``: the channel's own.
    """

    id: str
    body: bytes
    url: str | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message that came in.

    Attributes:
        message: As received; its ``channel_id`` is filled in by the channel.
        room_id: Where it belongs; ``None``: by rule R-0005-1.
        opens_room: Make the room, and attach the channel to it, if they are missing.
    """

    message: InboundMessage
    room_id: str | None = None
    opens_room: bool = False


class WebhookFormat(Protocol):
    """How one other side writes and reads."""

    def write(self, event: RoomEvent, binding: ChannelBinding) -> Sequence[Outgoing]:
        """The requests that bring an event out, in order; none if it is not for the other side."""

    def read(self, body: bytes, channel_id: str) -> Incoming | None:
        """The message in a verified body; ``None`` if there is none for a room.

        Raises:
            ConfigError: It cannot be read; the message is for the sender: which field, never what was in it.
        """


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sender_id: Id
    text: Text | None = None
    content: EventContent | None = None
    room_id: Id | None = None
    thread_id: Id | None = None
    parent_event_id: Id | None = None
    metadata: dict[str, Any] = Field(default_factory=dict, max_length=100)

    @model_validator(mode="after")
    def _one_content(self) -> _Data:
        if (self.text is None) == (self.content is None):
            raise ValueError("give text or content, one of them")
        return self

    @property
    def said(self) -> EventContent:
        return self.content if self.content is not None else TextContent(body=self.text or "")


class _Body(BaseModel):
    """The envelope the specification recommends: type, timestamp, data."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["message"]
    timestamp: datetime | None = None
    data: _Data


class EventFormat:
    """RoomKit's own: ``{"type", "timestamp", "data"}``, the same envelope both ways."""

    def write(self, event: RoomEvent, binding: ChannelBinding) -> tuple[Outgoing, ...]:
        """One request an event, its id the event's."""
        body = _Written(
            type=event.type,
            timestamp=event.created_at,
            data=_WrittenData(
                event_id=event.id,
                room_id=event.room_id,
                index=event.index,
                channel_id=event.source.channel_id,
                sender_id=event.source.participant_id,
                parent_event_id=event.parent_event_id,
                text=event.text,
                content=event.content,
            ),
        )
        return (Outgoing(event.id, body.model_dump_json().encode()),)

    def read(self, body: bytes, channel_id: str) -> Incoming:
        """See `WebhookFormat.read`."""
        try:
            data = _Body.model_validate_json(body).data
        except ValidationError as error:
            raise ConfigError(_what_is_wrong(error)) from None
        message = InboundMessage(
            channel_id=channel_id,
            sender_id=data.sender_id,
            content=data.said,
            thread_id=data.thread_id,
            parent_event_id=data.parent_event_id,
            metadata=data.metadata,
        )
        return Incoming(message, data.room_id)


class _WrittenData(BaseModel):
    event_id: str
    room_id: str
    index: int | None
    channel_id: str
    sender_id: str | None
    parent_event_id: str | None
    text: str
    content: EventContent


class _Written(BaseModel):
    type: str
    timestamp: datetime
    data: _WrittenData


def _what_is_wrong(error: ValidationError) -> str:
    """Each fault by its field. A field the sender made up is named "?" and no value is shown."""
    known = {*_Body.model_fields, *_Data.model_fields, "content"}
    faults = (
        ".".join(part if part in known else "?" for part in map(str, each["loc"])) + f": {each['msg']}"
        for each in error.errors(include_input=False, include_url=False)[:5]
    )
    return "; ".join(faults)
