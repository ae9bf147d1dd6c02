"""Every trigger there is fires where RFC 0004 says: one scenario each, and none may be missing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from roomkit.channels.ai import AIChannel
from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.channels.websocket import WebSocketChannel
from roomkit.kit import RoomKit
from roomkit.models.content import TextContent
from roomkit.models.delivery import InboundMessage
from roomkit.models.enums import ChannelCategory, HookTrigger
from roomkit.models.session import VoiceSession
from roomkit.models.tool_call import Tool
from roomkit.providers.ai.mock import MockAIProvider
from roomkit.testing.call import tone
from roomkit.testing.virtual_time import VirtualClock
from roomkit.voice.realtime.mock import MockRealtimeProvider, MockRealtimeTransport
from roomkit.voice.session.account.budget import Budget

pytestmark = pytest.mark.virtual_time

RFC = Path(__file__).parents[2] / "rfcs" / "0004-hooks.md"


@dataclass
class House:
    """A kit with a chat, a text agent and a voice agent, none of which is in a room yet."""

    kit: RoomKit
    voice: RealtimeVoiceChannel
    provider: MockRealtimeProvider
    transport: MockRealtimeTransport
    directory: Path
    fired: list[Any] = field(default_factory=list)

    async def chat(self) -> None:
        await self.kit.create_room("room")
        await self.kit.attach_channel("room", "chat")

    async def says(self, text: str = "hello") -> None:
        message = InboundMessage(channel_id="chat", sender_id="ada", content=TextContent(body=text))
        await self.kit.process_inbound(message, room_id="room")

    async def call(self, **metadata: Any) -> VoiceSession:
        return await self.voice.start_session("room", "ada", metadata=metadata)

    async def agent_says(self, session: VoiceSession, seconds: float = 1.0) -> None:
        await self.provider.simulate_response_start(session)
        await self.provider.simulate_audio(session, tone(seconds))
        await self.provider.simulate_transcription(session, "hello")
        await self.provider.simulate_response_end(session)


Scenario = Callable[[House], Awaitable[object]]
T = HookTrigger


async def a_message(house: House) -> None:
    await house.chat()
    await house.says()


async def a_text_agent_answers(house: House) -> None:
    await a_message(house)
    await house.kit.attach_channel("room", "agent", category=ChannelCategory.INTELLIGENCE)
    await house.says()


async def caller_words(house: House, *, is_final: bool = True) -> None:
    await house.provider.simulate_transcription(await house.call(), "hello", role="user", is_final=is_final)


async def a_greeting_is_heard(house: House) -> None:
    session = await house.call(greeting="hello")
    await house.agent_says(session)
    await asyncio.sleep(2)


async def a_tool(house: House) -> None:
    clock = Tool(name="clock", description="", parameters={"type": "object"}, handler=lambda: "noon")
    await house.provider.simulate_tool_call(await house.call(tools=[clock]), "c1", "clock")


async def speech(house: House) -> None:
    session = await house.call()
    await house.provider.simulate_speech_start(session)
    await house.provider.simulate_speech_end(session)


async def a_short_call(house: House) -> None:
    await house.voice.end_session(await house.call())


async def caller_audio(house: House) -> None:
    session = await house.call()
    for _ in range(10):
        await house.transport.simulate_client_audio(session, tone(0.02, 16_000))


async def agent_audio(house: House) -> None:
    await house.agent_says(await house.call())


async def barge_in(house: House) -> None:
    session = await house.call()
    await house.agent_says(session, seconds=5)
    await asyncio.sleep(1)
    await house.provider.simulate_speech_start(session)


async def a_turn(house: House) -> None:
    session = await house.call()
    await house.provider.simulate_speech_end(session)
    await house.agent_says(session)
    await asyncio.sleep(2)


async def a_budget_runs_low(house: House) -> None:
    await house.call(budget=Budget(max_duration_s=10))
    await asyncio.sleep(9.5)


async def a_fault(house: House) -> None:
    await house.provider.simulate_error(await house.call(), "oops", "something went wrong")


async def a_room_opens_and_closes(house: House) -> None:
    await house.chat()
    await house.kit.close_room("room")


async def a_channel_comes_and_goes(house: House) -> None:
    await house.chat()
    await house.kit.mute("room", "chat")
    await house.kit.unmute("room", "chat")
    await house.kit.detach_channel("room", "chat")


async def a_member_comes_and_goes(house: House) -> None:
    await house.chat()
    await house.kit.add_member("room", "ada")
    await house.kit.remove_member("room", "ada")


async def a_delivery(house: House) -> None:
    await house.chat()
    house.kit.register_channel(other := WebSocketChannel("other"))
    other.register_connection("bob", lambda _, event: None, room_id="room")
    await house.kit.attach_channel("room", "other")
    await house.says()


async def a_recording(house: House) -> None:
    session = await house.call()
    await house.voice.start_recording(session, house.directory / "call.wav")
    await house.voice.stop_recording(session)


async def dtmf(house: House) -> None:
    await house.transport.simulate_dtmf(await house.call(), "5")


async def injected(house: House) -> None:
    await house.voice.inject_text(await house.call(), "hello")


SCENARIOS: dict[HookTrigger, Scenario] = {
    T.BEFORE_BROADCAST: a_message,
    T.AFTER_BROADCAST: a_message,
    T.ON_TRANSCRIPTION: caller_words,
    T.ON_PARTIAL_TRANSCRIPTION: lambda house: caller_words(house, is_final=False),
    T.BEFORE_TTS: a_greeting_is_heard,
    T.AFTER_TTS: a_greeting_is_heard,
    T.BEFORE_TOOL_USE: a_tool,
    T.ON_TOOL_CALL: a_tool,
    T.BEFORE_AI_GENERATION: a_text_agent_answers,
    T.ON_SPEECH_START: speech,
    T.ON_SPEECH_END: speech,
    T.ON_SESSION_STARTED: a_short_call,
    T.ON_SESSION_ENDED: a_short_call,
    T.ON_BARGE_IN: barge_in,
    T.ON_INPUT_AUDIO_LEVEL: caller_audio,
    T.ON_OUTPUT_AUDIO_LEVEL: agent_audio,
    T.ON_DTMF: dtmf,
    T.ON_REALTIME_TEXT_INJECTED: injected,
    T.ON_TURN_COMPLETE: a_turn,
    T.ON_BUDGET_WARNING: a_budget_runs_low,
    T.ON_ERROR: a_fault,
    T.ON_ROOM_CREATED: a_room_opens_and_closes,
    T.ON_ROOM_CLOSED: a_room_opens_and_closes,
    T.ON_CHANNEL_ATTACHED: a_channel_comes_and_goes,
    T.ON_CHANNEL_DETACHED: a_channel_comes_and_goes,
    T.ON_CHANNEL_MUTED: a_channel_comes_and_goes,
    T.ON_CHANNEL_UNMUTED: a_channel_comes_and_goes,
    T.ON_PARTICIPANT_JOINED: a_member_comes_and_goes,
    T.ON_PARTICIPANT_LEFT: a_member_comes_and_goes,
    T.ON_DELIVERY_STATUS: a_delivery,
    T.ON_RECORDING_STARTED: a_recording,
    T.ON_RECORDING_STOPPED: a_recording,
}


def payloads() -> dict[str, str]:
    """The payload of each trigger, as the table of RFC 0004 has it."""
    rows = re.findall(r"^\| ([A-Z_, ]+) \| (?:deciding|observing) \| `(\w+)`", RFC.read_text(encoding="utf-8"), re.M)
    return {name: payload for names, payload in rows for name in names.split(", ")}


def test_the_table_and_the_scenarios_hold_every_trigger() -> None:
    assert set(payloads()) == {trigger.name for trigger in HookTrigger}
    assert set(SCENARIOS) == set(HookTrigger)


@pytest.mark.parametrize("trigger", HookTrigger)
async def test_it_fires_with_the_payload_the_table_names(trigger: HookTrigger, tmp_path: Path) -> None:
    provider, transport = MockRealtimeProvider(), MockRealtimeTransport(lead_ms=200)
    kit = RoomKit(clock=VirtualClock())
    voice = RealtimeVoiceChannel("voice", provider=provider, transport=transport)
    for channel in (voice, WebSocketChannel("chat"), AIChannel("agent", MockAIProvider(["noon"]))):
        kit.register_channel(channel)
    house = House(kit, voice, provider, transport, tmp_path)
    kit.hook(trigger)(lambda event, context: house.fired.append(event))

    await SCENARIOS[trigger](house)
    await asyncio.sleep(0.1)
    await kit.close()

    assert house.fired
    assert {type(event).__name__ for event in house.fired} == {payloads()[trigger.name]}
