"""One agent works for another, in a child room of its own (RFC 0008)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit.channels.ai import AIChannel
from roomkit.core.ports import ModelReply, ModelRequest, ModelToolCall
from roomkit.core.turns import MAX_DELEGATIONS
from roomkit.errors import AccessDeniedError, ConfigError, NotFoundError, ProviderError, SessionStateError
from roomkit.kit import RoomKit
from roomkit.models.content import TextContent
from roomkit.models.context import RoomContext
from roomkit.models.enums import EventStatus, HookTrigger, RoomStatus
from roomkit.models.event import RoomEvent
from roomkit.models.hook import HookResult
from roomkit.models.room import Room
from roomkit.models.tool_call import Tool
from roomkit.providers.ai.mock import MockAIProvider
from tests.kit.conftest import Party


class NeverAnswers(MockAIProvider):
    was_stopped = False

    async def generate(self, request: ModelRequest) -> ModelReply:
        try:
            await asyncio.Event().wait()
        finally:
            self.was_stopped = True
        raise AssertionError


class Fails(MockAIProvider):
    async def generate(self, request: ModelRequest) -> ModelReply:
        raise ProviderError("quota")


def register(kit: RoomKit, channel_id: str, model: MockAIProvider, **settings: Any) -> None:
    kit.register_channel(AIChannel(channel_id, model, **settings))


def asks_for(task: str) -> ModelReply:
    return ModelReply(tool_calls=(ModelToolCall(id="c1", name="ask", arguments={"task": task}),))


def tool_that_delegates(party: Party, agent: str) -> Tool:
    async def ask(task: str) -> str:
        return (await party.kit.delegate(None, agent, task)).text

    return Tool("ask", "Asks a colleague.", {"type": "object", "properties": {"task": {"type": "string"}}}, ask)


async def children(kit: RoomKit) -> list[Room]:
    return [room for room in await kit.list_rooms() if "parent_room_id" in room.metadata]


async def test_the_result_of_a_task_is_said_by_who_delegated_it(party: Party) -> None:
    """R-0008-30, R-0008-31."""
    model = MockAIProvider(["42"])
    register(party.kit, "expert", model)
    await party.joins("ada")
    await party.agent("bot")

    event = await party.kit.delegate("room", "expert", "6 x 7?", by="bot")

    assert (event.text, event.source.channel_id, event.metadata["delegated_to"]) == ("42", "bot", "expert")
    assert [message.text for message in model.calls[0].messages] == ["6 x 7?"]
    assert party.heard("ada") == ["42"]
    child = await party.kit.get_room(event.metadata["child_room_id"])
    assert (child.metadata["parent_room_id"], child.status) == ("room", RoomStatus.CLOSED)
    assert [each.text for each in await party.kit.get_timeline(child.id)] == ["6 x 7?", "42"]


async def test_a_child_room_belongs_to_its_parents_organization() -> None:
    """R-0008-30."""
    async with RoomKit() as kit:
        await kit.create_room("room", organization_id="acme")
        party = Party(kit)
        register(kit, "expert", MockAIProvider(["done"]))
        await party.agent("bot")

        await party.kit.delegate("room", "expert", "go", by="bot")

        assert [room.organization_id for room in await children(kit)] == ["acme"]


async def test_an_agents_tool_may_delegate_for_it_while_it_answers(party: Party) -> None:
    """R-0008-32."""
    register(party.kit, "expert", MockAIProvider(["42"]))
    model = MockAIProvider([asks_for("6 x 7?"), "It is 42."])
    register(party.kit, "bot", model, tools=[tool_that_delegates(party, "expert")])
    await party.kit.attach_channel("room", "bot")
    await party.joins("ada")

    await party.says("ada", "what is six times seven?")

    events = await party.kit.get_timeline("room")
    assert [(event.text, event.source.channel_id) for event in events[1:]] == [("42", "bot"), ("It is 42.", "bot")]
    assert events[1].parent_event_id == events[0].id
    assert events[1].chain_depth == 2


async def test_the_result_of_a_whispered_task_is_a_whisper(party: Party) -> None:
    """R-0008-31."""
    register(party.kit, "expert", MockAIProvider(["42"]))
    model = MockAIProvider([asks_for("6 x 7?"), "It is 42."])
    register(party.kit, "bot", model, tools=[tool_that_delegates(party, "expert")])
    await party.kit.attach_channel("room", "bot")
    await party.joins("ada")
    await party.joins("boss")

    await party.kit.send_event("room", "boss", TextContent(body="six times seven?"), visibility="bot")

    assert (party.heard("ada"), party.heard("boss")) == ([], ["42", "It is 42."])


async def test_agents_that_delegate_to_each_other_for_ever_are_stopped_by_the_chain(party: Party) -> None:
    """R-0008-32."""

    class AsksOnce(MockAIProvider):
        async def generate(self, request: ModelRequest) -> ModelReply:
            return ModelReply("could not") if request.messages[-1].role == "tool" else asks_for("you do it")

    for name, other in (("bot", "expert"), ("expert", "bot")):
        register(party.kit, name, AsksOnce(), tools=[tool_that_delegates(party, other)])
    await party.kit.attach_channel("room", "bot")
    await party.joins("ada")

    result = await party.says("ada", "go")

    assert result.delivery_results["bot"].ok
    assert party.reported("chain_depth_exceeded")
    assert len(await children(party.kit)) == 6
    assert all(room.status is RoomStatus.CLOSED for room in await children(party.kit))


async def test_a_turn_delegates_a_bounded_number_of_tasks_in_all(party: Party) -> None:
    """R-0008-32: or each level of the chain would multiply them."""
    for name, other in (("bot", "expert"), ("expert", "bot")):
        model = MockAIProvider([asks_for("you do it")])
        register(party.kit, name, model, tools=[tool_that_delegates(party, other)])
    await party.kit.attach_channel("room", "bot")
    await party.joins("ada")

    await party.says("ada", "go")

    assert len(await children(party.kit)) == MAX_DELEGATIONS


@pytest.mark.virtual_time
async def test_a_task_that_takes_too_long_is_stopped(party: Party) -> None:
    """R-0008-33."""
    model = NeverAnswers()
    register(party.kit, "expert", model)
    await party.agent("bot")

    with pytest.raises(TimeoutError, match="within 40 s"):
        await party.kit.delegate("room", "expert", "go", by="bot", timeout=40)

    await asyncio.sleep(0.01)
    assert model.was_stopped
    assert [room.status for room in await children(party.kit)] == [RoomStatus.CLOSED]
    assert await party.timeline() == []


@pytest.mark.parametrize(("model", "why"), [(Fails(), "ProviderError"), (MockAIProvider([" "]), "nothing to say")])
async def test_an_agent_that_fails_or_says_nothing_is_an_error_of_the_delegation(
    party: Party, model: MockAIProvider, why: str
) -> None:
    """R-0008-33."""
    register(party.kit, "expert", model)
    await party.agent("bot")

    with pytest.raises(ProviderError, match=why):
        await party.kit.delegate("room", "expert", "go", by="bot")

    assert await party.timeline() == []


async def test_a_hook_that_blocks_the_task_is_told_to_who_delegated(party: Party) -> None:
    register(party.kit, "expert", MockAIProvider(["never"]))
    await party.agent("bot")

    @party.kit.hook(HookTrigger.BEFORE_BROADCAST)
    def guard(event: RoomEvent, _: RoomContext) -> HookResult:
        return HookResult.block("no")

    with pytest.raises(AccessDeniedError, match="guard"):
        await party.kit.delegate("room", "expert", "go", by="bot")


async def test_who_was_muted_meanwhile_brings_back_a_blocked_result(party: Party) -> None:
    """R-0008-31: the result meets the permissions of the moment."""

    class MutesTheBot(MockAIProvider):
        async def generate(self, request: ModelRequest) -> ModelReply:
            await party.kit.mute("room", "bot")
            return await super().generate(request)

    register(party.kit, "expert", MutesTheBot(["42"]))
    await party.joins("ada")
    await party.agent("bot")

    event = await party.kit.delegate("room", "expert", "go", by="bot")

    assert (event.status, event.blocked_by) == (EventStatus.BLOCKED, "muted")
    assert party.heard("ada") == []


async def test_a_delegation_that_cannot_be_is_refused_before_anything_begins(party: Party) -> None:
    register(party.kit, "expert", MockAIProvider(["never"]))
    await party.joins("ada")
    await party.agent("bot")
    refused: list[tuple[type[Exception], str, dict[str, Any]]] = [
        (ConfigError, "for whom", {"agent": "expert"}),
        (ConfigError, "where", {"agent": "expert", "by": "bot", "room_id": None}),
        (ConfigError, "itself", {"agent": "bot", "by": "bot"}),
        (ConfigError, "no agent", {"agent": "ada", "by": "bot"}),
        (ConfigError, "in words", {"agent": "expert", "by": "bot", "task": " "}),
        (ConfigError, "positive", {"agent": "expert", "by": "bot", "timeout": 0}),
        (NotFoundError, "ghost", {"agent": "ghost", "by": "bot"}),
        (NotFoundError, "nowhere", {"agent": "expert", "by": "bot", "room_id": "nowhere"}),
        (AccessDeniedError, "not_attached", {"agent": "expert", "by": "expert2"}),
    ]
    for error, words, given in refused:
        with pytest.raises(error, match=words):
            await party.kit.delegate(**{"room_id": "room", "task": "go", **given})
    await party.kit.take_over("room", "bot", by="boss")
    with pytest.raises(AccessDeniedError, match="taken_over"):
        await party.kit.delegate("room", "expert", "go", by="bot")

    assert await children(party.kit) == []


async def test_a_hook_cannot_wait_for_a_result_that_would_wait_for_it(party: Party) -> None:
    raised: list[Exception] = []
    register(party.kit, "expert", MockAIProvider(["never"]))
    await party.joins("ada")
    await party.agent("bot")

    @party.kit.hook(HookTrigger.BEFORE_BROADCAST)
    async def asks(event: RoomEvent, _: RoomContext) -> None:
        try:
            await party.kit.delegate("room", "expert", "go", by="bot")
        except SessionStateError as error:
            raised.append(error)

    await party.says("ada", "hello")

    assert len(raised) == 1
