"""Whole calls with OpenAI: what its truncation, its replayed items and its held answers make different."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit.models.enums import EventStatus, HookTrigger
from roomkit.models.hook import HookResult
from roomkit.models.session import EndReason
from roomkit.models.voice import TranscriptionEvent
from roomkit.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit.testing import (
    OpenAISimulator,
    Script,
    VirtualClock,
    drop,
    expect,
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


async def test_a_thirty_minute_call_passes_in_virtual_time() -> None:
    turns = Script(hear("speech"), transcribe("and then"), say("And then this happened.", seconds=6), loop())
    async with Call(turns) as call:
        for _ in range(180):
            await call.caller(speaks_ms=1_000, listens_ms=9_000)
        words = await call.words()

    assert call.session.end_reason is EndReason.SHUTDOWN
    assert len(words) == 2 * 180
    assert asyncio.get_running_loop().time() == pytest.approx(1_800, abs=5)


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
