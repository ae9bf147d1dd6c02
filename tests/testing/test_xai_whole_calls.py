"""Whole calls with xAI: channel, session, wire engine and dialect against the simulator, in memory and on a socket."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit.clock import SYSTEM_CLOCK
from roomkit.errors import ConfigError
from roomkit.models.tool_call import Tool
from roomkit.providers.xai.realtime import XAIRealtimeProvider
from roomkit.testing import (
    Script,
    VirtualClock,
    XAISimulator,
    call_tool,
    expect,
    expect_tool_result,
    hear,
    say,
    transcribe,
)
from tests.testing.phone_call import FRAME_MS, PhoneCall

RATE_HZ = 16_000


class Call(PhoneCall):
    """A caller at 16 kHz, and Grok on the simulator."""

    def __init__(self, script: Script, **channel: Any) -> None:
        clock = VirtualClock()
        self.simulator = XAISimulator(script, keep_audio=True, clock=clock)
        provider = XAIRealtimeProvider(api_key="xai-test", dial=self.simulator.dial)
        super().__init__(provider, clock=clock, rate_hz=RATE_HZ, output_sample_rate=RATE_HZ, **channel)


@pytest.mark.virtual_time
async def test_the_callers_frames_reach_the_vendor_as_they_are_because_it_takes_their_rate() -> None:
    async with Call(Script(hear("speech"), say("Yes."))) as call:
        await call.caller(speaks_ms=600, listens_ms=1_000)

        heard = bytes(call.simulator.sessions[0].caller_audio)
        assert call.speech * 25 in heard


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
    async with Call(script, tools=[Tool("slot", handler=slot), Tool("price", handler=price)]) as call:
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
    async with Call(script) as call:
        await call.caller(speaks_ms=500, listens_ms=4_000)
        await call.caller(speaks_ms=500, listens_ms=4_000)

        (truncate,) = [e for e in call.simulator.received if e["type"] == "conversation.item.truncate"]
        assert 2_500 < truncate["audio_end_ms"] < 4_500
        assert (await call.words())[-1] == ("assistant", "Fine.")


@pytest.mark.virtual_time
async def test_native_tools_go_along_and_a_clash_is_told_before_anything_is_dialled() -> None:
    async def browse_page() -> str:
        return ""

    native = {"type": "web_search"}
    async with Call(Script(), tools=[native]) as call:
        assert call.simulator.sessions[0].session["tools"] == [native]

    clash = Call(Script(), tools=[native, Tool("browse_page", handler=browse_page)])
    with pytest.raises(ConfigError, match="reserves the function name browse_page"):
        async with clash:
            pass
    assert clash.simulator.sessions == []
    await clash.kit.close()


async def test_over_a_real_socket_the_call_is_the_same() -> None:
    script = Script(hear("speech"), transcribe("are you open"), say("Yes.", seconds=0.2))
    simulator = XAISimulator(script)
    async with asyncio.timeout(10), simulator.serve() as serving:
        provider = XAIRealtimeProvider(api_key="xai-test", base_url=serving.url)
        async with PhoneCall(provider, clock=SYSTEM_CLOCK, rate_hz=RATE_HZ, output_sample_rate=RATE_HZ) as call:
            await call.caller(speaks_ms=400, listens_ms=1_000, speed=20)
            while len(await call.words()) < 2:
                await call.caller(listens_ms=FRAME_MS)

            assert await call.words() == [("user", "are you open"), ("assistant", "Yes.")]
            simulator.assert_done()
