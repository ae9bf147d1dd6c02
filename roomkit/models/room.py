"""A room: one conversation, its counters and its timers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from roomkit.clock import SYSTEM_CLOCK
from roomkit.models._base import Model
from roomkit.models.enums import RoomStatus


class RoomTimers(Model):
    """When a room nobody speaks in changes by itself (R-0005-17); ``None`` never.

    Attributes:
        inactive_after_seconds: It is paused, until somebody speaks.
        closed_after_seconds: It is closed, as `close_room` does.
    """

    inactive_after_seconds: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    closed_after_seconds: float | None = Field(default=None, gt=0, allow_inf_nan=False)


class Room(Model):
    """One conversation.

    Attributes:
        event_count: Events stored so far, blocked ones included: the next index.
        latest_index: Index of the newest event; -1 for an empty room.
    """

    id: str
    organization_id: str | None = None
    status: RoomStatus = RoomStatus.ACTIVE
    created_at: datetime = Field(default_factory=SYSTEM_CLOCK.wall)
    updated_at: datetime = Field(default_factory=SYSTEM_CLOCK.wall)
    closed_at: datetime | None = None
    timers: RoomTimers = Field(default_factory=RoomTimers)
    metadata: dict[str, Any] = Field(default_factory=dict)
    event_count: int = 0

    @property
    def latest_index(self) -> int:
        """Index of the newest event; -1 for an empty room."""
        return self.event_count - 1

    @property
    def is_open(self) -> bool:
        """Whether anything may still be said in it."""
        return self.status in (RoomStatus.ACTIVE, RoomStatus.PAUSED)
