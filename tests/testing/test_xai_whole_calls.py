"""Whole calls with xAI: channel, session, wire engine and dialect against the simulator, in memory and on a socket."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.clock import SYSTEM_CLOCK, Clock
from roomkit.errors import ConfigError
from roomkit.kit import RoomKit
from roomkit.models.session import SessionState, VoiceSession
from roomkit.models.tool_call import Tool
from roomkit.providers.xai.realtime import XAIRealtimeProvider
from roomkit.testing import (
    Script,
    VirtualClock,
    XAISimulator,
    call_tool,
    drop,
    expect,
    expect_tool_result,
    hear,
    say,
    transcribe,
    wait,
)
from roomkit.testing.simulators.sound import tone
from roomkit.voice.audio.resample import Resampler
from roomkit.voice.realtime.mock import MockRealtimeTransport

FRAME_MS = 20
RATE_HZ = 16_000
SILENCE = bytes(RATE_HZ * FRAME_MS // 1000 * 2)
SPEECH = Resampler(24_000, RATE_HZ).feed(tone(200))[-len(SILENCE) :]


class GrokCall:
    """A caller on a paced mock transport at 16 kHz, Grok on the simulator, a room between them."""

    def __init__(self, script: Script, *, over: str = "memory", **channel: Any) -> None:
        self._over = over
        self._undo = AsyncExitStack()
        clock: Clock = VirtualClock() if over == "memory" else SYSTEM_CLOCK
        self.simulator = XAISimulator(script, keep_audio=True, clock=clock)
        self.transport = MockRealtimeTransport(lead_ms=200)
        self.kit = RoomKit(clock=clock)
        self._settings: dict[str, Any] = {"input_sample_rate": RATE_HZ, "output_sample_rate": RATE_HZ, **channel}

    async def __aenter__(self) -> GrokCall:
        if self._over == "memory":
            provider = XAIRealtimeProvider(api_key="xai-test", dial=self.simulator.dial)
        else:
            serving = await self._undo.enter_async_context(self.simulator.serve())
            provider = XAIRealtimeProvider(api_key="xai-test", base_url=serving.url)
        self._undo.push_async_callback(self.kit.close)
        channel = RealtimeVoiceChannel("voice", provider=provider, transport=self.transport, **self._settings)
        self.kit.register_channel(channel)
        self.session: VoiceSession = await channel.start_session("room-1", "caller")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._undo.aclose()

    async def caller(self, *, speaks_ms: int = 0, listens_ms: int = 0, speed: int = 1) -> None:
        """The microphone, live: 20 ms frames of speech, then of silence."""
        for pcm, duration_ms in ((SPEECH, speaks_ms), (SILENCE, listens_ms)):
            for _ in range(duration_ms // FRAME_MS):
                if self.session.state is SessionState.ACTIVE:
                    await self.transport.simulate_client_audio(self.session, pcm)
                await asyncio.sleep(FRAME_MS / 1000 / speed)

    async def words(self) -> list[tuple[str, str]]:
        return [(str(e.metadata["role"]), e.text) for e in await self.kit.get_timeline("room-1")]

    def heard_ms(self) -> float:
        return sum(len(pcm) for _, pcm in self.transport.sent_audio) / 2 / RATE_HZ * 1000


@pytest.mark.virtual_time
async def test_a_question_is_heard_answered_and_written_down_once() -> None:
    script = Script(hear("speech"), transcribe("are you open today"), say("Yes, until six.", seconds=1.5))
    async with GrokCall(script) as call:
        await call.caller(speaks_ms=1_000, listens_ms=4_000)

        assert await call.words() == [("user", "are you open today"), ("assistant", "Yes, until six.")]
        assert call.heard_ms() == pytest.approx(1_500, abs=2)
        call.simulator.assert_done()


@pytest.mark.virtual_time
async def test_the_callers_frames_reach_the_vendor_as_they_are_because_it_takes_their_rate() -> None:
    async with GrokCall(Script(hear("speech"), say("Yes."))) as call:
        await call.caller(speaks_ms=600, listens_ms=1_000)

        heard = bytes(call.simulator.sessions[0].caller_audio)
        assert SPEECH * 25 in heard


@pytest.mark.virtual_time
async def test_two_tools_of_one_answer_are_answered_together() -> None:
    async def slot(day: str) -> str:
        await asyncio.sleep(0.4)
        return f"{day}: 10:30"

    async def price() -> str:
        return "20"

    script = Script(
        hear("speech"), transcribe("a slot and the price"),
        say("Let me look.", seconds=0.6, pace="realtime"), call_tool("slot", {"day": "Fri"}, together=True),
        call_tool("price", together=True),
        expect_tool_result("20", name="price"), expect_tool_result("Fri: 10:30", name="slot"),
        expect("response.create"), say("Half past ten, twenty.", seconds=1),
    )  # fmt: skip
    async with GrokCall(script, tools=[Tool("slot", handler=slot), Tool("price", handler=price)]) as call:
        await call.caller(speaks_ms=800, listens_ms=5_000)

        call.simulator.assert_done()
        assert [event["type"] for event in call.simulator.received].count("response.create") == 1
        assert (await call.words())[-1] == ("assistant", "Half past ten, twenty.")


@pytest.mark.virtual_time
async def test_a_barge_in_is_told_to_the_vendor_and_nothing_waits_for_its_word() -> None:
    script = Script(
        hear("speech"), transcribe("count"), say("one two three four five six seven eight nine ten", seconds=10),
        expect("conversation.item.truncate"), hear("speech"), transcribe("stop"), say("Fine.", seconds=0.5),
    )  # fmt: skip
    async with GrokCall(script) as call:
        await call.caller(speaks_ms=500, listens_ms=4_000)
        await call.caller(speaks_ms=500, listens_ms=4_000)

        (truncate,) = [e for e in call.simulator.received if e["type"] == "conversation.item.truncate"]
        assert 2_500 < truncate["audio_end_ms"] < 4_500
        assert (await call.words())[-1] == ("assistant", "Fine.")


@pytest.mark.virtual_time
async def test_after_a_dropped_link_the_conversation_is_one_and_no_word_is_there_twice() -> None:
    script = Script(
        hear("speech"), transcribe("my name is Ada"), say("Hello Ada.", seconds=1), wait(2_000), drop(),
        hear("speech"), transcribe("what is my name"), say("Ada.", seconds=0.5),
    )  # fmt: skip
    async with GrokCall(script) as call:
        await call.caller(speaks_ms=800, listens_ms=5_000)
        await call.caller(speaks_ms=800, listens_ms=4_000)

        assert await call.words() == [
            ("user", "my name is Ada"), ("assistant", "Hello Ada."), ("user", "what is my name"), ("assistant", "Ada."),
        ]  # fmt: skip
        assert len(call.simulator.sessions) == 2


@pytest.mark.virtual_time
async def test_native_tools_go_along_and_a_clash_is_told_before_anything_is_dialled() -> None:
    async def browse_page() -> str:
        return ""

    native = {"type": "web_search"}
    async with GrokCall(Script(), tools=[native]) as call:
        assert call.simulator.sessions[0].session["tools"] == [native]

    clash = GrokCall(Script(), tools=[native, Tool("browse_page", handler=browse_page)])
    with pytest.raises(ConfigError, match="reserves the function name browse_page"):
        async with clash:
            pass
    assert clash.simulator.sessions == []
    await clash.kit.close()


async def test_over_a_real_socket_the_call_is_the_same() -> None:
    script = Script(hear("speech"), transcribe("are you open"), say("Yes.", seconds=0.2))
    async with GrokCall(script, over="socket") as call, asyncio.timeout(10):
        await call.caller(speaks_ms=400, listens_ms=1_000, speed=20)
        while len(await call.words()) < 2:
            await call.caller(listens_ms=FRAME_MS)

        assert await call.words() == [("user", "are you open"), ("assistant", "Yes.")]
        call.simulator.assert_done()
