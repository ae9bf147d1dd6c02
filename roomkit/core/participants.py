"""Who takes part in a room: met by speaking, or made a member on purpose.

Not in here: what a participant may do (bindings carry permissions). Invariant: a participant is announced once.
"""

from __future__ import annotations

from typing import Any

from roomkit.core.live import LiveRoom
from roomkit.core.parts import Parts
from roomkit.core.registry import Scope
from roomkit.models.enums import HookTrigger
from roomkit.models.identity import Address
from roomkit.models.participant import Participant, ParticipantRole


class Participants:
    """The participants of all rooms."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._rooms = parts.rooms
        self._store = parts.store

    async def ensure(self, room_id: str, participant_id: str, channel_id: str | None = None) -> Participant:
        """The participant, added if missing."""
        live = await self._rooms.get(room_id)
        return await self.ensure_in(live, participant_id, channel_id)

    async def ensure_in(
        self, live: LiveRoom, participant_id: str, channel_id: str | None = None, display_name: str | None = None
    ) -> Participant:
        """As `ensure`, for a room at hand."""
        if (known := live.participants.get(participant_id)) is not None:
            return known
        new = self._new(live, participant_id, channel_id=channel_id)
        return await self._join(live, new.model_copy(update={"display_name": display_name}))

    async def link(self, room_id: str, participant_id: str, address: Address) -> Participant:
        """Let an address be a participant's; see `roomkit.kit.RoomKit.link_address`."""
        return await self.link_in(await self._rooms.get(room_id), participant_id, address)

    async def link_in(self, live: LiveRoom, participant_id: str, address: Address) -> Participant:
        """As `link`, for a room at hand. An address is one participant's at a time (R-0009-2)."""
        owner_id = live.addresses.get(address)
        participant = await self.ensure_in(live, participant_id, address.channel_id)
        if owner_id == participant_id:
            return participant
        if owner_id is not None:
            await self._unlink(live, owner_id, address)
        participant = participant.model_copy(update={"addresses": (*participant.addresses, address)})
        live.join(participant)
        await self._store.put_participant(participant)
        return participant

    async def unlink(self, room_id: str, address: Address) -> bool:
        """Let an address be nobody's; whether it was somebody's."""
        live = await self._rooms.get(room_id)
        owner_id = live.addresses.get(address)
        if owner_id is not None:
            await self._unlink(live, owner_id, address)
        return owner_id is not None

    async def add_member(
        self,
        room_id: str,
        participant_id: str,
        *,
        role: ParticipantRole | None = None,
        display_name: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Participant:
        """Make somebody a member; who already takes part keeps what is not given."""
        live = await self._rooms.get(room_id)
        known = live.participants.get(participant_id)
        member = (known or self._new(live, participant_id)).model_copy(
            update={
                "is_member": True,
                "role": role or (known.role if known else ParticipantRole.MEMBER),
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

    async def list_members(self, room_id: str, role: ParticipantRole | None = None) -> list[Participant]:
        """Members, or those of one role, in the order they came."""
        live = await self._rooms.get(room_id)
        return [each for each in live.participants.values() if each.is_member and role in (None, each.role)]

    async def is_member(self, room_id: str, participant_id: str) -> bool:
        """Whether somebody is a member."""
        live = await self._rooms.get(room_id)
        known = live.participants.get(participant_id)
        return known is not None and known.is_member

    async def _unlink(self, live: LiveRoom, participant_id: str, address: Address) -> None:
        owner = live.participants[participant_id]
        left = tuple(each for each in owner.addresses if each != address)
        owner = owner.model_copy(update={"addresses": left})
        live.join(owner)
        await self._store.put_participant(owner)

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
