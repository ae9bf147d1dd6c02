"""Participants, rooms as a list, and what passes without being stored."""

from __future__ import annotations

import asyncio

import pytest

from roomkit.errors import ConfigError, NotFoundError
from roomkit.kit import RoomKit
from roomkit.models.delivery import InboundMessage
from roomkit.models.enums import RoomStatus
from roomkit.models.framework import EphemeralEvent
from roomkit.models.participant import ParticipantRole
from tests.kit.conftest import Party


async def test_who_speaks_takes_part_and_who_is_added_is_a_member(party: Party) -> None:
    await party.joins("ada")
    await party.says("ada", "x")

    assert await party.kit.is_member("room", "ada") is False
    member = await party.kit.add_member("room", "ada", ParticipantRole.OWNER, display_name="Ada")
    again = await party.kit.add_member("room", "ada", metadata={"k": 1})

    assert (member.channel_id, member.role) == ("ada", ParticipantRole.OWNER)
    assert (again.display_name, again.metadata) == ("Ada", {"k": 1})
    assert await party.kit.list_members("room") == [again]
    assert await party.kit.remove_member("room", "ada") is True
    assert await party.kit.remove_member("room", "ada") is False
    assert len(party.reported("participant_joined")) == 1


class Directory:
    """Knows one number; breaks on another, hangs on a third."""

    async def resolve(self, message: InboundMessage) -> str | None:
        match message.sender_id:
            case "+1":
                return "ada"
            case "+2":
                raise RuntimeError("directory is down")
            case "+3":
                await asyncio.sleep(3_600)
        return None


@pytest.mark.virtual_time
@pytest.mark.parametrize(("sender", "participant"), [("+1", "ada"), ("+2", "+2"), ("+3", "+3"), ("+4", "+4")])
async def test_a_resolver_names_the_sender_or_the_sender_id_serves(sender: str, participant: str) -> None:
    async with RoomKit(identity_resolver=Directory(), identity_timeout=2.0) as kit:
        await kit.create_room("room")
        party = Party(kit)
        await party.joins("sms")
        message = InboundMessage.model_validate(
            {"channel_id": "sms", "sender_id": sender, "content": {"type": "text", "body": "hi"}}
        )

        result = await kit.process_inbound(message, room_id="room")

        assert result.event is not None
        assert result.event.source.participant_id == participant
        assert bool(party.reported("identity_failed")) == (sender in ("+2", "+3"))


async def test_rooms_are_made_listed_closed_and_archived() -> None:
    async with RoomKit() as kit:
        first = await kit.create_room(organization_id="acme")
        await kit.create_room("b")
        with pytest.raises(ConfigError, match="already"):
            await kit.create_room("b")
        with pytest.raises(NotFoundError, match="nowhere"):
            await kit.get_room("nowhere")

        archived = await kit.archive_room("b")

        assert archived.status == RoomStatus.ARCHIVED
        assert archived.closed_at is not None
        assert [room.id for room in await kit.list_rooms()] == [first.id, "b"]
        assert [room.id for room in await kit.list_rooms(organization_id="acme")] == [first.id]
        assert [room.id for room in await kit.list_rooms(status=RoomStatus.ARCHIVED)] == ["b"]


async def test_watchers_of_a_room_see_what_passes_and_nobody_else_does(party: Party) -> None:
    await party.kit.create_room("other")
    seen: list[tuple[str, str, object]] = []

    def watch(event: EphemeralEvent) -> None:
        seen.append((event.type, event.user_id, event.data))

    async def fails(event: EphemeralEvent) -> None:
        raise ValueError("no")

    def fails_at_once(event: EphemeralEvent) -> None:
        raise ValueError("no")

    await party.kit.subscribe_room("room", fails_at_once)
    await party.kit.subscribe_room("room", fails)
    subscription = await party.kit.subscribe_room("room", watch)
    await party.kit.publish_typing("room", "ada")
    await party.kit.publish_presence("room", "ada", "away")
    await party.kit.publish_reaction("room", "ada", "evt_1", "+1")
    await party.kit.publish_typing("other", "eve")
    assert await party.kit.unsubscribe_room(subscription) is True
    assert await party.kit.unsubscribe_room(subscription) is False
    await party.kit.publish_typing("room", "ada", False)

    assert seen == [
        ("typing", "ada", {"is_typing": True}),
        ("presence", "ada", {"status": "away"}),
        ("reaction", "ada", {"target_event_id": "evt_1", "emoji": "+1", "action": "add"}),
    ]
    assert await party.timeline() == []
    with pytest.raises(NotFoundError):
        await party.kit.publish_typing("nowhere", "ada")
