"""A room whose agent is a live simulator: our own provider of each vendor, the vendor's protocol, the local agent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from roomkit.clock import SYSTEM_CLOCK
from roomkit.providers.elevenlabs.realtime import ElevenLabsRealtimeProvider
from roomkit.providers.gemini.realtime import GeminiLiveProvider
from roomkit.providers.local.realtime import LocalRealtimeProvider
from roomkit.providers.local.tools import default_tools
from roomkit.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit.providers.xai.realtime import XAIRealtimeProvider
from roomkit.testing import ElevenLabsSimulator, GeminiSimulator, OpenAISimulator, SimulatedAgent, XAISimulator
from roomkit.voice.realtime.commands import ToolSpec
from roomkit.voice.realtime.provider import RealtimeVoiceProvider
from tests.testing.live_speech import WEATHER, is_audible, local_agent, spoken
from tests.testing.phone_call import PhoneCall

RATE_HZ = 24_000
FRAME_BYTES = 960
ANSWER_TIMEOUT_S = 20.0
TOOLS = default_tools()
AGENT = SimulatedAgent(tools=tuple(ToolSpec(tool.name, tool.description, tool.parameters) for tool in TOOLS))

Dialled = Callable[[str], RealtimeVoiceProvider]
VENDORS: dict[str, tuple[Callable[[LocalRealtimeProvider], Any], Dialled]] = {
    "openai": (
        lambda live: OpenAISimulator(live=live),
        lambda url: OpenAIRealtimeProvider("key", base_url=url),
    ),
    "gemini": (
        lambda live: GeminiSimulator(live=live),
        lambda url: GeminiLiveProvider("key", base_url=url),
    ),
    "xai": (
        lambda live: XAISimulator(live=live),
        lambda url: XAIRealtimeProvider(api_key="key", base_url=url),
    ),
    "elevenlabs": (
        lambda live: ElevenLabsSimulator(agent=AGENT, live=live),
        lambda url: ElevenLabsRealtimeProvider(agent_id="a", base_url=url),
    ),
}


@asynccontextmanager
async def call(vendor: str) -> AsyncIterator[PhoneCall]:
    """A caller in a room with the vendor's agent, which is ours."""
    simulate, dial = VENDORS[vendor]
    async with simulate(local_agent()).serve() as server:
        address = server.base_url if vendor == "gemini" else server.url
        async with PhoneCall(dial(address), clock=SYSTEM_CLOCK, rate_hz=RATE_HZ, tools=TOOLS) as phone:
            yield phone


async def says(phone: PhoneCall, pcm: bytes) -> None:
    for at in range(0, len(pcm), FRAME_BYTES):
        await phone.transport.simulate_client_audio(phone.session, pcm[at : at + FRAME_BYTES].ljust(FRAME_BYTES, b"\0"))
        await asyncio.sleep(0.005)  # faster than speech, slower than what would be dropped as late


@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_question_is_answered_with_the_rooms_own_tool_and_both_are_on_record(vendor: str) -> None:
    words: list[tuple[str, str]] = []
    async with call(vendor) as phone:
        await says(phone, await spoken(WEATHER, RATE_HZ))
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            while not any(role == "assistant" for role, _ in words):
                await asyncio.sleep(0.05)
                words = await phone.words()
        heard = b"".join(pcm for _, pcm in phone.transport.sent_audio)

    assert words == [
        ("user", "What is the weather in Paris?"),
        ("assistant", "In Paris it is 17 degrees, light rain."),
    ]
    assert is_audible(heard)
