"""What happens to something said in a room (RFC 0005, RFC 0001)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from roomkit.channels.websocket import WebSocketChannel
from roomkit.errors import AccessDeniedError, ConfigError, NotFoundError, SessionStateError, StoreError
from roomkit.kit import RoomKit
from roomkit.models.content import TextContent
from roomkit.models.context import RoomContext
from roomkit.models.delivery import DeliveryStatusEvent, InboundMessage
from roomkit.models.enums import EventStatus, HookExecution, HookTrigger
from roomkit.models.event import EventSource, RoomEvent
from roomkit.store.memory import MemoryStore
from tests.kit.conftest import Party


async def test_what_one_says_the_others_see_and_the_timeline_keeps(party: Party) -> None:
    for name in ("ada", "bob", "cy"):
        await party.joins(name)

    result = await party.says("ada", "hello")

    assert (party.heard("ada"), party.heard("bob"), party.heard("cy")) == ([], ["hello"], ["hello"])
    [stored] = await party.kit.get_timeline("room")
    assert (stored.index, stored.status, stored.source.participant_id) == (0, EventStatus.DELIVERED, "ada")
    assert result.event == stored
    assert {name for name, delivery in result.delivery_results.items() if delivery.ok} == {"bob", "cy"}


async def test_every_channel_sees_a_rooms_events_in_index_order(party: Party) -> None:
    """R-0005-8."""
    await party.joins("ada")
    await party.joins("bob")

    await asyncio.gather(*(party.says("ada", f"{n}") for n in range(50)))

    assert [event.index for event in party.inbox["bob"]] == list(range(50))


async def test_a_slow_channel_delays_only_its_own_deliveries(party: Party) -> None:
    """R-0005-8."""
    await party.joins("ada")
    await party.joins("bob")
    slow = WebSocketChannel("slow")
    party.kit.register_channel(slow)
    release = asyncio.Event()

    async def send(_: str, event: RoomEvent) -> None:
        await release.wait()

    slow.register_connection("s", send, room_id="room")
    await party.kit.attach_channel("room", "slow")

    sayings = [asyncio.ensure_future(party.says("ada", f"{n}")) for n in range(3)]  # noqa: TID251 -- awaited below
    await asyncio.sleep(0.01)

    assert party.heard("bob") == ["0", "1", "2"]
    assert not any(saying.done() for saying in sayings)
    release.set()
    results = await asyncio.gather(*sayings)
    assert all(result.delivery_results["slow"].ok for result in results)


async def test_a_channel_that_fails_is_a_failed_delivery_and_nothing_else(party: Party) -> None:
    """R-0005-9."""
    await party.joins("ada")
    await party.joins("bob")
    broken = await party.agent("broken")
    reported: list[DeliveryStatusEvent] = []

    async def fail(*_: object) -> None:
        raise ValueError("no")

    broken.does = fail

    @party.kit.hook(HookTrigger.ON_DELIVERY_STATUS)
    def status(event: DeliveryStatusEvent, _: RoomContext) -> None:
        reported.append(event)

    result = await party.says("ada", "hello")

    assert result.delivery_results["broken"].error == "ValueError"
    assert result.event is not None
    assert result.event.status == EventStatus.DELIVERED
    assert party.heard("bob") == ["hello"]
    assert [event.channel_id for event in party.reported("delivery_failed")] == ["broken"]
    await asyncio.sleep(0)
    assert {event.result.channel_id for event in reported} >= {"broken", "bob"}


async def test_an_event_nobody_could_take_has_failed(party: Party) -> None:
    """R-0005-9, R-0002-8."""
    await party.joins("ada", visibility="gone")
    await party.joins("gone")
    await party.kit.unregister_channel("gone")

    result = await party.says("ada", "hello")

    assert result.event is not None
    assert result.event.status == EventStatus.FAILED
    assert result.delivery_results["gone"].error == "not_registered"


async def test_an_agent_answers_one_step_deeper(party: Party) -> None:
    """R-0005-11, R-0001-9, R-0001-10."""
    await party.joins("ada")
    await party.agent("agent", "hi there")

    asked = await party.says("ada", "hello")

    answer = (await party.kit.get_timeline("room"))[1]
    assert party.heard("ada") == ["hi there"]
    assert asked.event is not None
    assert (answer.chain_depth, answer.parent_event_id, answer.correlation_id) == (1, asked.event.id, asked.event.id)


async def test_two_agents_that_answer_each_other_are_stopped_and_reported(party: Party) -> None:
    """R-0005-5."""
    await party.joins("ada")
    await party.agent("one", "ping")
    await party.agent("two", "pong")

    await party.says("ada", "hello")

    events = await party.kit.get_timeline("room", limit=500)
    blocked = [event for event in events if event.status == EventStatus.BLOCKED]
    assert max(event.chain_depth for event in events if event.status != EventStatus.BLOCKED) == 5
    assert blocked
    assert {(event.blocked_by, event.chain_depth) for event in blocked} == {("chain_depth", 6)}
    assert party.reported("chain_depth_exceeded")


async def test_a_cascade_is_bounded_however_shallow() -> None:
    """R-0005-5."""
    async with RoomKit(max_chain_depth=1_000, cascade_budget=7) as kit:
        await kit.create_room("room")
        party = Party(kit)
        await party.joins("ada")
        await party.agent("one", "ping")
        await party.agent("two", "pong")

        await party.says("ada", "hello")

        assert len(await party.timeline()) == 1 + 7
        assert party.reported("cascade_budget_exceeded")


class FailsOnce(MemoryStore):
    """A store whose next append fails."""

    fails = True

    async def append(self, event: RoomEvent, *, key: str | None = None) -> RoomEvent:
        if self.fails:
            self.fails = False
            raise StoreError("the disk is full")
        return await super().append(event, key=key)


async def test_a_store_that_fails_stores_nothing_and_the_message_may_be_sent_again() -> None:
    async with RoomKit(FailsOnce()) as kit:
        await kit.create_room("room")
        party = Party(kit)
        await party.joins("ada")
        await party.joins("bob")

        with pytest.raises(StoreError, match="full"):
            await party.says("ada", "hello", idempotency_key="k")
        assert party.heard("bob") == []

        result = await party.says("ada", "hello", idempotency_key="k")
        assert result.event is not None
        assert result.event.index == 0
        assert party.heard("bob") == ["hello"]


class SlowStore(MemoryStore):
    """A store that takes its time over an append."""

    def __init__(self) -> None:
        super().__init__()
        self.appending = asyncio.Event()
        self.release = asyncio.Event()

    async def append(self, event: RoomEvent, *, key: str | None = None) -> RoomEvent:
        self.appending.set()
        await self.release.wait()
        return await super().append(event, key=key)


async def test_what_was_stored_is_delivered_even_if_its_sender_gave_up() -> None:
    """R-0005-6."""
    store = SlowStore()
    async with RoomKit(store) as kit:
        await kit.create_room("room")
        party = Party(kit)
        await party.joins("ada")
        await party.joins("bob")
        saying = asyncio.ensure_future(party.says("ada", "hello"))  # noqa: TID251 -- cancelled below
        await store.appending.wait()

        saying.cancel()
        await asyncio.sleep(0)
        store.release.set()
        with pytest.raises(asyncio.CancelledError):
            await saying

        await party.says("ada", "next")
        assert party.heard("bob") == ["hello", "next"]
        assert [event.index for event in party.inbox["bob"]] == [0, 1]


@pytest.mark.virtual_time
async def test_a_message_out_of_time_before_its_commit_was_not_stored() -> None:
    """R-0005-7."""
    async with RoomKit(process_timeout=1.0) as kit:
        await kit.create_room("room")
        party = Party(kit)
        await party.joins("ada")

        @kit.hook(HookTrigger.BEFORE_BROADCAST, timeout=50)
        async def hangs(event: RoomEvent, _: RoomContext) -> None:
            await asyncio.sleep(40)

        result = await party.says("ada", "hello")

        assert (result.error, result.event) == ("timeout", None)
        assert await party.timeline() == []
        assert party.reported("process_timeout")


@pytest.mark.virtual_time
async def test_a_delivery_out_of_time_has_failed_with_timeout() -> None:
    """R-0005-9."""
    async with RoomKit(delivery_timeout=2.0) as kit:
        await kit.create_room("room")
        party = Party(kit)
        await party.joins("ada")
        hanging = await party.agent("hanging")

        async def hang(*_: object) -> None:
            await asyncio.sleep(1_000)

        hanging.does = hang

        result = await party.says("ada", "hello")

        assert result.delivery_results["hanging"].error == "timeout"


async def test_a_room_does_not_wait_for_another(party: Party) -> None:
    """R-0005-2."""
    await party.joins("ada")
    await party.kit.create_room("other")
    await party.joins("bob", room_id="other")
    held, release = asyncio.Event(), asyncio.Event()

    async def hold(event: RoomEvent, _: RoomContext) -> None:
        held.set()
        await release.wait()

    party.kit.add_room_hook("room", HookTrigger.BEFORE_BROADCAST, HookExecution.SYNC, hold)
    waiting = asyncio.ensure_future(party.says("ada", "slow"))  # noqa: TID251 -- awaited below
    await held.wait()

    message = InboundMessage(channel_id="bob", sender_id="bob", content=TextContent(body="quick"))
    result = await party.kit.process_inbound(message, room_id="other")

    assert result.event is not None
    assert not waiting.done()
    release.set()
    await waiting


async def test_a_message_finds_the_one_room_its_channel_is_in(party: Party) -> None:
    """R-0005-1."""
    await party.joins("ada")

    result = await party.kit.process_inbound(
        InboundMessage(channel_id="ada", sender_id="x", content=TextContent(body="hi"))
    )

    assert result.event is not None
    assert result.event.room_id == "room"


async def test_a_message_never_lands_in_a_room_by_guess(party: Party) -> None:
    """R-0005-1."""
    await party.joins("ada")
    await party.kit.create_room("second")
    await party.kit.create_room("third")
    for room_id in ("second", "third"):
        await party.kit.attach_channel(room_id, "ada")
        await party.kit.ensure_participant(room_id, "known")
    await party.kit.ensure_participant("third", "once")

    def message(sender: str) -> InboundMessage:
        return InboundMessage(channel_id="ada", sender_id=sender, content=TextContent(body="hi"))

    assert (await party.kit.process_inbound(message("once"))).event.room_id == "third"  # type: ignore[union-attr]  # fails the test if None
    with pytest.raises(ConfigError, match="room_id"):
        await party.kit.process_inbound(message("known"))


def of_stranger(sender: str, thread: str | None = None) -> InboundMessage:
    content = TextContent(body="hi")
    return InboundMessage(channel_id="sms", sender_id=sender, thread_id=thread, content=content)


async def room_of(party: Party, message: InboundMessage) -> str:
    result = await party.kit.process_inbound(message)
    assert result.event is not None
    return result.event.room_id


async def test_strangers_on_one_channel_never_meet_in_a_room_that_was_opened_for_one_of_them(party: Party) -> None:
    """R-0005-1."""
    party.kit.register_channel(WebSocketChannel("sms"))

    ada, bob, ada_again = [await room_of(party, of_stranger(sender)) for sender in ("+1", "+2", "+1")]

    assert ada == ada_again
    assert bob != ada


async def test_first_messages_of_one_sender_that_come_at_once_open_one_room(party: Party) -> None:
    """R-0005-1."""
    party.kit.register_channel(WebSocketChannel("sms"))

    rooms = await asyncio.gather(*(room_of(party, of_stranger("+1")) for _ in range(20)))

    assert len(set(rooms)) == 1


async def test_who_has_a_room_of_their_own_keeps_to_it_when_the_application_opens_one_for_all(party: Party) -> None:
    """R-0005-1."""
    party.kit.register_channel(WebSocketChannel("sms"))
    own = await room_of(party, of_stranger("+1"))
    await party.kit.create_room("lobby")
    await party.kit.attach_channel("lobby", "sms")

    assert await room_of(party, of_stranger("+1")) == own
    assert await room_of(party, of_stranger("+2")) == "lobby"


async def test_another_thread_of_the_same_sender_is_another_room(party: Party) -> None:
    """R-0005-1."""
    party.kit.register_channel(WebSocketChannel("sms"))

    first, second, again = [await room_of(party, of_stranger("+1", thread)) for thread in ("t1", "t2", "t1")]

    assert first == again != second


async def test_a_message_of_a_thread_opens_its_room_once(party: Party) -> None:
    """R-0005-1."""
    sms = WebSocketChannel("sms")
    party.kit.register_channel(sms)

    def message(thread: str) -> InboundMessage:
        content = TextContent(body="hi")
        return InboundMessage(channel_id="sms", sender_id="+1", thread_id=thread, content=content)

    first = await party.kit.process_inbound(message("t1"))

    again = await party.kit.process_inbound(message("t1"))
    assert first.event is not None
    assert again.event is not None
    assert again.event.room_id == first.event.room_id != "room"


async def test_a_message_from_outside_the_room_is_refused_and_not_stored(party: Party) -> None:
    """R-0005-3."""
    await party.kit.create_room("other")
    await party.joins("eve", room_id="other")

    result = await party.says("eve", "let me in")

    assert (result.blocked, result.reason, result.event) == (True, "not_attached", None)
    assert await party.timeline() == []


async def test_unknown_rooms_and_channels_are_named_in_the_error(party: Party) -> None:
    message = InboundMessage(channel_id="nobody", sender_id="x", content=TextContent(body="hi"))
    with pytest.raises(NotFoundError, match="nobody"):
        await party.kit.process_inbound(message)
    await party.joins("ada")
    with pytest.raises(NotFoundError, match="nowhere"):
        await party.kit.send_event("nowhere", "ada", TextContent(body="hi"))
    with pytest.raises(NotFoundError, match="nobody"):
        await party.kit.send_event("room", "nobody", TextContent(body="hi"))
    with pytest.raises(NotFoundError, match="nowhere"):
        await party.kit.get_timeline("nowhere")
    with pytest.raises(ConfigError, match="negative"):
        await party.kit.get_timeline("room", offset=-1)


async def test_nothing_enters_a_closed_room(party: Party) -> None:
    """R-0001-2, R-0001-4."""
    await party.joins("ada")
    await party.says("ada", "before")
    await party.kit.close_room("room")
    await party.kit.close_room("room")

    result = await party.says("ada", "after")

    assert (result.blocked, result.reason, result.event) == (True, "room_closed", None)
    with pytest.raises(AccessDeniedError, match="room_closed"):
        await party.kit.send_event("room", "ada", TextContent(body="after"))
    with pytest.raises(AccessDeniedError, match="closed"):
        await party.kit.attach_channel("room", "ada")
    assert await party.timeline() == ["before"]


def note_in(inbox: list[str]) -> Callable[[str, RoomEvent], None]:
    return lambda _, event: inbox.append(event.text)


async def test_people_who_chat_on_one_channel_see_each_other_but_not_themselves(party: Party) -> None:
    """R-0002-7."""
    chat = WebSocketChannel("chat")
    party.kit.register_channel(chat)
    await party.kit.attach_channel("room", "chat")
    seen: dict[str, list[str]] = {"ada": [], "bob": [], "unknown": []}
    for name, inbox in seen.items():
        participant_id = None if name == "unknown" else name
        chat.register_connection(name, note_in(inbox), room_id="room", participant_id=participant_id)
    message = InboundMessage(channel_id="chat", sender_id="ada", content=TextContent(body="hi"))

    await party.kit.process_inbound(message, room_id="room")

    assert seen == {"ada": [], "bob": ["hi"], "unknown": []}


async def test_people_whose_programs_answer_each_other_at_once_do_not_block_one_another(party: Party) -> None:
    """R-0005-10."""
    replies = iter(range(5))
    for name, other in (("ada", "bob"), ("bob", "ada")):
        channel = WebSocketChannel(name)
        party.kit.register_channel(channel)
        await party.kit.attach_channel("room", name)

        async def answer(_: str, event: RoomEvent, name: str = name) -> None:
            if (n := next(replies, None)) is not None:
                await party.says(name, f"{n}")

        channel.register_connection(other, answer, room_id="room")

    async with asyncio.timeout(5):
        await party.says("ada", "start")
        while len(await party.timeline()) < 6:  # noqa: ASYNC110 -- the timeline has no event to wait for
            await asyncio.sleep(0.001)


async def test_an_event_is_addressed_to_one_agent_and_read_by_all(party: Party) -> None:
    """R-0003-8."""
    await party.joins("ada")
    await party.joins("bob")
    one, two = await party.agent("one"), await party.agent("two")

    await party.says("ada", "you!", addressed_to=["two"])

    assert ([event.text for event in one.seen], [event.text for event in two.seen]) == ([], ["you!"])
    assert party.heard("bob") == ["you!"]
    assert one.host is not None
    assert [event.text for event in await one.host.history("room", limit=5)] == ["you!"]


async def test_sent_events_carry_what_was_given(party: Party) -> None:
    await party.joins("ada")
    await party.joins("bob")

    event = await party.kit.send_event(
        "room",
        "ada",
        TextContent(body="x"),
        participant_id="p",
        metadata={"k": 1},
        visibility=["bob"],
        parent_event_id="e",
        correlation_id="c",
        addressed_to=["bob"],
    )

    assert (event.source.participant_id, event.metadata, event.visibility) == ("p", {"k": 1}, "bob")
    assert (event.parent_event_id, event.correlation_id, event.addressed_to) == ("e", "c", ("bob",))
    assert [member.id for member in await party.kit.list_members("room")] == []
    assert (await party.kit.ensure_participant("room", "p")).channel_id == "ada"


async def test_a_kit_closes_twice_and_leaves_no_task() -> None:
    kit = RoomKit()
    kit.register_channel(WebSocketChannel("a"))
    await kit.create_room("room")
    before = asyncio.all_tasks()

    await kit.close()
    await kit.close()

    assert asyncio.all_tasks() == before
    assert kit.list_channels() == []


async def test_a_conversation_goes_on_after_a_restart(tmp_path: Path) -> None:
    """R-0007-4, R-0005-4."""
    path = tmp_path / "rooms.db"

    async with RoomKit(path) as kit:
        await kit.create_room("room", metadata={"topic": "x"})
        first = Party(kit)
        await first.joins("ada", visibility="bob")
        await first.joins("bob", muted=True)
        await first.says("ada", "before", idempotency_key="k")

    async with RoomKit(str(path)) as kit:
        kit.register_channel(WebSocketChannel("ada"))
        kit.register_channel(WebSocketChannel("bob"))
        second = Party(kit)
        again = await second.says("ada", "again", idempotency_key="k")
        after = await second.says("ada", "after")
        muted = await second.says("bob", "shh")

        assert again.event is not None
        assert again.event.text == "before"
        assert after.event is not None
        assert (after.event.index, after.event.visibility) == (1, "bob")
        assert muted.reason == "muted"
        assert (await kit.get_room("room")).metadata == {"topic": "x"}


@pytest.mark.virtual_time
async def test_closing_lets_what_is_under_way_finish_but_not_for_ever() -> None:
    kit = RoomKit()
    await kit.create_room("room")
    party = Party(kit)
    await party.joins("ada")
    seen: list[str] = []

    @kit.hook(HookTrigger.AFTER_BROADCAST)
    async def slow(event: RoomEvent, _: RoomContext) -> None:
        await asyncio.sleep(0.5)
        seen.append(event.text)

    @kit.hook(HookTrigger.AFTER_BROADCAST, timeout=10_000)
    async def stuck(event: RoomEvent, _: RoomContext) -> None:
        await asyncio.sleep(5_000)

    await party.says("ada", "bye")
    await kit.close()

    assert seen == ["bye"]
    assert asyncio.get_running_loop().time() == pytest.approx(1.0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_channel_that_fails_to_close_keeps_nothing_open(tmp_path: Path) -> None:
    class Fails(WebSocketChannel):
        async def close(self) -> None:
            raise RuntimeError("no")

    kit = RoomKit(tmp_path / "rooms.db")
    kit.register_channel(Fails("a"))
    kit.register_channel(WebSocketChannel("b"))
    await kit.create_room("room")

    await kit.close()

    assert kit.list_channels() == []
    with pytest.raises(SessionStateError, match="closed"):
        await kit.get_room("room")


async def test_a_closed_kit_says_so_and_what_a_channel_tells_it_is_told_to_nobody(party: Party) -> None:
    agent = await party.agent("agent")
    assert agent.host is not None
    port = agent.host.room_port("room")
    party.kit.hook(HookTrigger.ON_DTMF)(lambda *_: None)
    await party.kit.close()

    with pytest.raises(SessionStateError, match="closed"):
        await party.kit.create_room("new")
    port.tell(HookTrigger.ON_DTMF, "1")
    event = RoomEvent(room_id="room", source=EventSource(channel_id="agent"), content=TextContent(body="x"))
    assert await port.publish(event) is False
    assert (await port.ask(HookTrigger.BEFORE_TTS, event)).allowed
