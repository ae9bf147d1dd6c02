"""Whole calls with Gemini: what its handles, its short connections and its two ways of turns make different."""

from __future__ import annotations

from typing import Any

import pytest

from roomkit.models.tool_call import Tool
from roomkit.providers.gemini.realtime import GeminiLiveProvider
from roomkit.testing import (
    GeminiSimulator,
    Script,
    VirtualClock,
    drop,
    hear,
    loop,
    say,
    transcribe,
    wait,
)
from tests.testing.phone_call import PhoneCall

pytestmark = pytest.mark.virtual_time

NATIVE = "gemini-2.5-flash-native-audio-preview-12-2025"
NEWEST = "gemini-3.8-live"


class Call(PhoneCall):
    """A caller, and an agent on the simulator, or on either of two that are the same."""

    def __init__(self, script: Script, model: str = NATIVE, *, has_another: bool = False, **channel: Any) -> None:
        clock = VirtualClock()
        self.simulator = GeminiSimulator(script, clock=clock)
        providers = [GeminiLiveProvider("key", model, dial=self.simulator.dial) for _ in range(1 + has_another)]
        super().__init__(*providers, clock=clock, rate_hz=16_000, **channel)

    def setups(self) -> list[dict[str, Any]]:
        return [event for event in self.simulator.received if event["type"] == "setup"]


async def test_a_transcript_that_comes_after_the_answer_began_stands_before_it() -> None:
    script = Script(hear("speech"), transcribe("are you open", after_ms=300), say("Yes, until six.", seconds=1.5))
    async with Call(script) as call:
        await call.caller(speaks_ms=1_000, listens_ms=3_500)

        assert await call.words() == [("user", "are you open"), ("assistant", "Yes, until six.")]


async def test_googles_own_tools_stand_beside_ours() -> None:
    def order_status(number: int) -> str:
        return "on its way"

    tools = [Tool("order_status", handler=order_status), {"google_search": {}}, {"type": "code_execution"}]
    async with Call(Script(), tools=tools) as call:
        first, *others = call.setups()[0]["tools"]

        assert [one["name"] for one in first["functionDeclarations"]] == ["order_status"]
        assert others == [{"googleSearch": {}}, {"codeExecution": {}}]


async def test_a_service_that_waits_until_an_answer_could_have_been_heard_has_not_stalled() -> None:
    script = Script(hear("speech"), transcribe("tell me"), say("A long story.", seconds=30))
    async with Call(script, has_another=True) as call:
        await call.caller(speaks_ms=800, listens_ms=33_000)

        assert len(call.simulator.sessions) == 1
        assert await call.words() == [("user", "tell me"), ("assistant", "A long story.")]
        assert call.heard_ms() == pytest.approx(30_000, abs=1)


async def test_an_answer_that_may_not_be_interrupted_is_heard_to_its_end() -> None:
    script = Script(
        hear("speech"), transcribe("go"), say("All of it.", seconds=4), hear("speech"), transcribe("stop"), say("Yes?")
    )
    async with Call(script, provider_config={"activity_handling": "NO_INTERRUPTION"}) as call:
        await call.caller(speaks_ms=500, listens_ms=1_000)
        await call.caller(speaks_ms=500, listens_ms=6_000)

        assert ("assistant", "All of it.") in await call.words()
        assert call.heard_ms() > 4_000


async def test_a_dropped_link_comes_back_by_its_handle_and_is_told_nothing_twice() -> None:
    script = Script(
        hear("speech"), transcribe("my name is Ada"), say("Hello Ada.", seconds=1), wait(2_000), drop(),
        hear("speech"), transcribe("what is my name"), say("Ada.", seconds=0.5),
    )  # fmt: skip
    async with Call(script) as call:
        await call.caller(speaks_ms=800, listens_ms=4_500)
        await call.caller(speaks_ms=800, listens_ms=3_000)

        first, second = call.setups()
        assert "handle" not in first["sessionResumption"]
        assert second["sessionResumption"]["handle"]
        assert not [event for event in call.simulator.received if event["type"] == "clientContent"]
        assert [text for _, text in await call.words()] == ["my name is Ada", "Hello Ada.", "what is my name", "Ada."]


async def test_without_resumption_a_new_link_is_told_the_conversation() -> None:
    script = Script(
        hear("speech"), transcribe("my name is Ada"), say("Hello Ada.", seconds=1), wait(2_000), drop(),
        hear("speech"), transcribe("what is my name"), say("Ada.", seconds=0.5),
    )  # fmt: skip
    async with Call(script, provider_config={"session_resumption": False}) as call:
        await call.caller(speaks_ms=800, listens_ms=4_500)
        await call.caller(speaks_ms=800, listens_ms=3_000)

        told = [(turn["role"], turn["parts"][0]["text"]) for turn in call.simulator.sessions[1].history]
        assert told == [("user", "my name is Ada"), ("model", "Hello Ada.")]
        assert (await call.words())[-1] == ("assistant", "Ada.")


@pytest.mark.parametrize(("model", "links"), [(NEWEST, 1), (NATIVE, 2)])
async def test_another_prompt_is_given_in_place_or_by_a_new_link_that_goes_on(model: str, links: int) -> None:
    script = Script(hear("speech"), transcribe("hi"), say("Hello.", seconds=0.5), hear("speech"), say("Billing here."))
    async with Call(script, model, system_prompt="Be brief.") as call:
        await call.caller(speaks_ms=800, listens_ms=2_500)
        await call.channel.reconfigure_session(call.session.id, system_prompt="You are the billing desk.")
        await call.caller(speaks_ms=800, listens_ms=2_500)

        assert len(call.simulator.sessions) == links
        settings = call.simulator.sessions[-1].settings
        assert settings is not None
        assert settings.setup["systemInstruction"] == {"parts": [{"text": "You are the billing desk."}]}
        assert (await call.words())[-1] == ("assistant", "Billing here.")
        if links > 1:
            assert call.setups()[1]["sessionResumption"]["handle"]


async def test_push_to_talk_is_heard_between_its_marks() -> None:
    script = Script(hear("commit"), transcribe("over"), say("Roger.", seconds=0.5))
    async with Call(script, provider_config={"automatic_activity_detection": {"disabled": True}}) as call:
        await call.channel.begin_user_turn(call.session)
        await call.caller(speaks_ms=600)
        await call.channel.end_user_turn(call.session)
        await call.caller(listens_ms=2_000)

        assert await call.words() == [("user", "over"), ("assistant", "Roger.")]
        call.simulator.assert_done()


async def test_a_call_of_twenty_five_minutes_outlasts_its_connections_and_loses_no_turn() -> None:
    turns = Script(hear("speech"), transcribe("and then"), say("And then this happened.", seconds=6), loop())
    async with Call(turns) as call:
        for _ in range(150):
            await call.caller(speaks_ms=1_000, listens_ms=9_000)

        assert len(call.simulator.sessions) == 3
        assert len(await call.words()) == 2 * 150
