"""Who takes part in a room: met by speaking, or made a member on purpose.

Not in here: what a participant may do (bindings carry permissions). Invariant: a participant is announced once.
"""

from __future__ import annotations

import asyncio
from typing import Any

from roomkit.core.live import LiveRoom
from roomkit.core.parts import Parts
from roomkit.core.ports import IdentityResolver
from roomkit.core.registry import Scope
from roomkit.models.delivery import InboundMessage
from roomkit.models.enums import HookTrigger
from roomkit.models.participant import Participant, ParticipantRole


class Participants:
    """The participants of all rooms."""

    def __init__(
        self,
        parts: Parts,
        resolver: IdentityResolver | None,
        *,
        identity_timeout_s: float,
    ) -> None:
        self._parts = parts
        self._rooms = parts.rooms
        self._store = parts.store
        self._resolver = resolver
        self._identity_timeout_s = identity_timeout_s

    async def identify(self, live: LiveRoom, message: InboundMessage) -> str:
        """Who sent a message, as a participant id; the sender id if the resolver does not know, fails or is late."""
        if self._resolver is None:
            return message.sender_id
        try:
            async with asyncio.timeout(self._identity_timeout_s):
                return await self._resolver.resolve(message) or message.sender_id
        except Exception as error:  # noqa: BLE001 -- the application's function; the message must not be lost for it
            self._parts.framework.emit(
                "identity_failed", room_id=live.id, channel_id=message.channel_id, error=type(error).__name__
            )
            return message.sender_id

    async def ensure(self, room_id: str, participant_id: str, channel_id: str | None = None) -> Participant:
        """The participant, added if missing."""
        live = await self._rooms.get(room_id)
        return await self.ensure_in(live, participant_id, channel_id)

    async def ensure_in(self, live: LiveRoom, participant_id: str, channel_id: str | None = None) -> Participant:
        """As `ensure`, for a room at hand."""
        if (known := live.participants.get(participant_id)) is not None:
            return known
        return await self._join(live, self._new(live, participant_id, channel_id=channel_id))

    async def add_member(
        self,
        room_id: str,
        participant_id: str,
        *,
        role: ParticipantRole = ParticipantRole.MEMBER,
        display_name: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Participant:
        """Make somebody a member; who already takes part keeps what is not given."""
        live = await self._rooms.get(room_id)
        known = live.participants.get(participant_id)
        member = (known or self._new(live, participant_id)).model_copy(
            update={
                "is_member": True,
                "role": role,
                "display_name": display_name or (known.display_name if known else None),
                "metadata": {**(known.metadata if known else {}), **(metadata or {})},
            }
        )
        if known is None:
            return await self._join(live, member)
        live.join(member)
        await self._store.put_participant(member)
        return member

    async def remove_member(self, room_id: str, participant_id: str) -> bool:
        """Take somebody out of the room; whether they were in it."""
        live = await self._rooms.get(room_id)
        gone = live.leave(participant_id)
        if gone is None:
            return False
        await self._store.delete_participant(room_id, participant_id)
        self._announce(live, HookTrigger.ON_PARTICIPANT_LEFT, gone)
        return True

    async def list_members(self, room_id: str) -> list[Participant]:
        """Members in the order they came."""
        live = await self._rooms.get(room_id)
        return [participant for participant in live.participants.values() if participant.is_member]

    async def is_member(self, room_id: str, participant_id: str) -> bool:
        """Whether somebody is a member."""
        live = await self._rooms.get(room_id)
        known = live.participants.get(participant_id)
        return known is not None and known.is_member

    def _new(self, live: LiveRoom, participant_id: str, *, channel_id: str | None = None) -> Participant:
        return Participant(
            id=participant_id, room_id=live.id, channel_id=channel_id, joined_at=self._parts.clock.wall()
        )

    async def _join(self, live: LiveRoom, participant: Participant) -> Participant:
        live.join(participant)
        await self._store.put_participant(participant)
        self._announce(live, HookTrigger.ON_PARTICIPANT_JOINED, participant)
        return participant

    def _announce(self, live: LiveRoom, trigger: HookTrigger, participant: Participant) -> None:
        scope = Scope(live.id, participant.channel_id)
        self._parts.announce(live, trigger, participant, scope, participant_id=participant.id)
