"""What comes in from outside, and what became of it."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from roomkit.models._base import Model
from roomkit.models.content import EventContent
from roomkit.models.enums import EventType
from roomkit.models.event import DeliveryResult, RoomEvent, Visibility

__all__ = ["DeliveryResult", "DeliveryStatusEvent", "InboundMessage", "InboundResult"]


class InboundMessage(Model):
    """A message as a channel received it.

    Attributes:
        external_id: The outside system's own id of the message.
        thread_id: The outside system's conversation; routes to the same room each time.
        idempotency_key: A message with a key seen before in the room is not taken twice.
    """

    channel_id: str
    sender_id: str
    content: EventContent
    event_type: EventType = EventType.MESSAGE
    external_id: str | None = None
    thread_id: str | None = None
    idempotency_key: str | None = Field(default=None, max_length=512)
    provider: str | None = None
    visibility: Visibility = "all"
    addressed_to: tuple[str, ...] | None = None
    parent_event_id: str | None = None
    raw_payload: dict[str, Any] = Field(default_factory=dict)
    metadata: dict[str, Any] = Field(default_factory=dict)


class InboundResult(Model):
    """What became of an inbound message.

    Attributes:
        event: As stored; ``None`` if nothing was stored.
        blocked: It was stopped; ``reason`` says by what.
        error: Nothing was decided: the pipeline could not finish (``"timeout"``, ``"store"``).
        delivery_results: By channel id, as far as they ended in time.
    """

    event: RoomEvent | None = None
    blocked: bool = False
    reason: str | None = None
    error: str | None = None
    delivery_results: dict[str, DeliveryResult] = Field(default_factory=dict)


class DeliveryStatusEvent(Model):
    """One delivery of one event ended; the payload of ON_DELIVERY_STATUS."""

    event: RoomEvent
    result: DeliveryResult
