"""Whole calls: the session engine, the wire engine and the OpenAI dialect against the simulator, in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit.models.enums import EventStatus, HookTrigger
from roomkit.models.hook import HookResult
from roomkit.models.session import EndReason
from roomkit.models.tool_call import Tool
from roomkit.models.voice import TranscriptionEvent
from roomkit.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit.testing import (
    OpenAISimulator,
    Script,
    VirtualClock,
    VirtualTimeLoop,
    call_tool,
    drop,
    expect,
    expect_tool_result,
    hear,
    loop,
    say,
    transcribe,
    wait,
)
from tests.testing.phone_call import PhoneCall

pytestmark = pytest.mark.virtual_time


class Call(PhoneCall):
    """A caller, and an agent on the simulator."""

    def __init__(self, script: Script, **channel: Any) -> None:
        clock = VirtualClock()
        self.simulator = OpenAISimulator(script, clock=clock)
        super().__init__(OpenAIRealtimeProvider(api_key="sk-test", dial=self.simulator.dial), clock=clock, **channel)


async def test_a_question_is_heard_answered_and_written_down() -> None:
    script = Script(hear("speech"), transcribe("are you open today"), say("Yes, until six.", seconds=1.5))
    async with Call(script) as call:
        await call.caller(speaks_ms=1_000, listens_ms=3_000)

        assert await call.words() == [("user", "are you open today"), ("assistant", "Yes, until six.")]
        assert call.heard_ms() == pytest.approx(1_500, abs=1)
        call.simulator.assert_done()


async def test_a_tool_is_called_and_its_result_spoken() -> None:
    async def order_status(number: int) -> str:
        return f"order {number} is on its way"

    script = Script(
        hear("speech"),
        transcribe("where is order twelve"),
        call_tool("order_status", {"number": 12}),
        expect_tool_result("order 12 is on its way"),
        say("It is on its way.", seconds=1),
    )
    async with Call(script, tools=[Tool("order_status", handler=order_status)]) as call:
        await call.caller(speaks_ms=800, listens_ms=3_000)

        call.simulator.assert_done()
        assert (await call.words())[-1] == ("assistant", "It is on its way.")


async def test_a_barge_in_truncates_at_the_millisecond_the_caller_heard() -> None:
    words = "one two three four five six seven eight nine ten"
    script = Script(
        hear("speech"), transcribe("count"), say(words, seconds=10),
        expect("conversation.item.truncate"), hear("speech"), transcribe("stop"), say("Fine.", seconds=0.5),
    )  # fmt: skip
    async with Call(script) as call:
        await call.caller(speaks_ms=500, listens_ms=4_000)
        await call.caller(speaks_ms=500, listens_ms=3_000)

        (truncate,) = [e for e in call.simulator.received if e["type"] == "conversation.item.truncate"]
        cut = next(text for role, text in await call.words() if role == "assistant")
        assert 3_000 < truncate["audio_end_ms"] < 4_500
        assert words.startswith(cut) and 3 <= len(cut.split()) <= 5
        assert (await call.words())[-1] == ("assistant", "Fine.")


async def test_a_dropped_link_comes_back_with_the_conversation_and_loses_no_speech() -> None:
    script = Script(
        hear("speech"), transcribe("my name is Ada"), say("Hello Ada.", seconds=1), wait(2_000), drop(),
        hear("speech"), transcribe("what is my name"), say("Ada.", seconds=0.5),
    )  # fmt: skip
    async with Call(script) as call:
        await call.caller(speaks_ms=800, listens_ms=4_000)
        await call.caller(speaks_ms=800, listens_ms=3_000)

        remembered = [e["item"] for e in call.simulator.received if e["type"] == "conversation.item.create"]
        assert [item["content"][0]["text"] for item in remembered] == ["my name is Ada", "Hello Ada."]
        assert [text for _, text in await call.words()] == ["my name is Ada", "Hello Ada.", "what is my name", "Ada."]


async def test_typed_text_is_answered_aloud_and_part_of_the_room() -> None:
    script = Script(hear("text"), say("We close at six.", seconds=1))
    async with Call(script) as call:
        await call.transport.simulate_client_text(call.session, "when do you close")
        await call.caller(listens_ms=2_000)

        assert await call.words() == [("user", "when do you close"), ("assistant", "We close at six.")]


async def long_call(minutes: int) -> tuple[list[str], list[tuple[str, str]], float]:
    turns = Script(hear("speech"), transcribe("and then"), say("And then this happened.", seconds=6), loop())
    call = Call(turns)
    async with call:
        for _ in range(minutes * 6):  # ten seconds a turn
            await call.caller(speaks_ms=1_000, listens_ms=9_000)
        words = await call.kit.get_timeline("room-1", limit=1_000)
    assert call.session.end_reason is EndReason.SHUTDOWN
    return call.simulator.log, [(e.id, e.text) for e in words], asyncio.get_running_loop().time()


async def test_a_thirty_minute_call_passes_in_virtual_time() -> None:
    _, words, lasted_s = await long_call(minutes=30)

    assert len(words) == 2 * 180
    assert lasted_s == pytest.approx(1_800, abs=5)


def test_two_runs_of_a_call_leave_the_same_log_to_the_id() -> None:
    runs = []
    for _ in range(2):
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            runs.append(runner.run(long_call(minutes=2)))

    assert runs[0] == runs[1]
    assert len(runs[0][1]) == 2 * 12


async def test_with_held_answers_the_agent_answers_only_what_the_hooks_let_pass() -> None:
    script = Script(
        hear("speech"), transcribe("my secret is"), hear("speech"), transcribe("are you open"), say("Yes.", seconds=0.5)
    )  # fmt: skip
    async with Call(script, hold_answers=True) as call:

        @call.kit.hook(HookTrigger.ON_TRANSCRIPTION)
        async def police(event: TranscriptionEvent, ctx: object) -> HookResult:
            return HookResult.block("secret") if "secret" in event.text else HookResult.allow()

        await call.caller(speaks_ms=800, listens_ms=2_000)
        asked_after_the_first = [e["type"] for e in call.simulator.received].count("response.create")
        await call.caller(speaks_ms=800, listens_ms=2_500)

        assert asked_after_the_first == 0
        assert await call.words() == [("user", "my secret is"), ("user", "are you open"), ("assistant", "Yes.")]
        statuses = [event.status for event in await call.kit.get_timeline("room-1")]
        assert [status is EventStatus.BLOCKED for status in statuses] == [True, False, False]
