"""Every vendor hands a call to every other; what is typed reaches each of them (R-0008-43, R-0006-40, R-0006-41)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest

from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.channels.websocket import WebSocketChannel
from roomkit.kit import RoomKit
from roomkit.models.content import TextContent
from roomkit.providers.elevenlabs.realtime import ElevenLabsRealtimeProvider
from roomkit.providers.gemini.realtime import GeminiLiveProvider
from roomkit.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit.providers.xai.realtime import XAIRealtimeProvider
from roomkit.testing import (
    ElevenLabsSimulator,
    GeminiSimulator,
    OpenAISimulator,
    Script,
    VirtualClock,
    XAISimulator,
    call_tool,
    hear,
    say,
)
from roomkit.voice.realtime.agent import Agent
from roomkit.voice.realtime.mock import MockRealtimeTransport
from roomkit.voice.realtime.provider import RealtimeVoiceProvider

pytestmark = pytest.mark.virtual_time


def openai(script: Script) -> RealtimeVoiceProvider:
    return OpenAIRealtimeProvider(api_key="sk-test", dial=OpenAISimulator(script, clock=VirtualClock()).dial)


def xai(script: Script) -> RealtimeVoiceProvider:
    return XAIRealtimeProvider(api_key="xai-test", dial=XAISimulator(script, clock=VirtualClock()).dial)


def gemini(script: Script) -> RealtimeVoiceProvider:
    return GeminiLiveProvider(api_key="AIza-test", dial=GeminiSimulator(script, clock=VirtualClock()).dial)


def elevenlabs(script: Script) -> RealtimeVoiceProvider:
    simulator = ElevenLabsSimulator(script, clock=VirtualClock())
    return ElevenLabsRealtimeProvider(api_key="sk_test", agent_id="agent_1", dial=simulator.dial)


VENDORS: list[Callable[[Script], RealtimeVoiceProvider]] = [openai, xai, gemini, elevenlabs]


class House:
    """A call at a channel, and a chat, in one room."""

    def __init__(self, provider: RealtimeVoiceProvider, **settings: Any) -> None:
        self.transport = MockRealtimeTransport()
        self.kit = RoomKit(clock=VirtualClock())
        self.channel = RealtimeVoiceChannel("voice", provider=provider, transport=self.transport, **settings)
        self.kit.register_channel(self.channel)
        self.kit.register_channel(WebSocketChannel("chat"))

    async def begin(self) -> None:
        self.call = await self.channel.start_session("room", "ada")
        await self.kit.attach_channel("room", "chat")

    async def types(self, text: str) -> None:
        await self.transport.simulate_client_text(self.call, text)
        await self.quiet()

    async def quiet(self) -> None:
        await asyncio.sleep(2)
        await self.channel.wait_idle("room")

    async def said(self) -> list[tuple[str, str]]:
        return [(event.metadata.get("role", "chat"), event.text) for event in await self.kit.get_timeline("room")]


@pytest.mark.parametrize("vendor", VENDORS)
async def test_what_is_typed_on_the_page_and_in_the_chat_is_answered_aloud(
    vendor: Callable[[Script], RealtimeVoiceProvider],
) -> None:
    house = House(vendor(Script(hear("text"), say("At six."), hear("text"), say("Yes."))))
    await house.begin()

    await house.types("When do you close?")
    await house.kit.send_event("room", "chat", TextContent(body="Also on Sundays?"), participant_id="bob")
    await house.quiet()

    assert await house.said() == [
        ("user", "When do you close?"),
        ("assistant", "At six."),
        ("chat", "Also on Sundays?"),
        ("assistant", "Yes."),
    ]
    assert sum(len(pcm) for _, pcm in house.transport.sent_audio) > 0
    await house.kit.close()


@pytest.mark.parametrize(("first", "second"), list(permutations(VENDORS, 2)))
async def test_any_vendor_hands_over_to_any_other(
    first: Callable[[Script], RealtimeVoiceProvider], second: Callable[[Script], RealtimeVoiceProvider]
) -> None:
    reception = first(Script(hear("text"), call_tool("transfer_to_billing", {"summary": "Ada's bill is wrong."})))
    billing = Agent("billing", system_prompt="You do billing.", provider=second(Script(say("Billing here."))))
    house = House(reception, agents=[Agent("reception", handoffs=[billing])])
    await house.begin()

    await house.types("My bill is wrong.")
    await house.types("Are you there?")

    assert house.call.agent == "billing"
    said = await house.said()
    assert said[:2] == [("user", "My bill is wrong."), ("system", "reception handed the call over to billing")]
    assert ("user", "Are you there?") in said
    assert said[2] == ("assistant", "Billing here."), "the answer that was owed is the new agent's"
    assert [role for role, _ in said[3:]] == ["user", "assistant"]
    await house.kit.close()
