"""What a channel can do through its port, in a kit and without one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from roomkit.channels.base import ChannelBase
from roomkit.core.ports import RoomPort
from roomkit.core.room_port import NullRoomPort
from roomkit.kit import RoomKit
from roomkit.models.content import SystemContent, TextContent
from roomkit.models.context import RoomContext
from roomkit.models.enums import ChannelDirection, ChannelType, EventStatus, EventType, HookExecution, HookTrigger
from roomkit.models.event import EventSource, RoomEvent
from roomkit.models.hook import HookResult, InjectedEvent
from roomkit.models.session import VoiceSession
from roomkit.models.tool_call import ToolCallEvent
from roomkit.models.voice import AudioLevelEvent, TranscriptionEvent

SESSION = VoiceSession("s", "room", "ada", "voice", datetime(2026, 1, 1, tzinfo=UTC))


class Voice(ChannelBase):
    """Stands for a voice channel."""

    default_type = ChannelType.REALTIME_VOICE


def transcript(text: str, *, role: str = "user") -> TranscriptionEvent:
    return TranscriptionEvent(
        room_id="room",
        source=EventSource(channel_id="voice", participant_id="ada"),
        content=TextContent(body=text),
        session=SESSION,
        metadata={"role": role, "voice_session_id": "s", "source": "realtime_voice"},
    )


@pytest.fixture
async def kit() -> AsyncIterator[RoomKit]:
    async with RoomKit() as kit:
        kit.register_channel(Voice("voice"))
        await kit.create_room("room")
        await kit.attach_channel("room", "voice")
        yield kit


@pytest.fixture
def port(kit: RoomKit) -> RoomPort:
    channel = kit.get_channel("voice")
    assert channel is not None
    assert channel.host is not None
    return channel.host.room_port("room")


async def test_a_published_transcript_is_stored_as_a_plain_event(kit: RoomKit, port: RoomPort) -> None:
    assert await port.publish(transcript("hello")) is True

    [event] = await kit.get_timeline("room")
    assert type(event) is RoomEvent
    assert (event.text, event.type, event.metadata["role"]) == ("hello", EventType.TRANSCRIPTION, "user")
    assert event.source.channel_type == ChannelType.REALTIME_VOICE


async def test_a_port_speaks_for_its_own_channel_only(kit: RoomKit, port: RoomPort) -> None:
    forged = RoomEvent(room_id="elsewhere", source=EventSource(channel_id="boss"), content=TextContent(body="pay"))

    await port.publish(forged)

    [event] = await kit.get_timeline("room")
    assert (event.room_id, event.source.channel_id) == ("room", "voice")


async def test_publishing_says_whether_the_event_entered(kit: RoomKit, port: RoomPort) -> None:
    kit.hook(HookTrigger.BEFORE_BROADCAST)(lambda *_: HookResult.block("no"))

    assert await port.publish(transcript("hello")) is False


async def test_what_was_blocked_elsewhere_is_put_on_record_and_delivered_to_nobody(
    kit: RoomKit, port: RoomPort
) -> None:
    """R-0001-7, R-0006-28."""
    asked, delivered = list[str](), list[str]()
    kit.hook(HookTrigger.BEFORE_BROADCAST)(lambda event, _: asked.append(event.text))

    class Listener(ChannelBase):
        async def on_event(self, event: RoomEvent, *_: object) -> None:
            delivered.append(event.text)

    kit.register_channel(Listener("listener"))
    await kit.attach_channel("room", "listener")

    await port.publish_blocked(transcript("the code is 4711"), by="moderation", reason="a secret")
    await port.publish(transcript("hello"))
    await asyncio.sleep(0.01)

    blocked, hello = await kit.get_timeline("room")
    assert (blocked.index, blocked.status, blocked.blocked_by) == (0, EventStatus.BLOCKED, "moderation")
    assert (blocked.text, blocked.block_reason, hello.index) == ("the code is 4711", "a secret", 1)
    assert asked == delivered == ["hello"]


async def test_a_block_is_put_on_record_from_inside_a_hook_and_nowhere_once_the_room_is_gone(
    kit: RoomKit, port: RoomPort
) -> None:
    @kit.hook(HookTrigger.BEFORE_BROADCAST)
    async def report(event: RoomEvent, _: RoomContext) -> None:
        await port.publish_blocked(transcript("from inside"), by="moderation", reason="a secret")

    async with asyncio.timeout(5):
        await port.publish(transcript("hello"))
        while len(await kit.get_timeline("room")) < 2:  # noqa: ASYNC110 -- the timeline has no event to wait for
            await asyncio.sleep(0)
    await kit.close_room("room")
    await port.publish_blocked(transcript("too late"), by="moderation", reason="a secret")

    assert [event.text for event in await kit.get_timeline("room")] == ["hello", "from inside"]


async def test_publishing_returns_before_delivery(kit: RoomKit, port: RoomPort) -> None:
    """R-0005-10."""
    release = asyncio.Event()

    class Slow(ChannelBase):
        async def on_event(self, *_: object) -> None:
            await release.wait()

    kit.register_channel(Slow("slow"))
    await kit.attach_channel("room", "slow")

    async with asyncio.timeout(1):
        assert await port.publish(transcript("hello")) is True
    release.set()


async def test_publishing_into_a_room_that_is_gone_does_nothing(kit: RoomKit, port: RoomPort) -> None:
    voice = kit.get_channel("voice")
    assert voice is not None
    assert voice.host is not None

    assert await voice.host.room_port("nowhere").publish(transcript("x")) is False
    await kit.close_room("room")
    assert await port.publish(transcript("x")) is False
    assert await kit.get_timeline("room") == []


async def test_publishing_from_inside_a_hook_happens_when_the_lock_is_free(kit: RoomKit, port: RoomPort) -> None:
    """R-0004-10."""

    @kit.hook(HookTrigger.BEFORE_BROADCAST)
    async def add(event: RoomEvent, _: RoomContext) -> None:
        if event.text == "first":
            await port.publish(transcript("second"))

    async with asyncio.timeout(5):
        await port.publish(transcript("first"))
        while len(await kit.get_timeline("room")) < 2:  # noqa: ASYNC110 -- the timeline has no event to wait for
            await asyncio.sleep(0)

    assert [event.text for event in await kit.get_timeline("room")] == ["first", "second"]


async def test_asking_gives_what_the_hooks_made_of_it(kit: RoomKit, port: RoomPort) -> None:
    @kit.hook(HookTrigger.ON_TRANSCRIPTION)
    def tidy(event: TranscriptionEvent, _: RoomContext) -> HookResult:
        return HookResult.modify(event.model_copy(update={"text": event.text.upper()}), metadata={"tidied": True})

    verdict = await port.ask(HookTrigger.ON_TRANSCRIPTION, transcript("hello"))

    assert (verdict.allowed, verdict.event.text, verdict.metadata) == (True, "HELLO", {"tidied": True})
    assert verdict.event.session is SESSION


async def test_asking_where_nobody_listens_allows(port: RoomPort) -> None:
    event = transcript("hello")

    verdict = await port.ask(HookTrigger.ON_TRANSCRIPTION, event)

    assert verdict.allowed
    assert verdict.event is event


async def test_a_tool_hook_answers_by_metadata_and_may_add_to_the_room(kit: RoomKit, port: RoomPort) -> None:
    @kit.hook(HookTrigger.ON_TOOL_CALL)
    async def answer(event: ToolCallEvent, context: RoomContext) -> HookResult:
        source = EventSource(channel_id="the room")
        note = RoomEvent(room_id="room", source=source, content=SystemContent(body=f"{event.name} called"))
        return HookResult(metadata={"result": "42"}, injected_events=(InjectedEvent(event=note),))

    call = ToolCallEvent(
        name="ask", tool_call_id="1", channel_id="voice", channel_type=ChannelType.REALTIME_VOICE, room_id="room"
    )
    verdict = await port.ask(HookTrigger.ON_TOOL_CALL, call)
    async with asyncio.timeout(5):
        while not (events := await kit.get_timeline("room")):  # noqa: ASYNC110 -- the timeline has no event to wait for
            await asyncio.sleep(0)

    assert verdict.metadata["result"] == "42"
    assert events[0].text == "ask called"


async def test_listening_tells_deciding_hooks_from_observers(kit: RoomKit, port: RoomPort) -> None:
    trigger = HookTrigger.ON_TRANSCRIPTION
    assert not port.listens(trigger)

    kit.hook(trigger, HookExecution.ASYNC)(lambda *_: None)
    kit.hook(trigger, channel_ids=["another"])(lambda *_: None)
    assert port.listens(trigger)
    assert not port.listens(trigger, deciding=True)

    kit.add_room_hook("another room", trigger, HookExecution.SYNC, lambda *_: None)
    assert not port.listens(trigger, deciding=True)
    kit.add_room_hook("room", trigger, HookExecution.SYNC, lambda *_: None)
    assert port.listens(trigger, deciding=True)


async def test_levels_are_filtered_by_direction(kit: RoomKit, port: RoomPort) -> None:
    """R-0004-4."""
    seen: list[str] = []
    kit.hook(HookTrigger.ON_INPUT_AUDIO_LEVEL, directions=[ChannelDirection.INBOUND])(
        lambda event, _: seen.append(event.direction)
    )

    for direction in ("input", "output"):
        level = AudioLevelEvent(session=SESSION, direction=direction, rms_dbfs=-20.0, peak_dbfs=-10.0)
        port.tell(HookTrigger.ON_INPUT_AUDIO_LEVEL, level)
    await port.settled()

    assert seen == ["input"]


@pytest.mark.virtual_time
async def test_settled_waits_for_observers_but_not_for_ever() -> None:
    async with RoomKit() as kit:
        voice = Voice("voice")
        kit.register_channel(voice)
        await kit.create_room("room")
        assert voice.host is not None
        port = voice.host.room_port("room")
        seen: list[str] = []

        @kit.hook(HookTrigger.ON_DTMF)
        async def slow(event: object, _: RoomContext) -> None:
            await asyncio.sleep(0.5)
            seen.append("slow")
            await port.settled()  # of itself: returns

        @kit.hook(HookTrigger.ON_DTMF, timeout=1_000)
        async def stuck(event: object, _: RoomContext) -> None:
            await asyncio.sleep(500)

        port.tell(HookTrigger.ON_DTMF, "1")
        before = asyncio.get_running_loop().time()
        await port.settled()

        assert seen == ["slow"]
        assert asyncio.get_running_loop().time() - before == pytest.approx(1.0)


async def test_without_a_kit_everything_is_allowed_and_nothing_kept() -> None:
    port = NullRoomPort()
    event = transcript("hello")

    assert (await port.ask(HookTrigger.ON_TRANSCRIPTION, event)).event is event
    assert await port.publish(event) is True
    await port.publish_blocked(event, by="nobody", reason="none")
    assert not port.listens(HookTrigger.ON_TRANSCRIPTION)
    port.tell(HookTrigger.ON_DTMF, event)
    await port.settled()
