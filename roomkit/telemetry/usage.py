"""The usage of a room, added up from its stored events.

Each event a voice session stores carries in ``metadata["usage"]`` what was used since the one before it, so a room's
total is a sum over its timeline and needs no book of its own. Not in here: counting (`voice.session.usage`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import Final, Protocol

from roomkit.models.enums import ChannelType
from roomkit.models.event import RoomEvent
from roomkit.models.usage import Usage

USAGE_KEY: Final = "usage"
"""Where in an event's metadata its usage is."""

_PAGE: Final = 500


class Timeline(Protocol):
    """Reads a room's events by index, blocked ones included; see `RoomKit.get_timeline`."""

    def __call__(self, room_id: str, /, *, limit: int, after_index: int | None) -> Awaitable[list[RoomEvent]]: ...


def usage_of(events: Iterable[RoomEvent]) -> Usage:
    """What these events used together; only voice sessions' own records count, whatever else calls itself usage."""
    total = Usage()
    for event in events:
        if event.source.channel_type is ChannelType.REALTIME_VOICE and "voice_session_id" in event.metadata:
            total += Usage.from_metadata(event.metadata.get(USAGE_KEY))
    return total


async def usage_of_room(timeline: Timeline, room_id: str) -> Usage:
    """What a room used so far: its whole timeline, read page by page.

    Raises:
        NotFoundError: No such room.
    """
    total, after_index = Usage(), None
    while True:
        events = await timeline(room_id, limit=_PAGE, after_index=after_index)
        total += usage_of(events)
        if len(events) < _PAGE:
            return total
        after_index = events[-1].index
