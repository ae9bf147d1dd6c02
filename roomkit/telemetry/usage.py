"""The usage of a room, added up from its stored events.

Each event a voice session stores carries in ``metadata["usage"]`` what was used since the one before it, so a room's
total is a sum over its timeline and needs no book of its own. Not in here: counting (`voice.session.usage`).
"""

from __future__ import annotations

from collections.abc import Iterable

from roomkit.models.enums import ChannelType
from roomkit.models.event import RoomEvent
from roomkit.models.usage import Usage

USAGE_KEY = "usage"
"""Where in an event's metadata its usage is."""


def usage_of(events: Iterable[RoomEvent]) -> Usage:
    """What these events used together; only voice sessions' own records count, whatever else calls itself usage."""
    total = Usage()
    for event in events:
        if event.source.channel_type is ChannelType.REALTIME_VOICE and "voice_session_id" in event.metadata:
            total += Usage.from_metadata(event.metadata.get(USAGE_KEY))
    return total
