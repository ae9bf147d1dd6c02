"""A person takes over from an agent, and hands back (RFC 0008).

Not in here: what silences the agent (its binding's ``taken_over_by``, read wherever permissions are). Invariant: the
agent is silent from the moment the call begins to wait, whatever the store does; the timeline says who, and when.
"""

from __future__ import annotations

from roomkit.core.background import begin
from roomkit.core.bindings import Bindings
from roomkit.core.inbound import InboundPipeline
from roomkit.core.live import LiveRoom
from roomkit.core.locks import RoomGate
from roomkit.core.participants import Participants
from roomkit.core.parts import Parts
from roomkit.errors import AccessDeniedError, ConfigError, NotFoundError
from roomkit.models.channel import ChannelBinding
from roomkit.models.content import SystemContent
from roomkit.models.enums import ChannelCategory, ChannelType, EventType
from roomkit.models.event import EventSource, RoomEvent
from roomkit.models.hook import InjectedEvent

ROOM = "system"
"""The source of what the room itself says; no channel of it is attached, so no binding stops it."""
AGENT_TYPES = frozenset({ChannelType.AI, ChannelType.REALTIME_VOICE, ChannelType.VOICE})


class Handover:
    """Who speaks in whose place, in all rooms."""

    def __init__(
        self, parts: Parts, bindings: Bindings, participants: Participants, pipeline: InboundPipeline, gate: RoomGate
    ) -> None:
        self._parts = parts
        self._bindings = bindings
        self._participants = participants
        self._pipeline = pipeline
        self._gate = gate

    async def take_over(self, room_id: str, agent_channel_id: str, by: str) -> ChannelBinding:
        """Silence an agent; see `roomkit.kit.RoomKit.take_over`."""
        live, binding = await self._agent(room_id, agent_channel_id)
        if not by:
            raise ConfigError("take_over needs the participant who takes over")
        if binding.taken_over_by == by:
            return binding
        binding = await self._bindings.update(room_id, agent_channel_id, taken_over_by=by)
        await self._participants.ensure_in(live, by)
        await self._say(live, binding, by, "agent_taken_over", f"{by} took over from {agent_channel_id}")
        return binding

    async def hand_back(self, room_id: str, agent_channel_id: str, by: str | None = None) -> bool:
        """Let an agent speak again; see `roomkit.kit.RoomKit.hand_back`."""
        live, binding = await self._agent(room_id, agent_channel_id)
        if binding.taken_over_by is None:
            return False
        by = by or binding.taken_over_by
        binding = await self._bindings.update(room_id, agent_channel_id, taken_over_by=None)
        await self._say(live, binding, by, "agent_handed_back", f"{by} handed back to {agent_channel_id}")
        return True

    async def _agent(self, room_id: str, channel_id: str) -> tuple[LiveRoom, ChannelBinding]:
        live = await self._parts.rooms.get(room_id)
        if not live.room.is_open:
            raise AccessDeniedError(f"room {room_id!r} is {live.room.status}")
        binding = live.bindings.get(channel_id)
        if binding is None:
            raise NotFoundError(f"channel {channel_id!r} is not attached to room {room_id!r}")
        if binding.category != ChannelCategory.INTELLIGENCE and binding.channel_type not in AGENT_TYPES:
            raise ConfigError(f"no agent speaks through channel {channel_id!r}: mute it instead")
        return live, binding

    async def _say(self, live: LiveRoom, binding: ChannelBinding, by: str, code: str, body: str) -> None:
        """Put it in the timeline and tell the operators; from inside a hook of the room, once its lock is free."""
        self._parts.framework.emit(code, room_id=live.id, channel_id=binding.channel_id, participant_id=by)
        event = RoomEvent(
            id=self._parts.clock.new_id("evt"),
            room_id=live.id,
            type=EventType.SYSTEM,
            source=EventSource(channel_id=ROOM, channel_type=ChannelType.SYSTEM, participant_id=by),
            content=SystemContent(body=body, code=code, data={"channel_id": binding.channel_id, "participant_id": by}),
            created_at=self._parts.clock.wall(),
        )

        def later() -> None:
            begin(self._parts.supervisor, self._pipeline.inject(live, InjectedEvent(event=event)), name=code)

        if not self._gate.defer(live.id, later):
            await self._pipeline.inject(live, InjectedEvent(event=event))
