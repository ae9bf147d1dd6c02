"""A room whose agent is a live simulator: our own provider of each vendor, the vendor's protocol, the local agent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from roomkit.clock import SYSTEM_CLOCK
from roomkit.providers.local.tools import default_tools
from roomkit.testing import SimulatedAgent
from roomkit.voice.realtime.commands import ToolSpec
from tests.testing.live_speech import WEATHER, is_audible, local_agent, spoken
from tests.testing.phone_call import PhoneCall
from tests.testing.vendors import EACH_VENDOR, served, simulator_of

RATE_HZ = 24_000
FRAME_BYTES = 960
ANSWER_TIMEOUT_S = 20.0
TOOLS = default_tools()
AGENT = SimulatedAgent(tools=tuple(ToolSpec(tool.name, tool.description, tool.parameters) for tool in TOOLS))


@asynccontextmanager
async def call(vendor: str) -> AsyncIterator[PhoneCall]:
    """A caller in a room with the vendor's agent, which is ours."""
    known = (
        {"agent": AGENT} if vendor == "elevenlabs" else {}
    )  # the others are told by their client what tools there are
    simulator = simulator_of(vendor, live=local_agent(), **known)
    async with (
        served(simulator) as provider,
        PhoneCall(provider, clock=SYSTEM_CLOCK, rate_hz=RATE_HZ, tools=TOOLS) as phone,
    ):
        yield phone


async def says(phone: PhoneCall, pcm: bytes) -> None:
    for at in range(0, len(pcm), FRAME_BYTES):
        await phone.transport.simulate_client_audio(phone.session, pcm[at : at + FRAME_BYTES].ljust(FRAME_BYTES, b"\0"))
        await asyncio.sleep(0.005)  # faster than speech, slower than what would be dropped as late


@EACH_VENDOR
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
