"""Saying something in a room, and reading what was said: builds the events, leaves the rest to the pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from roomkit.core.access import may_see
from roomkit.core.inbound import InboundPipeline
from roomkit.core.live import LiveRoom
from roomkit.core.parts import Parts
from roomkit.core.routing import Router
from roomkit.errors import AccessDeniedError, ConfigError, NotFoundError, RoomKitError, SessionStateError
from roomkit.models.channel import ChannelBinding
from roomkit.models.content import EventContent
from roomkit.models.delivery import InboundMessage, InboundResult
from roomkit.models.enums import EventType
from roomkit.models.event import EventSource, RoomEvent

HISTORY_PAGE = 200
"""Events read from the store at a time while looking for those a channel may see."""


class Conversation:
    """What is said in all rooms."""

    def __init__(self, parts: Parts, router: Router, pipeline: InboundPipeline) -> None:
        self._parts = parts
        self._router = router
        self._pipeline = pipeline
        self._takes_more = True

    def refuse_more(self) -> None:
        """Take no more messages from outside; what is under way, and what it causes, still gets in."""
        self._takes_more = False

    async def process_inbound(
        self, message: InboundMessage, *, room_id: str | None = None, waits: bool = True
    ) -> InboundResult:
        """Take in what a channel received; see `roomkit.kit.RoomKit.process_inbound` and `ChannelHost.receive`."""
        if not self._takes_more:
            raise SessionStateError("this kit is closing: it takes no more messages")
        live = await self._router.route(message, room_id)
        event = self._event_of(live, message)
        if message.channel_id not in live.bindings:
            return InboundResult(blocked=True, reason="not_attached")
        return await self._pipeline.submit(live, event, message=message, waits=waits)

    async def send_event(
        self,
        room_id: str,
        channel_id: str,
        content: EventContent,
        event_type: EventType = EventType.MESSAGE,
        **fields: Any,
    ) -> RoomEvent:
        """Say something as a channel; see `roomkit.kit.RoomKit.send_event`."""
        live = await self._parts.rooms.get(room_id)
        binding = live.bindings.get(channel_id)
        if binding is None:
            raise NotFoundError(f"channel {channel_id!r} is not attached to room {room_id!r}")
        participant_id = fields.pop("participant_id", None)
        event = RoomEvent(
            id=self._parts.clock.new_id("evt"),
            room_id=room_id,
            type=event_type,
            source=EventSource(channel_id=channel_id, channel_type=binding.channel_type, participant_id=participant_id),
            content=content,
            created_at=self._parts.clock.wall(),
            **{name: value for name, value in fields.items() if value is not None},
        )
        result = await self._pipeline.submit(live, event)
        if result.event is None:
            if result.blocked:
                raise AccessDeniedError(f"room {room_id!r} takes nothing in: {result.reason}")
            raise RoomKitError(f"the event did not get into room {room_id!r} in time; nothing was stored")
        return result.event

    async def timeline(
        self,
        room_id: str,
        offset: int = 0,
        limit: int = 50,
        visibility_filter: str | None = None,
        *,
        after_index: int | None = None,
        before_index: int | None = None,
        newest_first: bool = False,
    ) -> list[RoomEvent]:
        """A piece of a room's timeline, blocked events included.

        Raises:
            NotFoundError: No such room.
            ConfigError: ``offset`` or ``limit`` is negative.
        """
        if offset < 0 or limit < 0:
            raise ConfigError("offset and limit of a timeline are not negative")
        await self._parts.rooms.get(room_id)
        await self._parts.notes.flush()
        return await self._parts.store.events(
            room_id,
            after_index=after_index,
            before_index=before_index,
            visibility=visibility_filter,
            newest_first=newest_first,
            offset=offset,
            limit=limit,
        )

    async def history(self, room_id: str, channel_id: str, *, limit: int) -> Sequence[RoomEvent]:
        """The newest events a channel may see, oldest first (R-0003-7)."""
        live = await self._parts.rooms.get(room_id)
        await self._parts.notes.flush()
        found: list[RoomEvent] = []
        before: int | None = None
        while len(found) < limit and (binding := live.bindings.get(channel_id)) is not None:
            page = await self._parts.store.events(
                room_id, before_index=before, newest_first=True, limit=max(limit, HISTORY_PAGE)
            )
            found.extend(event for event in page if may_see(event, binding))
            if len(page) < max(limit, HISTORY_PAGE):
                break
            before = page[-1].index
        return found[:limit][::-1]

    async def since(self, room_id: str, channel_id: str, *, after_index: int, limit: int) -> Sequence[RoomEvent]:
        """The first events after an index that a channel may be shown now, oldest first (R-0002-11)."""
        live = await self._parts.rooms.get(room_id)
        await self._parts.notes.flush()
        found: list[RoomEvent] = []
        while len(found) < limit and (binding := _reading(live, channel_id)) is not None:
            page = await self._parts.store.events(room_id, after_index=after_index, limit=HISTORY_PAGE)
            found.extend(event for event in page if may_see(event, binding))
            if len(page) < HISTORY_PAGE:
                break
            after_index = page[-1].index or 0
        binding = _reading(live, channel_id)  # perhaps another one, while the store was read
        return [] if binding is None else [event for event in found[:limit] if may_see(event, binding)]

    def _event_of(self, live: LiveRoom, message: InboundMessage) -> RoomEvent:
        binding = live.bindings.get(message.channel_id)
        source: dict[str, Any] = {} if binding is None else {"channel_type": binding.channel_type}
        return RoomEvent(
            id=self._parts.clock.new_id("evt"),
            room_id=live.id,
            type=message.event_type,
            source=EventSource(
                channel_id=message.channel_id,
                participant_id=message.sender_id,
                external_id=message.external_id,
                provider=message.provider,
                raw_payload=message.raw_payload,
                **source,
            ),
            content=message.content,
            visibility=message.visibility,
            addressed_to=message.addressed_to,
            parent_event_id=message.parent_event_id,
            idempotency_key=message.idempotency_key,
            created_at=self._parts.clock.wall(),
            metadata=message.metadata,
        )


def _reading(live: LiveRoom, channel_id: str) -> ChannelBinding | None:
    """The binding, if what is said in the room may be shown there now."""
    binding = live.bindings.get(channel_id)
    return binding if binding is not None and live.is_open and binding.can_read else None
