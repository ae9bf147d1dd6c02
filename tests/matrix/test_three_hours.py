"""Three hours of steady talk and tools on each vendor, past all its limits: every word once, in order (R-0006-54)."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.kit import RoomKit
from roomkit.models.session import SessionState, VoiceSession
from roomkit.models.tool_call import Tool
from roomkit.testing import Script, VirtualClock, call_tool, hear, say, transcribe
from roomkit.testing.simulators.steps import Step
from roomkit.voice.realtime.mock import MockRealtimeTransport
from tests.matrix.speech import FRAME_MS, frame, numbers_in
from tests.matrix.vendors import VENDORS, Vendor

pytestmark = pytest.mark.virtual_time

TURNS = 361
TURN_S = 30.0
SPEAKS_S, LISTENS_S = 0.8, 1.2

LINKS = {"openai": 4, "gemini": 21, "xai": 7, "elevenlabs": 21, "elevenlabs with voice scores": 21}
"""How many links three hours take: of 60, 10, 30 and 10 minutes, each left a minute before its end."""


def steps() -> list[Step]:
    """A question a turn, every third one with a tool."""
    turns = (
        (hear("speech"), transcribe(question(n)), *([call_tool("look", {"number": n})] if n % 3 == 0 else []),
         say(answer(n), seconds=4))
        for n in range(TURNS)
    )  # fmt: skip
    return [*itertools.chain(*turns)]


def question(number: int) -> str:
    return f"question {number}"


def answer(number: int) -> str:
    return f"This is answer {number}."


class LongCall:
    """A caller who asks something every half minute; the microphone is open while they speak and shortly after."""

    def __init__(self, vendor: Vendor) -> None:
        clock = VirtualClock()
        self.vendor = vendor
        self.simulator = vendor.simulator(Script(*steps()), clock)
        self.line = vendor.line(self.simulator)
        self.transport = MockRealtimeTransport(lead_ms=200)
        self.kit = RoomKit(clock=clock)
        self.looked: list[int] = []
        self.channel = RealtimeVoiceChannel(
            "voice",
            provider=vendor.provider(self.line.dial),
            transport=self.transport,
            input_sample_rate=vendor.rate_hz,
            tools=[Tool("look", handler=self._look)],
        )
        self.kit.register_channel(self.channel)
        self.session: VoiceSession
        self.frame_count = 0

    async def _look(self, number: int) -> str:
        self.looked.append(number)
        await asyncio.sleep(1)
        return f"seen {number}"

    async def turn(self) -> None:
        began_s = asyncio.get_running_loop().time()
        for duration_s, is_loud in ((SPEAKS_S, True), (LISTENS_S, False)):
            for _ in range(round(duration_s * 1000 / FRAME_MS)):
                pcm = frame(self.frame_count, self.vendor.rate_hz, is_loud=is_loud)
                self.frame_count += 1
                await self.transport.simulate_client_audio(self.session, pcm)
                await asyncio.sleep(FRAME_MS / 1000)
        await asyncio.sleep(began_s + TURN_S - asyncio.get_running_loop().time())


@pytest.mark.parametrize("name", VENDORS)
async def test_three_hours_pass_every_limit_and_nobody_notices(name: str) -> None:
    call = LongCall(VENDORS[name])
    call.session = await call.channel.start_session("room-1", "caller")

    for _ in range(TURNS):
        await call.turn()

    timeline = await call.kit.get_timeline("room-1", limit=10_000)
    told = [message for kind in ("link_state", "error") for message in call.transport.messages(call.session, kind)]
    heard = [number for wire in call.line.wires for number in numbers_in(bytes(wire.audio), call.vendor.rate_hz)]
    assert call.session.state is SessionState.ACTIVE
    assert [e.text for e in timeline] == [text for n in range(TURNS) for text in (question(n), answer(n))]
    assert call.looked == list(range(0, TURNS, 3))
    assert heard == list(range(call.frame_count))
    assert told == []
    assert len(call.line.wires) == LINKS[name]
    await call.kit.close()
