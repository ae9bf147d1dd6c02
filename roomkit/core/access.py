"""Permissions as pure functions: who may write, who may see (RFC 0003). Rules are cited by number.

Not in here: keeping bindings, telling channels. Invariant: nothing here can make an event seen by more channels than
its own visibility and its source binding's visibility both allow.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from roomkit.models.channel import ChannelBinding
from roomkit.models.enums import ChannelCategory, ChannelDirection, EventStatus
from roomkit.models.event import RoomEvent

EVERYONE = "all"
NOBODY = "none"


def write_refusal(binding: ChannelBinding | None, direction: ChannelDirection) -> str | None:
    """Why what comes from a binding may not enter the room; ``None`` if it may (R-0003-2, R-0003-3, R-0008-20).

    ``direction`` is the event's: what an agent says *to* a channel's people (outbound) is not stopped by their mute.
    """
    if binding is None:
        return "not_attached"
    if not binding.access.can_write:
        return "access"
    if binding.direction == ChannelDirection.OUTBOUND and direction != ChannelDirection.OUTBOUND:
        return "direction"
    is_agents = binding.category == ChannelCategory.INTELLIGENCE or direction == ChannelDirection.OUTBOUND
    if binding.taken_over_by is not None and is_agents:
        return "taken_over"
    if binding.muted and direction != ChannelDirection.OUTBOUND:
        return "muted"
    return None


@lru_cache(maxsize=1024)
def channel_ids(visibility: str) -> frozenset[str]:
    """The ids a visibility lists; none for the words."""
    if visibility in (EVERYONE, NOBODY, *ChannelCategory):
        return frozenset()
    return frozenset(part.strip() for part in visibility.split(","))


def admits(visibility: str, channel_id: str, category: ChannelCategory) -> bool:
    """Whether a visibility lets a channel see (R-0003-5)."""
    if visibility == EVERYONE:
        return True
    if visibility == NOBODY:
        return False
    return visibility == category or channel_id in channel_ids(visibility)


def narrowed(first: str, second: str, categories: Mapping[str, ChannelCategory]) -> str:
    """The visibility that admits exactly what both admit (R-0003-6).

    ``categories`` are those of the room's channels; a channel that is not among them is admitted by neither.
    """
    if second in (first, EVERYONE):
        return first
    if first == EVERYONE:
        return second
    listed = channel_ids(first) | channel_ids(second)
    both = sorted(
        channel_id
        for channel_id in listed
        if channel_id in categories
        and admits(first, channel_id, categories[channel_id])
        and admits(second, channel_id, categories[channel_id])
    )
    return ",".join(both) or NOBODY


def may_see(event: RoomEvent, binding: ChannelBinding) -> bool:
    """Whether an event belongs in a binding's history (R-0003-7); a channel always sees what it said itself."""
    if event.status == EventStatus.BLOCKED or not binding.access.can_read:
        return False
    if event.source.channel_id == binding.channel_id:
        return True
    return admits(event.visibility, binding.channel_id, binding.category)


def may_receive(event: RoomEvent, binding: ChannelBinding, *, is_shared: bool = False) -> bool:
    """Whether an event is delivered to a binding now (R-0003-8)."""
    if not binding.can_read or event.status == EventStatus.BLOCKED:
        return False
    if event.source.channel_id == binding.channel_id and not is_shared:
        return False
    if not admits(event.visibility, binding.channel_id, binding.category):
        return False
    if event.addressed_to is None or binding.category != ChannelCategory.INTELLIGENCE:
        return True
    return binding.channel_id in event.addressed_to


def narrowed_to_source(
    event: RoomEvent, source: ChannelBinding | None, categories: Mapping[str, ChannelCategory]
) -> RoomEvent:
    """Let an event be seen by no more than its source's binding allows (R-0003-6)."""
    if source is None or source.visibility in (EVERYONE, event.visibility):
        return event
    visibility = narrowed(event.visibility, source.visibility, categories)
    return event.model_copy(update={"visibility": visibility})
