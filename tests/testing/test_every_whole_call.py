"""Whole calls with each vendor: session, wire engine and dialect against its simulator, in virtual time.

What is different with one vendor stands in the vendor's own file.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit.models.tool_call import Tool
from roomkit.testing import (
    Script,
    VirtualClock,
    VirtualTimeLoop,
    call_tool,
    drop,
    expect_tool_result,
    hear,
    loop,
    say,
    transcribe,
    wait,
)
from tests.testing.phone_call import PhoneCall
from tests.testing.vendors import EACH_VENDOR, provider_on, simulator_of

RATES_HZ = {"openai": 24_000, "gemini": 16_000, "xai": 16_000, "elevenlabs": 16_000}


class Call(PhoneCall):
    """A caller, and an agent on a vendor's simulator."""

    def __init__(self, vendor: str, script: Script, **channel: Any) -> None:
        clock = VirtualClock()
        self.simulator = simulator_of(vendor, script, clock=clock)
        super().__init__(provider_on(self.simulator), clock=clock, rate_hz=RATES_HZ[vendor], **channel)


@pytest.mark.virtual_time
@EACH_VENDOR
async def test_a_question_is_heard_answered_and_written_down(vendor: str) -> None:
    script = Script(hear("speech"), transcribe("are you open today"), say("Yes, until six.", seconds=1.5))
    async with Call(vendor, script) as call:
        await call.caller(speaks_ms=1_000, listens_ms=3_500)

        assert await call.words() == [("user", "are you open today"), ("assistant", "Yes, until six.")]
        assert call.heard_ms() == pytest.approx(1_500, abs=10)
        call.simulator.assert_done()


@pytest.mark.virtual_time
@EACH_VENDOR
async def test_a_tool_is_called_and_its_result_spoken(vendor: str) -> None:
    async def order_status(number: int) -> str:
        return f"order {number} is on its way"

    script = Script(
        hear("speech"),
        transcribe("where is order twelve"),
        call_tool("order_status", {"number": 12}),
        expect_tool_result("order 12 is on its way"),
        say("It is on its way.", seconds=1),
    )
    async with Call(vendor, script, tools=[Tool("order_status", handler=order_status)]) as call:
        await call.caller(speaks_ms=800, listens_ms=3_500)

        call.simulator.assert_done()
        assert (await call.words())[-1] == ("assistant", "It is on its way.")


@pytest.mark.virtual_time
@EACH_VENDOR
async def test_typed_text_is_answered_aloud_and_part_of_the_room(vendor: str) -> None:
    script = Script(hear("text"), say("We close at six.", seconds=1))
    async with Call(vendor, script) as call:
        await call.transport.simulate_client_text(call.session, "when do you close")
        await call.caller(listens_ms=2_500)

        assert await call.words() == [("user", "when do you close"), ("assistant", "We close at six.")]
        assert call.heard_ms() == pytest.approx(1_000, abs=10)


@pytest.mark.virtual_time
@EACH_VENDOR
async def test_a_barge_in_leaves_the_words_that_were_heard(vendor: str) -> None:
    words = "one two three four five six seven eight nine ten"
    script = Script(
        hear("speech"), transcribe("count"), say(words, seconds=10), hear("speech"), transcribe("stop"),
        say("Fine.", seconds=0.5),
    )  # fmt: skip
    async with Call(vendor, script) as call:
        await call.caller(speaks_ms=500, listens_ms=4_000)
        heard_so_far_ms = call.heard_ms()
        await call.caller(speaks_ms=500, listens_ms=4_000)

        said = await call.words()
        cut = next(text for role, text in said if role == "assistant")
        assert words.startswith(cut) and cut != words
        assert said[-1] == ("assistant", "Fine.")
        assert call.heard_ms() < heard_so_far_ms + 1_500
        call.simulator.assert_done()


@pytest.mark.virtual_time
@EACH_VENDOR
async def test_after_a_dropped_link_the_conversation_is_one_and_no_word_is_there_twice(vendor: str) -> None:
    script = Script(
        hear("speech"), transcribe("my name is Ada"), say("Hello Ada.", seconds=1), wait(2_000), drop(),
        hear("speech"), transcribe("what is my name"), say("Ada.", seconds=0.5),
    )  # fmt: skip
    async with Call(vendor, script) as call:
        await call.caller(speaks_ms=800, listens_ms=5_000)
        await call.caller(speaks_ms=800, listens_ms=4_000)

        assert [text for _, text in await call.words()] == ["my name is Ada", "Hello Ada.", "what is my name", "Ada."]
        assert len(call.simulator.sessions) == 2


async def two_minutes(vendor: str) -> tuple[list[str], list[tuple[str, str]]]:
    """The simulator's log, and the ids and words of the room."""
    turns = Script(hear("speech"), transcribe("and then"), say("And then this happened.", seconds=6), loop())
    async with Call(vendor, turns) as call:
        for _ in range(12):
            await call.caller(speaks_ms=1_000, listens_ms=9_000)
        events = await call.kit.get_timeline("room-1", limit=1_000)
    return call.simulator.log, [(event.id, event.text) for event in events if event.text]


@EACH_VENDOR
def test_two_runs_of_a_call_leave_the_same_log_to_the_id(vendor: str) -> None:
    runs = []
    for _ in range(2):
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            runs.append(runner.run(two_minutes(vendor)))

    assert runs[0] == runs[1]
    assert len(runs[0][1]) == 2 * 12
