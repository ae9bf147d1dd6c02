"""What hooks can do and what they cannot (RFC 0004)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit.errors import ConfigError, SessionStateError
from roomkit.kit import RoomKit
from roomkit.models.channel import ChannelBinding
from roomkit.models.content import SystemContent, TextContent
from roomkit.models.context import RoomContext
from roomkit.models.enums import (
    ChannelDirection,
    ChannelType,
    EventStatus,
    HookExecution,
    HookTrigger,
)
from roomkit.models.event import EventSource, RoomEvent
from roomkit.models.hook import HookResult, InjectedEvent
from roomkit.models.participant import Participant
from roomkit.models.room import Room
from tests.kit.conftest import Party

BEFORE = HookTrigger.BEFORE_BROADCAST


async def test_a_blocked_event_is_stored_with_its_reason_and_delivered_to_nobody(party: Party) -> None:
    """R-0001-7."""
    await party.joins("ada")
    await party.joins("bob")

    @party.kit.hook(BEFORE, name="moderation")
    async def moderate(event: RoomEvent, _: RoomContext) -> HookResult:
        return HookResult.block("rude") if "damn" in event.text else HookResult.allow()

    await party.says("ada", "hello")
    blocked = await party.says("ada", "damn")
    await party.says("ada", "sorry")

    assert (blocked.blocked, blocked.reason) == (True, "rude")
    assert party.heard("bob") == ["hello", "sorry"]
    stored = (await party.kit.get_timeline("room"))[1]
    assert (stored.index, stored.status, stored.blocked_by) == (1, EventStatus.BLOCKED, "moderation")
    assert party.reported("event_blocked")[0].data["reason"] == "rude"


async def test_hooks_run_by_priority_then_registration_global_before_the_rooms_own(party: Party) -> None:
    """R-0004-2."""
    await party.joins("ada")
    order: list[str] = []

    def hook(name: str) -> Any:
        return lambda *_: order.append(name)

    party.kit.add_room_hook("room", BEFORE, HookExecution.SYNC, hook("room 0"))
    party.kit.hook(BEFORE, priority=5)(hook("late"))
    party.kit.hook(BEFORE)(hook("first"))
    party.kit.hook(BEFORE)(hook("second"))
    party.kit.hook(BEFORE, priority=-1)(hook("early"))
    party.kit.add_room_hook("elsewhere", BEFORE, HookExecution.SYNC, hook("elsewhere"))

    await party.says("ada", "x")

    assert order == ["early", "first", "second", "room 0", "late"]


async def test_each_hook_sees_the_event_as_the_one_before_left_it_and_a_block_ends_the_round(party: Party) -> None:
    """R-0004-2, R-0004-3."""
    await party.joins("ada")
    seen: list[str] = []

    def louder(event: RoomEvent, _: RoomContext) -> HookResult:
        seen.append(event.text)
        return HookResult.modify(event.model_copy(update={"content": TextContent(body=event.text + "!")}))

    def block(event: RoomEvent, _: RoomContext) -> HookResult:
        seen.append(event.text)
        return HookResult.block("enough")

    for hook in (louder, louder, block, louder):
        party.kit.hook(BEFORE)(hook)

    await party.says("ada", "x")

    assert seen == ["x", "x!", "x!!"]


async def test_a_hook_cannot_change_what_identifies_an_event(party: Party) -> None:
    """R-0004-9."""
    await party.joins("ada")
    await party.joins("bob")
    await party.kit.create_room("other")

    @party.kit.hook(BEFORE)
    def forge(event: RoomEvent, _: RoomContext) -> HookResult:
        changes = {"room_id": "other", "id": "mine", "source": EventSource(channel_id="bob"), "index": 9}
        return HookResult.modify(event.model_copy(update={**changes, "content": TextContent(body="forged")}))

    result = await party.says("ada", "x")

    assert result.event is not None
    assert (result.event.room_id, result.event.index, result.event.source.channel_id) == ("room", 0, "ada")
    assert result.event.id != "mine"
    assert party.heard("bob") == ["forged"]


async def raises(*_: object) -> HookResult:
    raise RuntimeError("secret words")


async def hangs(*_: object) -> HookResult:
    await asyncio.sleep(3_600)
    return HookResult.allow()


async def babbles(*_: object) -> Any:
    return "yes please"


async def retypes(*_: object) -> HookResult:
    return HookResult.modify("not an event")


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("hook", "report"),
    [(raises, "hook_error"), (hangs, "hook_timeout"), (babbles, "hook_error"), (retypes, "hook_error")],
)
async def test_a_hook_that_fails_allows_and_is_reported(hook: Any, report: str) -> None:
    """R-0004-5, triggers that fail open."""
    async with RoomKit() as kit:
        await kit.create_room("room")
        party = Party(kit)
        await party.joins("ada")
        await party.joins("bob")
        kit.hook(BEFORE, name="bad", timeout=3)(hook)

        await party.says("ada", "x")

        assert party.heard("bob") == ["x"]
        [event] = party.reported(report)
        assert (event.data["hook"], event.data["trigger"], event.data["blocked"]) == ("bad", "before_broadcast", False)
        assert "secret" not in str(event)


@pytest.mark.virtual_time
@pytest.mark.parametrize("hook", [raises, hangs, babbles, retypes])
@pytest.mark.parametrize("trigger", [HookTrigger.ON_TRANSCRIPTION, HookTrigger.BEFORE_TTS, HookTrigger.BEFORE_TOOL_USE])
async def test_where_a_failure_is_closed_a_failing_hook_blocks(hook: Any, trigger: HookTrigger) -> None:
    """R-0004-5, triggers that fail closed."""
    async with RoomKit() as kit:
        await kit.create_room("room")
        party = Party(kit)
        agent = await party.agent("agent")
        kit.hook(trigger, timeout=3, name="bad")(hook)
        assert agent.host is not None

        verdict = await agent.host.room_port("room").ask(trigger, {"some": "event"})

        assert not verdict.allowed
        assert verdict.reason is not None
        assert "bad" in verdict.reason


async def test_an_async_hook_on_a_deciding_trigger_only_observes(party: Party) -> None:
    """R-0004-1, R-0004-6."""
    await party.joins("ada")
    await party.joins("bob")
    release = asyncio.Event()
    outcomes: list[str] = []

    @party.kit.hook(BEFORE, HookExecution.ASYNC)
    async def observe(event: RoomEvent, _: RoomContext) -> HookResult:
        await release.wait()
        outcomes.append(event.text)
        return HookResult.block("ignored")

    await party.says("ada", "x")

    assert (party.heard("bob"), outcomes) == (["x"], [])
    release.set()
    await asyncio.sleep(0.001)
    assert outcomes == ["x"]


async def test_an_observer_may_use_the_room_like_anybody(party: Party) -> None:
    """R-0004-6: it does not run inside the lock, even when it was started there."""
    await party.joins("ada")
    await party.joins("bob")

    @party.kit.hook(BEFORE, HookExecution.ASYNC)
    async def note(event: RoomEvent, _: RoomContext) -> None:
        if event.text == "x":
            await party.kit.send_event("room", "ada", TextContent(body="noted"))

    await party.says("ada", "x")
    await asyncio.sleep(0.01)

    assert party.heard("bob") == ["x", "noted"]


async def test_the_default_execution_on_an_observing_trigger_observes(party: Party) -> None:
    """R-0004-1."""
    await party.joins("ada")
    seen: list[str] = []

    @party.kit.hook(HookTrigger.AFTER_BROADCAST)
    def after(event: RoomEvent, context: RoomContext) -> None:
        seen.append(f"{event.text} {event.status} {len(context.bindings)}")

    await party.says("ada", "x")
    await asyncio.sleep(0)

    assert seen == ["x delivered 1"]


async def test_filters_hold(party: Party) -> None:
    """R-0004-4."""
    await party.joins("ada")
    await party.joins("bob")
    await party.agent("agent", "answer")
    seen: list[str] = []

    def note(name: str, **filters: Any) -> None:
        party.kit.hook(BEFORE, name=name, **filters)(lambda event, _: seen.append(f"{name}:{event.text}"))

    note("id", channel_ids=["bob"])
    note("type", channel_types=[ChannelType.AI])
    note("in", directions=[ChannelDirection.INBOUND], channel_ids="ada")
    note("out", directions=[ChannelDirection.OUTBOUND])

    await party.says("ada", "a")
    await party.says("bob", "b")

    assert seen == ["in:a", "type:answer", "id:b", "type:answer"]


async def test_filters_hold_for_observing_triggers_too(party: Party) -> None:
    """R-0004-4."""
    attached: list[str] = []
    party.kit.hook(HookTrigger.ON_CHANNEL_ATTACHED, channel_ids=["bob"])(lambda b, _: attached.append(b.channel_id))

    await party.joins("ada")
    await party.joins("bob")
    await asyncio.sleep(0)

    assert attached == ["bob"]


async def test_injected_events_come_after_the_event_and_one_step_deeper(party: Party) -> None:
    """R-0004-7, R-0001-9, R-0003-10."""
    await party.joins("ada")
    await party.joins("bob")
    await party.joins("cy")

    @party.kit.hook(BEFORE)
    def warn(event: RoomEvent, _: RoomContext) -> HookResult:
        notice = RoomEvent(
            room_id="ignored", source=EventSource(channel_id="the room"), content=SystemContent(body="mind your words")
        )
        return HookResult.block("rude", injected_events=[InjectedEvent(event=notice, target_channel_ids=("ada",))])

    blocked = await party.says("ada", "damn")

    assert (party.heard("ada"), party.heard("bob")) == (["mind your words"], [])
    notice = (await party.kit.get_timeline("room"))[1]
    assert blocked.event is not None
    assert (notice.room_id, notice.index, notice.chain_depth) == ("room", 1, 1)
    assert notice.parent_event_id == blocked.event.id


async def test_an_injected_event_does_not_get_past_its_sources_permissions(party: Party) -> None:
    """R-0003-10."""
    await party.joins("ada")
    await party.joins("bob", muted=True)

    @party.kit.hook(BEFORE)
    def impersonate(event: RoomEvent, _: RoomContext) -> HookResult:
        forged = RoomEvent(room_id="room", source=EventSource(channel_id="bob"), content=TextContent(body="psst"))
        return HookResult.allow(injected_events=[InjectedEvent(event=forged)])

    await party.says("ada", "x")

    assert (await party.kit.get_timeline("room"))[1].block_reason == "muted"
    assert party.heard("ada") == []


async def test_a_hook_that_would_wait_for_itself_is_told_so(party: Party) -> None:
    """R-0004-10."""
    await party.joins("ada")
    errors: list[str] = []

    @party.kit.hook(BEFORE)
    async def nested(event: RoomEvent, _: RoomContext) -> None:
        for call in (
            party.kit.send_event("room", "ada", TextContent(body="again")),
            party.says("ada", "again"),
            asyncio.gather(party.says("ada", "from a task of its own")),
        ):
            try:
                await call
            except SessionStateError as error:
                errors.append(str(error))

    async with asyncio.timeout(5):
        await party.says("ada", "x")

    assert len(errors) == 3
    assert all("InjectedEvent" in error for error in errors)
    assert await party.timeline() == ["x"]


async def test_rooms_whose_hooks_wait_for_each_other_do_not_wait_for_ever(party: Party) -> None:
    """R-0004-10."""
    await party.joins("ada")
    await party.kit.create_room("other")
    await party.kit.attach_channel("other", "ada")
    both_inside = asyncio.Barrier(2)
    refused: list[str] = []

    @party.kit.hook(BEFORE)
    async def mirror(event: RoomEvent, _: RoomContext) -> None:
        if event.text == "start":
            await both_inside.wait()
            target = "other" if event.room_id == "room" else "room"
            try:
                await party.kit.send_event(target, "ada", TextContent(body="mirrored"))
            except SessionStateError:
                refused.append(event.room_id)

    async with asyncio.timeout(5):
        await asyncio.gather(
            party.kit.send_event("room", "ada", TextContent(body="start")),
            party.kit.send_event("other", "ada", TextContent(body="start")),
        )

    assert len(refused) == 1


async def test_a_hook_may_mute_and_detach_in_its_own_room_at_once(party: Party) -> None:
    """R-0004-10."""
    await party.joins("ada")
    await party.joins("bob")

    @party.kit.hook(BEFORE)
    async def strict(event: RoomEvent, _: RoomContext) -> HookResult:
        await party.kit.mute("room", "ada")
        await party.kit.detach_channel("room", "bob")
        return HookResult.allow()

    await party.says("ada", "x")

    assert party.heard("bob") == []
    assert (await party.says("ada", "y")).reason == "muted"


async def test_a_hook_may_close_its_own_room(party: Party) -> None:
    """R-0004-10, R-0004-11."""
    await party.joins("ada")

    async def close(event: RoomEvent, _: RoomContext) -> None:
        await party.kit.close_room("room")

    party.kit.add_room_hook("room", BEFORE, HookExecution.SYNC, close, name="close")

    await party.says("ada", "x")

    assert (await party.says("ada", "y")).reason == "room_closed"
    assert party.kit.remove_room_hook("room", "close") is False


async def test_a_hook_registered_during_a_round_counts_from_the_next(party: Party) -> None:
    """R-0004-8."""
    await party.joins("ada")
    seen: list[str] = []

    @party.kit.hook(BEFORE)
    def registers(event: RoomEvent, _: RoomContext) -> None:
        if event.text == "1":
            party.kit.hook(BEFORE)(lambda event, _: seen.append(event.text))

    await party.says("ada", "1")
    await party.says("ada", "2")

    assert seen == ["2"]


async def test_a_room_hook_can_be_removed_by_name(party: Party) -> None:
    await party.joins("ada")
    party.kit.add_room_hook("room", BEFORE, HookExecution.SYNC, lambda *_: HookResult.block("no"), name="no")
    assert (await party.says("ada", "x")).blocked

    assert party.kit.remove_room_hook("room", "no") is True

    assert not (await party.says("ada", "x")).blocked


async def test_the_life_of_a_room_can_be_watched(party: Party) -> None:
    """The table of RFC 0004."""
    seen: list[str] = []

    def watch(trigger: HookTrigger, kind: type) -> None:
        def note(payload: object, _: RoomContext) -> None:
            assert isinstance(payload, kind)
            seen.append(trigger)

        party.kit.hook(trigger)(note)

    for trigger in (HookTrigger.ON_ROOM_CREATED, HookTrigger.ON_ROOM_CLOSED):
        watch(trigger, Room)
    for name in ("attached", "muted", "unmuted", "detached"):
        watch(HookTrigger(f"on_channel_{name}"), ChannelBinding)
    for name in ("joined", "left"):
        watch(HookTrigger(f"on_participant_{name}"), Participant)

    await party.kit.create_room("life")
    await party.joins("ada", room_id="life")
    await party.kit.mute("life", "ada")
    await party.kit.mute("life", "ada")
    await party.kit.unmute("life", "ada")
    await party.kit.add_member("life", "ada")
    await party.kit.remove_member("life", "ada")
    await party.kit.detach_channel("life", "ada")
    await party.kit.close_room("life")
    await asyncio.sleep(0)

    expected = "room_created channel_attached channel_muted channel_unmuted participant_joined participant_left"
    names = [*expected.split(), "channel_detached", "room_closed"]
    assert seen == [f"on_{name}" for name in names]
    assert [event.type for event in party.framework if event.room_id == "life"] == names


async def test_a_framework_listener_that_fails_stops_nothing(party: Party) -> None:
    heard: list[str] = []

    @party.kit.on("room_created")
    def fails(_: object) -> None:
        raise ValueError("no")

    @party.kit.on("room_created")
    async def hears(event: Any) -> None:
        heard.append(event.room_id)

    await party.kit.create_room("new")
    await asyncio.sleep(0)

    assert heard == ["new"]


def test_what_cannot_be_a_hook_is_refused_when_registered() -> None:
    kit = RoomKit()
    not_a_function: Any = "hello"
    with pytest.raises(ConfigError, match="function"):
        kit.hook(BEFORE)(not_a_function)
    with pytest.raises(ConfigError, match="timeout"):
        kit.hook(BEFORE, timeout=0)(lambda *_: None)
    with pytest.raises(ValueError, match="modify"):
        HookResult(action="modify")


async def test_priority_orders_hooks_of_every_room(party: Party) -> None:
    """R-0004-2, without a hook of the room's own."""
    await party.joins("ada")
    order: list[str] = []
    party.kit.hook(BEFORE, priority=5)(lambda *_: order.append("late"))
    party.kit.hook(BEFORE, priority=-5)(lambda *_: order.append("early"))

    await party.says("ada", "x")

    assert order == ["early", "late"]


async def test_a_hook_is_told_how_the_room_is_now(party: Party) -> None:
    await party.joins("ada")
    seen: list[tuple[int, list[str], list[str], bool]] = []

    @party.kit.hook(BEFORE)
    def look(event: RoomEvent, context: RoomContext) -> None:
        assert context.room is not None
        binding = context.binding("ada")
        assert binding is not None
        past = [each.text for each in context.recent_events]
        names = [each.id for each in context.participants]
        seen.append((context.room.event_count, past, names, binding.output_muted))

    await party.says("ada", "1")
    await party.kit.mute_output("room", "ada")
    await party.kit.add_member("room", "bob")
    await party.says("ada", "2")

    assert seen == [(0, [], ["ada"], False), (1, ["1"], ["ada", "bob"], True)]
