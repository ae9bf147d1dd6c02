"""Who sent a message: links, the resolver, the challenge; members and roles (RFC 0009)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from roomkit.kit import RoomKit
from roomkit.models.content import TextContent
from roomkit.models.delivery import InboundMessage, InboundResult
from roomkit.models.enums import EventStatus
from roomkit.models.identity import Address, Identity
from roomkit.models.participant import ParticipantRole
from tests.kit.conftest import Agent, Party

CODES = {"1111": "ada", "2222": "bob"}


class Directory:
    """Knows one number, cannot tell two people on another apart, breaks on a third."""

    async def resolve(self, message: InboundMessage) -> Identity | str | None:
        match message.sender_id:
            case "+1":
                return Identity.known("ada", display_name="Ada")
            case "+2":
                return Identity.ambiguous(["bob", "eve"])
            case "+3":
                raise RuntimeError("directory is down")
            case "+4":
                return cast("str", 4)  # an application's mistake
        return None


class Codes:
    """Asks for a code; lets guests in unasked, fails for one number, hangs for another."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def question(self, message: InboundMessage, identity: Identity) -> str | None:
        self.asked.append(message.sender_id)
        if message.sender_id == "broken":
            raise RuntimeError("no codes today")
        if message.sender_id == "slow":
            await asyncio.sleep(3_600)
        return None if message.sender_id == "guest" else "What is your code?"

    async def verify(self, message: InboundMessage, identity: Identity) -> str | None:
        assert isinstance(message.content, TextContent)
        return CODES.get(message.content.body)


class Lobby(Party):
    """A room with an SMS channel that many write through, and a colleague who reads along."""

    async def writes(self, sender_id: str, text: str, *, key: str | None = None) -> InboundResult:
        message = InboundMessage(
            channel_id="sms", sender_id=sender_id, content=TextContent(body=text), idempotency_key=key
        )
        return await self.kit.process_inbound(message, room_id="room")

    def takes_part(self) -> list[str]:
        return [event.data["participant_id"] for event in self.reported("participant_joined")]


@asynccontextmanager
async def a_lobby(challenge: Codes | None = None, store: Path | None = None) -> AsyncIterator[Lobby]:
    async with RoomKit(store, identity_resolver=Directory(), identity_challenge=challenge, identity_timeout=2.0) as kit:
        if not await kit.list_rooms():
            await kit.create_room("room")
        lobby = Lobby(kit)
        await lobby.joins("sms")
        await lobby.joins("colleague")
        yield lobby


async def sender_of(result: InboundResult) -> str | None:
    return None if result.event is None else result.event.source.participant_id


@pytest.mark.parametrize(
    ("sender_id", "participant_id"), [("+1", "ada"), ("+2", "+2"), ("+3", "+3"), ("+4", "+4"), ("+5", "+5")]
)
async def test_without_a_challenge_everybody_takes_part_known_or_not(sender_id: str, participant_id: str) -> None:
    async with a_lobby() as lobby:
        result = await lobby.writes(sender_id, "hello")

        assert not result.blocked
        assert await sender_of(result) == participant_id
        assert lobby.takes_part() == [participant_id]
        assert bool(lobby.reported("identity_failed")) == (sender_id in ("+3", "+4"))
        assert [event.data["candidates"] for event in lobby.reported("identity_ambiguous")] == (
            [["bob", "eve"]] if sender_id == "+2" else []
        )


async def test_a_known_sender_comes_with_a_name() -> None:
    async with a_lobby() as lobby:
        await lobby.writes("+1", "hello")

        assert (await lobby.kit.ensure_participant("room", "ada")).display_name == "Ada"


async def test_a_linked_address_needs_no_resolver_and_moves_when_linked_again() -> None:
    async with a_lobby(Codes()) as lobby:
        await lobby.kit.link_address("room", "eve", "sms", "+1")
        first = await lobby.writes("+1", "as eve")
        await lobby.kit.link_address("room", "bob", "sms", "+1")
        second = await lobby.writes("+1", "as bob")
        assert await lobby.kit.unlink_address("room", "sms", "+1") is True
        assert await lobby.kit.unlink_address("room", "sms", "+1") is False
        third = await lobby.writes("+1", "as ada")

        assert [await sender_of(each) for each in (first, second, third)] == ["eve", "bob", "ada"]


async def test_the_same_sender_id_on_another_channel_is_another_address() -> None:
    async with a_lobby() as lobby:
        await lobby.kit.link_address("room", "eve", "sms", "colleague")

        result = await lobby.says("colleague", "not eve")

        assert await sender_of(result) == "colleague"


async def test_an_unknown_sender_is_asked_and_nobody_hears_before_they_have_proved_who_they_are() -> None:
    async with a_lobby(Codes()) as lobby:
        agent: Agent = await lobby.agent("agent", "you said something")

        held = await lobby.writes("+5", "let me in")
        proved = await lobby.writes("+5", "1111")
        said = await lobby.writes("+5", "it is me")

        assert (held.reason, proved.reason, proved.event) == ("identity_unknown", "identity_proved", None)
        assert await sender_of(said) == "ada"
        assert lobby.heard("sms") == ["What is your code?", "you said something"]
        assert lobby.heard("colleague") == ["it is me", "you said something"]
        assert [event.text for event in agent.seen] == ["it is me"]
        assert "1111" not in await lobby.timeline()
        assert lobby.takes_part() == ["ada"]


