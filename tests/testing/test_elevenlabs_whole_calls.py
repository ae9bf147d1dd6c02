"""Whole calls with an ElevenLabs agent: session, wire engine and dialect against the simulator, in virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from roomkit.models.enums import HookTrigger
from roomkit.models.hook import HookResult
from roomkit.models.session import EndReason
from roomkit.models.voice import BargeInEvent
from roomkit.providers.elevenlabs.realtime import ElevenLabsRealtimeProvider
from roomkit.testing import (
    ElevenLabsSimulator,
    Script,
    SimulatedAgent,
    VirtualClock,
    call_tool,
    drop,
    expect,
    expect_tool_result,
    hear,
    say,
    transcribe,
    wait,
)
from tests.testing.phone_call import PhoneCall

pytestmark = pytest.mark.virtual_time

COUNTING = "one two three four five six seven eight nine ten"


class Call(PhoneCall):
    """A caller, and an agent on the simulator."""

    def __init__(self, script: Script, agent: SimulatedAgent | None = None, **channel: Any) -> None:
        clock = VirtualClock()
        self.simulator = ElevenLabsSimulator(script, agent=agent, clock=clock)
        provider = ElevenLabsRealtimeProvider(
            api_key="xi-test", agent_id="agent_1", dial=self.simulator.dial, sign=self.simulator.sign
        )
        super().__init__(provider, clock=clock, **channel)


@pytest.mark.parametrize("aligns", [True, False])
async def test_the_room_is_idle_again_when_an_answer_was_heard(aligns: bool) -> None:
    script = Script(hear("speech"), transcribe("hello"), say("Hello there.", seconds=1))
    async with Call(script, SimulatedAgent(aligns=aligns)) as call:
        await call.caller(speaks_ms=500, listens_ms=600)
        await call.channel.wait_idle("room-1", timeout=10)

        assert (await call.words())[-1] == ("assistant", "Hello there.")


async def test_a_tool_set_up_at_the_vendor_is_run_by_the_channels_handler() -> None:
    async def handler(name: str, arguments: dict[str, object]) -> str:
        return f"{name} {arguments['number']} is on its way"

    script = Script(
        hear("speech"),
        transcribe("where is order twelve"),
        call_tool("order", {"number": 12}),
        expect_tool_result("order 12 is on its way"),
        say("It is on its way.", seconds=1),
    )
    async with Call(script, tool_handler=handler) as call:
        await call.caller(speaks_ms=800, listens_ms=3_000)

        call.simulator.assert_done()
        assert (await call.words())[-1] == ("assistant", "It is on its way.")


async def test_a_tool_that_fails_is_an_error_to_the_agent() -> None:
    def handler(name: str, arguments: dict[str, object]) -> str:
        raise KeyError(name)

    script = Script(
        hear("speech"),
        transcribe("where is it"),
        call_tool("order"),
        expect("client_tool_result", is_error=True),
        say("I cannot see it."),
    )
    async with Call(script, tool_handler=handler) as call:
        await call.caller(speaks_ms=800, listens_ms=3_000)

        call.simulator.assert_done()


@pytest.mark.parametrize(("aligns", "pace"), [(True, "fast"), (True, "realtime"), (False, "fast")])
async def test_a_barge_in_leaves_the_words_that_were_heard(aligns: bool, pace: str) -> None:
    script = Script(
        hear("speech"),
        transcribe("count"),
        say(COUNTING, seconds=10, pace="fast" if pace == "fast" else "realtime"),
        hear("speech"),
        transcribe("stop"),
        say("Fine.", seconds=0.5),
    )
    barge_ins: list[BargeInEvent] = []
    async with Call(script, SimulatedAgent(aligns=aligns)) as call:

        @call.kit.hook(HookTrigger.ON_BARGE_IN)
        async def note(event: BargeInEvent, _: object) -> HookResult:
            barge_ins.append(event)
            return HookResult.allow()

        await call.caller(speaks_ms=500, listens_ms=4_400)
        await call.caller(speaks_ms=500, listens_ms=3_000)

        words = await call.words()

    call.simulator.assert_done()
    assert words[0] == ("user", "count")
    assert words[-2:] == [("user", "stop"), ("assistant", "Fine.")]
    role, cut = words[1]
    assert role == "assistant"
    assert COUNTING.startswith(cut)
    assert len(cut.split()) == pytest.approx(4, abs=1)
    assert [round(event.heard_ms / 1_000) for event in barge_ins] == [4]


async def test_a_lost_link_is_replaced_and_told_the_conversation_as_silent_context() -> None:
    script = Script(
        hear("speech"),
        transcribe("my name is Ana"),
        say("Hello Ana.", seconds=1),
        wait(3_000),
        drop(1011),
        expect("contextual_update", text="The user said: my name is Ana"),
        expect("contextual_update", text="You said: Hello Ana."),
        hear("speech"),
        transcribe("still there"),
        say("Yes.", seconds=0.5),
    )
    async with Call(script) as call:
        await call.caller(speaks_ms=500, listens_ms=5_000)
        await call.caller(speaks_ms=500, listens_ms=2_000)

        assert await call.words() == [
            ("user", "my name is Ana"),
            ("assistant", "Hello Ana."),
            ("user", "still there"),
            ("assistant", "Yes."),
        ]

    call.simulator.assert_done()
    assert len(call.simulator.sessions) == 2


@pytest.mark.parametrize("provider_config", [{}, {"first_message": "Hello {{name}}."}])
async def test_the_agents_first_message_is_heard_on_the_first_link_only(provider_config: dict[str, str]) -> None:
    """R-0006-67."""
    script = Script(hear("speech"), transcribe("hi"), say("How are you?", seconds=1), wait(3_000), drop(1011))
    agent = SimulatedAgent(first_message="Hello Ana.")
    given = {"dynamic_variables": {"name": "Ana"}, **provider_config}
    async with Call(script, agent, provider_config=given) as call:
        await call.caller(listens_ms=3_000)
        await call.caller(speaks_ms=500, listens_ms=10_000)

        said = [text for role, text in await call.words() if role == "assistant"]
        assert (said, len(call.simulator.sessions)) == (["Hello Ana.", "How are you?"], 2)


async def test_an_agent_that_hangs_up_is_heard_to_its_end_and_is_not_dialled_again() -> None:
    """R-0006-62."""
    script = Script(hear("speech"), transcribe("bye"), say("Goodbye.", seconds=2), wait(50), drop(1000))
    async with Call(script, degrade_to="text") as call:
        await call.caller(speaks_ms=500, listens_ms=5_000)

        assert call.heard_ms() == pytest.approx(2_000, abs=10)
        assert call.session.end_reason is EndReason.AGENT_ENDED
        assert call.transport.messages(call.session)[-1]["reason"] == "agent_ended"
        assert (await call.words())[-1] == ("assistant", "Goodbye.")

    assert len(call.simulator.sessions) == 1


async def test_what_the_application_interrupts_is_not_heard_any_more() -> None:
    script = Script(hear("text"), say(COUNTING, seconds=10, pace="realtime"), hear("text"), say("Yes?", seconds=0.5))
    async with Call(script) as call:
        await call.channel.inject_text(call.session, "count")
        await call.caller(listens_ms=3_000)
        await call.transport.simulate_client_interrupt(call.session)
        heard_ms = call.heard_ms()
        await call.caller(listens_ms=2_000)

        assert call.heard_ms() == heard_ms == pytest.approx(3_100, abs=400)
        await call.channel.inject_text(call.session, "hello?")
        await call.caller(listens_ms=2_000)
        assert call.heard_ms() == pytest.approx(heard_ms + 500, abs=10)


async def test_another_prompt_takes_another_conversation() -> None:
    async with Call(Script()) as call:
        await call.channel.reconfigure_session(call.session, system_prompt="Speak French.", voice="v2")

        begins = [one for one in call.simulator.received if one["type"] == "conversation_initiation_client_data"]

    assert begins[-1]["conversation_config_override"] == {
        "agent": {"prompt": {"prompt": "Speak French."}},
        "tts": {"voice_id": "v2"},
    }
    assert len(begins) == 2


async def test_an_agent_on_the_telephones_format_is_heard_at_the_clients_rate() -> None:
    agent = SimulatedAgent(input_format="ulaw_8000", output_format="ulaw_8000")
    script = Script(hear("speech"), transcribe("hello"), say("Hello.", seconds=1))
    async with Call(script, agent) as call:
        await call.caller(speaks_ms=500, listens_ms=2_000)

        assert call.heard_ms() == pytest.approx(1_000, abs=15)
