"""Handing over on the vendors' wires: OpenAI's simulator in place and from one to another, in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.kit import RoomKit
from roomkit.models.session import SessionState, VoiceSession
from roomkit.models.tool_call import Tool
from roomkit.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit.testing import (
    ANYTHING,
    OpenAISimulator,
    Script,
    VirtualClock,
    call_tool,
    expect,
    expect_tool_result,
    hear,
    say,
    transcribe,
)
from roomkit.testing.call import tone
from roomkit.voice.realtime.agent import Agent
from roomkit.voice.realtime.mock import MockRealtimeTransport
from roomkit.voice.wires.port import Endpoint, WirePort

pytestmark = pytest.mark.virtual_time

FRAME_MS = 20
SPEECH = tone(FRAME_MS / 1000)
SILENCE = bytes(len(SPEECH))


class Line:
    """A caller on a paced transport; each vendor is a simulator."""

    def __init__(self, *scripts: Script) -> None:
        self.clock = VirtualClock()
        self.simulators = [OpenAISimulator(script, clock=self.clock, keep_audio=True) for script in scripts]
        self.providers = [OpenAIRealtimeProvider(api_key="sk-test", dial=each.dial) for each in self.simulators]
        self.transport = MockRealtimeTransport(lead_ms=200)
        self.kit = RoomKit(clock=self.clock)

    async def begin(self, *agents: Agent, **settings: Any) -> None:
        self.channel = RealtimeVoiceChannel(
            "voice",
            provider=self.providers[0],
            transport=self.transport,
            input_sample_rate=24_000,
            agents=agents,
            **settings,
        )
        self.kit.register_channel(self.channel)
        self.call: VoiceSession = await self.channel.start_session("room", "ada")

    async def caller(self, *, speaks_ms: int = 0, listens_ms: int = 0) -> None:
        """The microphone, live: 20 ms frames of speech, then of silence."""
        for pcm, duration_ms in ((SPEECH, speaks_ms), (SILENCE, listens_ms)):
            for _ in range(duration_ms // FRAME_MS):
                if self.call.state is SessionState.ACTIVE:
                    await self.transport.simulate_client_audio(self.call, pcm)
                await asyncio.sleep(FRAME_MS / 1000)

    async def said(self) -> list[tuple[str, str]]:
        return [(str(event.metadata["role"]), event.text) for event in await self.kit.get_timeline("room")]

    def sent(self, simulator: int, type_: str) -> list[dict[str, Any]]:
        return [event for event in self.simulators[simulator].received if event["type"] == type_]

    def finish(self) -> None:
        for simulator in self.simulators:
            simulator.assert_done()


async def test_a_transfer_in_place_is_one_session_update_and_the_new_agent_answers() -> None:
    line = Line(
        Script(
            hear("speech"),
            transcribe("my bill is wrong"),
            call_tool("transfer_to_billing", {"reason": "bill", "summary": "Ada's bill is wrong."}),
            expect_tool_result(ANYTHING),
            expect("session.update", session={"instructions": "You do billing."}),
            expect("conversation.item.create", item={"type": "message", "role": "system"}),
            expect("response.create"),
            say("Billing here, let me look.", seconds=1),
            hear("speech"),
            transcribe("thanks"),
            call_tool("refund", {}),
            expect_tool_result("refunded"),
            say("Done.", seconds=0.5),
        )
    )
    billing = Agent("billing", system_prompt="You do billing.", tools=[Tool("refund", handler=lambda: "refunded")])
    await line.begin(Agent("reception", system_prompt="You answer the phone.", handoffs=[billing]))
    await line.caller(speaks_ms=800, listens_ms=3_000)
    await line.caller(speaks_ms=800, listens_ms=3_000)

    line.finish()
    assert len(line.simulators[0].sessions) == 1, "in place: the link stayed"
    assert line.call.agent == "billing"
    assert await line.said() == [
        ("user", "my bill is wrong"),
        ("system", "reception handed the call over to billing"),
        ("assistant", "Billing here, let me look."),
        ("user", "thanks"),
        ("assistant", "Done."),
    ]
    await line.kit.close()


async def test_what_the_old_agent_says_as_it_transfers_is_heard_to_its_end() -> None:
    line = Line(
        Script(
            hear("speech"),
            transcribe("my bill is wrong"),
            say("One moment, I put you through.", seconds=3),
            call_tool("transfer_to_billing", {}, together=True),
            expect_tool_result(ANYTHING),
            say("Billing here.", seconds=1),
        )
    )
    await line.begin(Agent("reception", handoffs=[Agent("billing", system_prompt="You do billing.")]))
    await line.caller(speaks_ms=800, listens_ms=7_000)

    line.finish()
    assert [text for role, text in await line.said() if role == "assistant"] == [
        "One moment, I put you through.",
        "Billing here.",
    ]
    assert sum(len(pcm) for _, pcm in line.transport.sent_audio) / 48 == pytest.approx(4_000, abs=1)
    await line.kit.close()


async def test_a_transfer_to_another_provider_carries_the_conversation_and_the_answer_that_is_owed() -> None:
    line = Line(
        Script(
            hear("speech"),
            transcribe("my bill is wrong"),
            call_tool("transfer_to_billing", {"summary": "Ada's bill is wrong."}),
            expect_tool_result(ANYTHING),
        ),
        Script(say("Billing here.", seconds=1), hear("speech"), transcribe("thanks"), say("Bye.", seconds=0.5)),
    )
    billing = Agent("billing", system_prompt="You do billing.", voice="cedar", provider=line.providers[1])
    await line.begin(Agent("reception", handoffs=[billing]), voice="marin")
    await line.caller(speaks_ms=800, listens_ms=3_000)
    await line.caller(speaks_ms=800, listens_ms=3_000)

    line.finish()
    assert len(line.sent(0, "response.create")) == 0, "the old agent is not asked any more"
    told = [event["item"] for event in line.sent(1, "conversation.item.create")]
    texts = [item["content"][0]["text"] for item in told if item["type"] == "message"]
    assert texts[0] == "my bill is wrong"
    assert "Ada's bill is wrong." in texts[-1]
    assert [text for _, text in await line.said()] == [
        "my bill is wrong",
        "reception handed the call over to billing",
        "Billing here.",
        "thanks",
        "Bye.",
    ]
    await line.kit.close()


async def test_no_speech_of_the_caller_is_lost_while_the_call_goes_to_another_provider() -> None:
    line = Line(
        Script(hear("speech"), transcribe("hello"), say("Hello.", seconds=1), hear("speech"), transcribe("one")),
        Script(hear("speech"), transcribe("two"), say("Three.", seconds=0.5)),
    )

    async def slow_dial(endpoint: Endpoint) -> WirePort:
        await asyncio.sleep(0.5)
        return await line.simulators[1].dial(endpoint)

    elsewhere = OpenAIRealtimeProvider(api_key="sk-test", dial=slow_dial)
    await line.begin(Agent("reception"), Agent("billing", provider=elsewhere))
    await line.caller(speaks_ms=800, listens_ms=2_000)
    handing_over = asyncio.get_running_loop().create_task(line.channel.hand_over_to(line.call, "billing"))
    await line.caller(speaks_ms=1_000)  # begins while it is dialled, and goes on when the link is there
    while_speaking = line.call.agent
    await line.caller(listens_ms=2_000)
    await line.caller(speaks_ms=600, listens_ms=3_000)
    await handing_over

    speech_ms = [sum(len(frame) for frame in frames_of(simulator) if any(frame)) / 48 for simulator in line.simulators]
    assert while_speaking == "reception", "nobody is handed over in the middle of a word"
    assert speech_ms == [1_800, 600]
    assert [text for role, text in await line.said() if role == "user"] == ["hello", "one", "two"]
    await line.kit.close()


def frames_of(simulator: OpenAISimulator) -> list[bytes]:
    """The caller's audio as 20 ms frames, over all its connections."""
    audio = b"".join(bytes(session.caller_audio) for session in simulator.sessions)
    return [audio[at : at + len(SPEECH)] for at in range(0, len(audio), len(SPEECH))]