async def test_what_was_held_is_stored_as_blocked_and_the_question_names_whom_it_is_for() -> None:
    async with a_lobby(Codes()) as lobby:
        await lobby.writes("+5", "let me in")

        held, question = await lobby.kit.get_timeline("room")

        assert (held.status, held.blocked_by, held.block_reason) == (
            EventStatus.BLOCKED,
            "identity",
            "identity_unknown",
        )
        assert (question.visibility, question.metadata, question.parent_event_id) == (
            "sms",
            {"challenge": "+5"},
            held.id,
        )


async def test_an_ambiguous_sender_can_be_one_of_the_candidates_only() -> None:
    async with a_lobby(Codes()) as lobby:
        held = await lobby.writes("+2", "hello")
        as_ada = await lobby.writes("+2", "1111")
        as_bob = await lobby.writes("+2", "2222")

        assert [each.reason for each in (held, as_ada, as_bob)] == [
            "identity_ambiguous",
            "identity_not_proved",
            "identity_proved",
        ]
        assert await sender_of(await lobby.writes("+2", "hi")) == "bob"


async def test_a_code_cannot_be_guessed_and_an_operator_can_still_let_them_in() -> None:
    async with a_lobby(Codes()) as lobby:
        results = [await lobby.writes("+5", text) for text in ("hi", "0001", "0002", "0003", "1111")]
        await lobby.kit.link_address("room", "ada", "sms", "+5")
        at_last = await lobby.writes("+5", "thank you")

        assert [each.reason for each in results] == [
            "identity_unknown",
            *["identity_not_proved"] * 3,
            "identity_refused",
        ]
        assert lobby.heard("sms") == ["What is your code?"] * 3
        assert await sender_of(at_last) == "ada"


async def test_one_senders_attempts_are_nobody_elses() -> None:
    async with a_lobby(Codes()) as lobby:
        await lobby.writes("+5", "hi")

        other = await lobby.writes("+6", "1111")

        assert other.reason == "identity_unknown"


async def test_a_challenge_may_let_somebody_in_unasked() -> None:
    async with a_lobby(Codes()) as lobby:
        result = await lobby.writes("guest", "just looking")

        assert (result.blocked, await sender_of(result)) == (False, "guest")


@pytest.mark.virtual_time
@pytest.mark.parametrize("sender_id", ["broken", "slow"])
async def test_a_challenge_that_fails_or_hangs_has_proved_nothing(sender_id: str) -> None:
    async with a_lobby(Codes()) as lobby:
        result = await lobby.writes(sender_id, "let me in")

        assert (result.blocked, result.reason) == (True, "identity_failed")
        assert lobby.heard("colleague") == []


async def test_a_known_sender_is_never_asked() -> None:
    challenge = Codes()
    async with a_lobby(challenge) as lobby:
        result = await lobby.writes("+1", "hello")

        assert (result.blocked, challenge.asked) == (False, [])


async def test_the_same_message_sent_twice_is_one_question() -> None:
    challenge = Codes()
    async with a_lobby(challenge) as lobby:
        both = [await lobby.writes("+5", "let me in", key="k") for _ in range(2)]

        assert [each.reason for each in both] == ["identity_unknown"] * 2
        assert challenge.asked == ["+5"]


async def test_what_was_proved_holds_after_a_restart(tmp_path: Path) -> None:
    store = tmp_path / "rooms.sqlite3"
    async with a_lobby(Codes(), store) as lobby:
        await lobby.writes("+5", "let me in")
        await lobby.writes("+5", "1111")

    async with a_lobby(Codes(), store) as lobby:
        result = await lobby.writes("+5", "me again")
        ada = await lobby.kit.ensure_participant("room", "ada")

    assert await sender_of(result) == "ada"
    assert ada.addresses == (Address(channel_id="sms", sender_id="+5"),)


async def test_a_linked_address_finds_its_room_among_several() -> None:
    async with a_lobby() as lobby:
        await lobby.kit.create_room("other")
        await lobby.kit.attach_channel("other", "sms")
        await lobby.kit.link_address("other", "ada", "sms", "+5")
        message = InboundMessage(channel_id="sms", sender_id="+5", content=TextContent(body="hi"))

        result = await lobby.kit.process_inbound(message)

        assert result.event is not None
        assert (result.event.room_id, result.event.source.participant_id) == ("other", "ada")


async def test_who_is_removed_loses_their_addresses(party: Party) -> None:
    await party.joins("sms")
    await party.kit.link_address("room", "ada", "sms", "+1")
    await party.kit.remove_member("room", "ada")

    result = await party.kit.process_inbound(
        InboundMessage(channel_id="sms", sender_id="+1", content=TextContent(body="hi")), room_id="room"
    )

    assert await sender_of(result) == "+1"


async def test_adding_a_member_again_changes_only_what_is_given(party: Party) -> None:
    await party.kit.add_member("room", "ada", ParticipantRole.OWNER, display_name="Ada")
    await party.kit.add_member("room", "bob")
    await party.kit.add_member("room", "ada", metadata={"k": 1})

    owners = await party.kit.list_members("room", ParticipantRole.OWNER)

    assert [(each.id, each.display_name, each.metadata) for each in owners] == [("ada", "Ada", {"k": 1})]
    assert [each.id for each in await party.kit.list_members("room")] == ["ada", "bob"]
