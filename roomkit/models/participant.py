"""Who takes part in a room."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from roomkit.clock import SYSTEM_CLOCK
from roomkit.models._base import Model
from roomkit.models.identity import Address


class ParticipantRole(StrEnum):
    """What a participant is to the conversation."""

    MEMBER = "member"
    OWNER = "owner"
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    OBSERVER = "observer"
    BOT = "bot"


class Participant(Model):
    """One person or program in one room.

    Attributes:
        channel_id: The channel through which it was first met.
        is_member: Whether it was made a member (`RoomKit.add_member`), rather than only having spoken.
        last_read_index: The newest event it is known to have read, on whichever channel.
        addresses: Where else it writes from, proved or told (`RoomKit.link_address`).
    """

    id: str
    room_id: str
    channel_id: str | None = None
    display_name: str | None = None
    role: ParticipantRole = ParticipantRole.MEMBER
    is_member: bool = False
    identity_id: str | None = None
    addresses: tuple[Address, ...] = ()
    last_read_index: int | None = None
    joined_at: datetime = Field(default_factory=SYSTEM_CLOCK.wall)
    metadata: dict[str, Any] = Field(default_factory=dict)
