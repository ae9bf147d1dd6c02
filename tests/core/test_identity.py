"""Whom a challenge remembers, and what an address belongs to (RFC 0009); the rules in a kit: tests/kit."""

from __future__ import annotations

import pytest

from roomkit.channels.websocket import WebSocketChannel
from roomkit.core import identity
from roomkit.core.live import LiveRoom
from roomkit.kit import RoomKit
from roomkit.models.content import TextContent
from roomkit.models.delivery import InboundMessage
from roomkit.models.identity import Address, Identity
from roomkit.models.participant import Participant
from roomkit.models.room import Room


def participant(participant_id: str, *sender_ids: str) -> Participant:
    addresses = tuple(Address(channel_id="sms", sender_id=each) for each in sender_ids)
    return Participant(id=participant_id, room_id="room", addresses=addresses)


def owners(live: LiveRoom) -> dict[str, str]:
    return {address.sender_id: owner for address, owner in live.addresses.items()}


def test_a_room_knows_whose_each_address_is_from_the_store_on() -> None:
    live = LiveRoom(Room(id="room"), [], [participant("ada", "+1", "+2"), participant("bob", "+3")], [], set())
    loaded = owners(live)

    live.join(participant("ada", "+2", "+4"))
    changed = owners(live)
    live.leave("ada")

    assert loaded == {"+1": "ada", "+2": "ada", "+3": "bob"}
    assert changed == {"+2": "ada", "+4": "ada", "+3": "bob"}
    assert owners(live) == {"+3": "bob"}


class AlwaysAsks:
    """Nobody ever answers right."""

    async def question(self, message: InboundMessage, identity: Identity) -> str | None:
        return "Who are you?"

    async def verify(self, message: InboundMessage, identity: Identity) -> str | None:
        return None


async def test_of_too_many_who_were_asked_the_oldest_is_asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "MAX_CHALLENGED", 2)
    async with RoomKit(identity_challenge=AlwaysAsks()) as kit:
        kit.register_channel(WebSocketChannel("sms"))
        await kit.create_room("room")
        await kit.attach_channel("room", "sms")

        async def reason(sender_id: str) -> str | None:
            message = InboundMessage(channel_id="sms", sender_id=sender_id, content=TextContent(body="me"))
            return (await kit.process_inbound(message, room_id="room")).reason

        reasons = [await reason(sender_id) for sender_id in ("+1", "+2", "+3", "+3", "+1")]

    assert reasons == [*["identity_unknown"] * 3, "identity_not_proved", "identity_unknown"]
