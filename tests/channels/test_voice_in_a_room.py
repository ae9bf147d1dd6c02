"""A voice session as part of a room: hooks, permissions, other channels, the timeline (RFC 0003, 0004, 0006)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from roomkit import (
    Access,
    ChannelCategory,
    HookResult,
    HookTrigger,
    InboundMessage,
    RoomKit,
    TextContent,
    Tool,
    WebSocketChannel,
)
from roomkit.channels.ai import AIChannel
from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.errors import AccessDeniedError, RoomKitError
from roomkit.models.enums import EventStatus
from roomkit.models.session import EndReason, SessionState, VoiceSession
from roomkit.providers.ai.mock import MockAIProvider
from roomkit.voice.realtime.mock import MockRealtimeProvider, MockRealtimeTransport

SPEECH = b"\x00\x10" * 320
SPEAKING = ("speak", "inject_text", "ask_for_response")


@dataclass
class VoiceRoom:
    kit: RoomKit
    channel: RealtimeVoiceChannel
    provider: MockRealtimeProvider
    transport: MockRealtimeTransport
    session: VoiceSession
    chat: list[Any] = field(default_factory=list)

    async def timeline(self) -> list[tuple[str, str]]:
        return [(event.source.channel_id, event.text) for event in await self.kit.get_timeline("room-1")]

    async def chat_says(self, text: str, **fields: Any) -> Any:
        message = InboundMessage(channel_id="chat", sender_id="bob", content=TextContent(body=text), **fields)
        return await self.kit.process_inbound(message, room_id="room-1")


@pytest.fixture
async def room() -> AsyncIterator[VoiceRoom]:
    provider, transport = MockRealtimeProvider(), MockRealtimeTransport()
    kit = RoomKit()
    channel = RealtimeVoiceChannel("voice", provider=provider, transport=transport)
    chat = WebSocketChannel("chat")
    kit.register_channel(channel)
    kit.register_channel(chat)
    session = await channel.start_session("room-1", "caller")
    await kit.attach_channel("room-1", "chat")
    here = VoiceRoom(kit, channel, provider, transport, session)

    async def show(_: str, event: Any) -> None:
        here.chat.append(event)

    chat.register_connection("bob", show, room_id="room-1")
    yield here
    await kit.close()


async def test_what_was_said_reaches_the_other_channels_and_the_timeline(room: VoiceRoom) -> None:
    await room.provider.simulate_transcription(room.session, "are you open", role="user")
    await room.provider.simulate_transcription(room.session, "until six")
    await asyncio.sleep(0.02)

    assert await room.timeline() == [("voice", "are you open"), ("voice", "until six")]
    assert [event.text for event in room.chat] == ["are you open", "until six"]


async def test_a_transcription_hook_reads_both_ways_and_may_block_or_change(room: VoiceRoom) -> None:
    seen: list[tuple[str, str, str, str]] = []

    @room.kit.hook(HookTrigger.ON_TRANSCRIPTION)
    async def police(event: Any, ctx: Any) -> HookResult:
        seen.append((event.text, event.content.body, event.role, event.metadata["role"]))
        if "secret" in event.text:
            return HookResult.block("secret")
        return HookResult.modify(event.model_copy(update={"text": event.text.upper()}))

    await room.provider.simulate_transcription(room.session, "hello", role="user")
    await room.provider.simulate_transcription(room.session, "my secret", role="user")

    assert seen[0] == ("hello", "hello", "user", "user")
    assert await room.timeline() == [("voice", "HELLO"), ("voice", "my secret")]
    blocked = (await room.kit.get_timeline("room-1"))[1]
    assert (blocked.index, blocked.status, blocked.blocked_by) == (1, EventStatus.BLOCKED, "police")


@pytest.mark.parametrize("role", ["user", "assistant"])
async def test_words_a_hook_blocked_are_on_record_with_who_and_why_and_reach_nobody(room: VoiceRoom, role: Any) -> None:
    """R-0006-28."""
    reports: list[Any] = []
    room.kit.on("event_blocked")(reports.append)
    room.kit.hook(HookTrigger.ON_TRANSCRIPTION, name="moderation")(lambda *_: HookResult.block("a secret"))

    await room.provider.simulate_transcription(room.session, "my secret", role=role)
    await asyncio.sleep(0.02)

    [stored] = await room.kit.get_timeline("room-1")
    assert (stored.status, stored.blocked_by, stored.block_reason) == (EventStatus.BLOCKED, "moderation", "a secret")
    assert (stored.text, stored.index, stored.metadata["role"]) == ("my secret", 0, role)
    assert room.chat == []
    assert len(reports) == 1
    host = room.channel.host
    assert host is not None
    assert await host.history("room-1", limit=10) == []


async def test_a_muted_or_revoked_binding_silences_the_very_next_frame_and_back(room: VoiceRoom) -> None:
    async def passes() -> bool:
        before = len(room.provider.sent_audio)
        await room.transport.simulate_client_audio(room.session, SPEECH)
        return len(room.provider.sent_audio) > before

    results = [await passes()]
    await room.kit.mute("room-1", "voice")
    results.append(await passes())
    await room.kit.unmute("room-1", "voice")
    results.append(await passes())
    await room.kit.set_access("room-1", "voice", Access.READ_ONLY)
    results.append(await passes())

    assert results == [True, False, True, False]


async def test_an_output_muted_binding_does_not_hear_the_agent(room: VoiceRoom) -> None:
    await room.kit.mute_output("room-1", "voice")
    await room.provider.simulate_audio(room.session, SPEECH)
    while_muted = len(room.transport.sent_audio)
    await room.kit.unmute_output("room-1", "voice")
    await room.provider.simulate_audio(room.session, SPEECH)

    assert (while_muted, len(room.transport.sent_audio)) == (0, 1)


@pytest.mark.parametrize("how", ["detach", "close"])
async def test_detaching_the_channel_or_closing_the_room_ends_its_sessions(room: VoiceRoom, how: str) -> None:
    if how == "detach":
        await room.kit.detach_channel("room-1", "voice")
    else:
        await room.kit.close_room("room-1")
    await asyncio.sleep(0.02)

    assert room.session.state is SessionState.ENDED
    assert room.channel.get_room_sessions("room-1") == []


async def test_no_session_begins_in_a_closed_room(room: VoiceRoom) -> None:
    await room.kit.close_room("room-1")

    with pytest.raises(AccessDeniedError):
        await room.channel.start_session("room-1", "somebody")


async def test_text_of_people_is_answered_aloud_and_text_of_agents_is_silent_context(room: VoiceRoom) -> None:
    room.kit.register_channel(AIChannel("agent", MockAIProvider(responses=["I looked it up."])))
    await room.kit.attach_channel("room-1", "agent", category=ChannelCategory.INTELLIGENCE)

    await room.chat_says("what time is it")
    await asyncio.sleep(0.05)

    injected = [(c.args["text"], c.args["silent"]) for c in room.provider.calls if c.method == "inject_text"]
    assert injected == [("what time is it", False), ("I looked it up.", True)]


async def test_inject_role_overrides(room: VoiceRoom) -> None:
    await room.chat_says("the caller is a gold customer", metadata={"inject_role": "system"})

    (call,) = [c for c in room.provider.calls if c.method == "inject_text"]
    assert (call.args["role"], call.args["silent"]) == ("system", True)


async def test_words_given_to_the_agent_are_said_as_they_are_and_the_chain_stays_bounded(room: VoiceRoom) -> None:
    await room.chat_says("a colleague takes over", metadata={"inject_role": "assistant"})
    await room.provider.simulate_transcription(room.session, "a colleague takes over")

    said = [(call.method, call.args.get("text")) for call in room.provider.calls if call.method in SPEAKING]
    assert said == [("speak", "a colleague takes over")]
    assert [event.chain_depth for event in await room.kit.get_timeline("room-1")] == [0, 1]


async def test_typed_text_enters_the_room_and_a_blocked_one_is_not_answered(room: VoiceRoom) -> None:
    @room.kit.hook(HookTrigger.BEFORE_BROADCAST)
    async def police(event: Any, ctx: Any) -> HookResult:
        return HookResult.block("rude") if "stupid" in event.text else HookResult.allow()

    await room.transport.simulate_client_text(room.session, "hello there")
    await room.transport.simulate_client_text(room.session, "you are stupid")

    assert [text for _, text, _ in room.provider.injected_texts] == ["hello there"]
    assert room.transport.messages(room.session, "error")[0]["code"] == "blocked"


async def test_a_tool_call_passes_both_hooks_and_a_hook_may_answer(room: VoiceRoom) -> None:
    @room.kit.hook(HookTrigger.BEFORE_TOOL_USE)
    async def before(event: Any, ctx: Any) -> HookResult:
        return HookResult.block("not today") if event.name == "pay" else HookResult.allow()

    @room.kit.hook(HookTrigger.ON_TOOL_CALL)
    async def on_call(event: Any, ctx: Any) -> HookResult:
        return HookResult(action="allow", metadata={"result": f"{event.result} by {event.channel_type}"})

    await room.channel.reconfigure_session(room.session, tools=[Tool("ask", handler=lambda: "yes"), Tool("pay")])
    await room.provider.simulate_tool_call(room.session, "c1", "ask")
    await room.provider.simulate_tool_call(room.session, "c2", "pay")

    assert [output for _, _, output in room.provider.tool_results] == [
        "yes by realtime_voice",
        '{"error": "not today"}',
    ]


async def test_a_hook_may_hang_up_its_own_call(room: VoiceRoom) -> None:
    @room.kit.hook(HookTrigger.ON_TRANSCRIPTION)
    async def goodbye(event: Any, ctx: Any) -> None:
        if "bye" in event.text:
            await room.channel.end_session(event.session)

    async with asyncio.timeout(5):
        await room.provider.simulate_transcription(room.session, "bye now", role="user")
        await asyncio.sleep(0.05)

    assert room.session.end_reason is EndReason.HANGUP


async def test_a_tool_that_writes_into_its_own_room_does_not_deadlock(room: VoiceRoom) -> None:
    async def note() -> str:
        await room.kit.send_event("room-1", "chat", TextContent(body="noted"))
        return "ok"

    await room.channel.reconfigure_session(room.session, tools=[Tool("note", handler=note)])
    async with asyncio.timeout(5):
        await room.provider.simulate_tool_call(room.session, "c1", "note")

    assert ("chat", "noted") in await room.timeline()


async def test_a_hook_that_raises_or_talks_nonsense_blocks_words_but_not_the_call(room: VoiceRoom) -> None:
    failures: list[Any] = []
    room.kit.on("hook_error")(failures.append)

    @room.kit.hook(HookTrigger.ON_TRANSCRIPTION)
    async def broken(event: Any, ctx: Any) -> Any:
        if "raise" in event.text:
            raise ZeroDivisionError
        return "nonsense"

    await room.provider.simulate_transcription(room.session, "please raise", role="user")
    await room.provider.simulate_transcription(room.session, "and nonsense", role="user")

    events = await room.kit.get_timeline("room-1")
    assert [(event.status, event.blocked_by) for event in events] == [(EventStatus.BLOCKED, "broken")] * 2
    assert events[0].block_reason == "hook broken raised ZeroDivisionError"
    assert room.chat == []
    assert len(failures) == 2
    assert room.session.state is SessionState.ACTIVE


async def test_observers_see_the_session_begin_speak_and_end(room: VoiceRoom) -> None:
    seen: list[str] = []
    for trigger in (HookTrigger.ON_SPEECH_START, HookTrigger.ON_SPEECH_END, HookTrigger.ON_SESSION_ENDED):

        @room.kit.hook(trigger)
        async def observe(event: Any, ctx: Any, name: str = trigger.value) -> None:
            seen.append(name)

    await room.provider.simulate_speech_start(room.session)
    await room.provider.simulate_speech_end(room.session)
    await room.channel.end_session(room.session)
    await asyncio.sleep(0.02)

    assert seen == ["on_speech_start", "on_speech_end", "on_session_ended"]


async def test_a_channel_that_was_detached_on_purpose_is_not_attached_again_by_a_session(room: VoiceRoom) -> None:
    await room.kit.detach_channel("room-1", "voice")

    with pytest.raises(RoomKitError):
        await room.channel.start_session("room-1", "caller")
