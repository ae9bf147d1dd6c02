"""What only ElevenLabs has, by our provider on its simulator; what holds for every vendor is tested for all at once."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from roomkit.errors import ProviderRefusedError
from roomkit.testing import (
    ElevenLabsSimulator,
    Script,
    SimulatedAgent,
    drop,
    error,
    hear,
    say,
    transcribe,
    wait,
)
from roomkit.testing.simulators.elevenlabs.sound import in_format, rate_of
from roomkit.testing.simulators.sound import tone
from roomkit.voice.realtime.commands import CancelResponse, InjectText, LinkConfig
from roomkit.voice.realtime.provider import ProviderLink
from roomkit.voice.realtime.provider_events import (
    Audio,
    Interrupted,
    LinkLost,
    LinkReady,
    ProviderFault,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    SpokenWords,
    Transcript,
)
from tests.testing import vendors
from tests.testing.sinks import Sink

CONFIG = LinkConfig("session", instructions="Be brief.", voice="v1")


def linked(
    simulator: ElevenLabsSimulator, over: str = "memory", config: LinkConfig = CONFIG, **settings: Any
) -> AbstractAsyncContextManager[tuple[ProviderLink, Sink]]:
    """Our provider, connected to the simulator in memory or over a socket."""
    return vendors.linked(simulator, config, over, **settings)


def speak(link: ProviderLink, pcm_24k: bytes, format_name: str = "pcm_16000") -> None:
    vendors.speak(link, in_format(pcm_24k, format_name), rate_of(format_name))


UTTERANCE = tone(600) + bytes(500 * 48)


async def opens_a_private_agent(over: str, *, signed: bool) -> None:
    simulator = ElevenLabsSimulator(agent=SimulatedAgent(is_private=True), api_key="xi-test")
    async with linked(simulator, over, api_key="xi-test", requires_auth=signed) as (link, sink):
        link.send(InjectText("Hi"))
        await sink.next(ResponseDone)

    assert sink.finals() == [("assistant", "You said: Hi")]


@pytest.mark.virtual_time
@pytest.mark.parametrize("signed", [False, True])
async def test_in_memory_a_private_agent_is_opened_by_a_signed_url_or_the_key(signed: bool) -> None:
    await opens_a_private_agent("memory", signed=signed)


@pytest.mark.parametrize("signed", [False, True])
async def test_over_a_socket_a_private_agent_is_opened_by_a_signed_url_or_the_key(signed: bool) -> None:
    await opens_a_private_agent("socket", signed=signed)


@pytest.mark.virtual_time
async def test_the_vendor_interrupts_and_nothing_later_of_the_answer_is_delivered() -> None:
    script = Script(hear("text"), say("A long story.", seconds=30, pace="realtime"), hear("speech"), say("Sorry."))
    async with linked(ElevenLabsSimulator(script)) as (link, sink):
        link.send(InjectText("Tell me a story"))
        await asyncio.sleep(5)
        speak(link, UTTERANCE)
        interrupted = await sink.next(Interrupted)
        cut = await sink.next(ResponseDone)
        await sink.next(ResponseDone)

    script.assert_done()
    assert (cut.response_id, cut.status) == (interrupted.response_id, "cancelled")
    cut_ms = sum(len(event.pcm) / 32 for event in sink.all(Audio) if event.response_id == cut.response_id)
    assert cut_ms == pytest.approx(5_000, abs=300)
    assert sum(len(event.pcm) / 32 for event in sink.all(Audio)) - cut_ms == 300


@pytest.mark.virtual_time
async def test_words_come_with_the_time_they_are_spoken_at() -> None:
    script = Script(hear("text"), say("Half past ten on Friday.", seconds=2.4))
    async with linked(ElevenLabsSimulator(script)) as (link, sink):
        link.send(InjectText("When?"))
        await sink.next(ResponseDone)

    words = sink.all(SpokenWords)
    assert "".join(word.text for word in words) == "Half past ten on Friday."
    assert [word.text.strip() for word in words] == ["Half", "past", "ten", "on", "Friday."]
    assert [word.start_ms for word in words] == pytest.approx([0, 500, 1_000, 1_400, 1_700], abs=60)
    assert {word.item_id for word in words} == {event.item_id for event in sink.all(Audio)}


@pytest.mark.virtual_time
async def test_without_character_times_pings_show_that_an_answer_is_over() -> None:
    agent = SimulatedAgent(aligns=False, ping_interval_ms=2_000)
    script = Script(hear("text"), say("Short."))
    async with linked(ElevenLabsSimulator(script, agent=agent)) as (link, sink):
        link.send(InjectText("Hi"))
        await sink.next(ResponseStarted)
        done = await sink.next(ResponseDone)

    assert done.status == "completed"
    assert sink.finals() == [("assistant", "Short.")]


@pytest.mark.virtual_time
async def test_the_agent_may_say_that_its_answer_is_complete() -> None:
    events = frozenset({"audio", "agent_response", "agent_response_complete"})
    agent = SimulatedAgent(aligns=False, client_events=events, ping_interval_ms=1e9)
    async with linked(ElevenLabsSimulator(Script(hear("text"), say("Short.")), agent=agent)) as (link, sink):
        link.send(InjectText("Hi"))
        await sink.next(ResponseDone)

    assert sink.finals() == [("assistant", "Short.")]


@pytest.mark.virtual_time
@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 44_100, 48_000])
async def test_the_link_speaks_the_rates_the_agent_is_set_to(rate_hz: int) -> None:
    name = f"pcm_{rate_hz}"
    agent = SimulatedAgent(input_format=name, output_format=name)
    script = Script(hear("speech"), transcribe("Hello?"), say("Hi.", seconds=1))
    simulator = ElevenLabsSimulator(script, agent=agent, keep_audio=True)
    async with linked(simulator) as (link, sink):
        speak(link, UTTERANCE, name)
        await sink.next(ResponseDone)

    ready = sink.events[0]
    assert isinstance(ready, LinkReady)
    assert (ready.input_rate_hz, ready.output_rate_hz) == (rate_hz, rate_hz)
    assert sum(len(event.pcm) for event in sink.all(Audio)) == rate_hz * 2
    assert bytes(simulator.sessions[0].caller_audio) == in_format(UTTERANCE, name)


@pytest.mark.virtual_time
async def test_mu_law_is_spoken_on_the_wire_and_pcm_on_our_side() -> None:
    agent = SimulatedAgent(input_format="ulaw_8000", output_format="ulaw_8000")
    script = Script(hear("speech"), transcribe("Hello?"), say("Hi.", seconds=1))
    simulator = ElevenLabsSimulator(script, agent=agent, keep_audio=True)
    async with linked(simulator) as (link, sink):
        speak(link, UTTERANCE, "pcm_8000")
        await sink.next(ResponseDone)

    script.assert_done()
    assert bytes(simulator.sessions[0].caller_audio) == in_format(UTTERANCE, "ulaw_8000")
    assert sum(len(event.pcm) for event in sink.all(Audio)) == 8_000 * 2


@pytest.mark.virtual_time
async def test_what_the_caller_says_begins_and_ends_as_a_turn() -> None:
    events = frozenset({"audio", "agent_response", "user_transcript", "tentative_user_transcript"})
    script = Script(hear("speech"), transcribe("Any slot on Friday?"), say("Yes."))
    async with linked(ElevenLabsSimulator(script, agent=SimulatedAgent(client_events=events))) as (link, sink):
        speak(link, UTTERANCE)
        started = await sink.next(SpeechStarted)
        stopped = await sink.next(SpeechStopped)
        await sink.next(ResponseDone)

    assert started.item_id == stopped.item_id
    spoken = [(event.text, event.is_final) for event in sink.all(Transcript) if event.role == "user"]
    assert spoken == [("Any slot", False), ("Any slot on Friday?", True)]


@pytest.mark.virtual_time
async def test_a_cancelled_answer_is_not_delivered_any_more() -> None:
    script = Script(
        hear("text"), say("A long story.", seconds=30, pace="realtime"), hear("text"), say("Yes?", seconds=1)
    )
    async with linked(ElevenLabsSimulator(script)) as (link, sink):
        link.send(InjectText("Tell me a story"))
        first = await sink.next(Audio)
        link.send(CancelResponse())
        await asyncio.sleep(10)
        link.send(InjectText("Hello?"))
        done = await sink.next(ResponseDone)
        await sink.next(ResponseDone)

    assert (done.response_id, done.status) == (first.response_id, "cancelled")
    heard_ms = sum(len(event.pcm) / 32 for event in sink.all(Audio))
    assert heard_ms == len(first.pcm) / 32 + 1_000


@pytest.mark.virtual_time
async def test_an_agent_that_hangs_up_is_not_called_again() -> None:
    async with linked(ElevenLabsSimulator(Script(wait(1_000), drop(1000, "ended")))) as (_, sink):
        lost = await sink.next(LinkLost)

    assert (lost.code, lost.retryable) == ("conversation_ended", False)


@pytest.mark.virtual_time
async def test_the_longest_call_the_agent_allows_ends_it_for_good() -> None:
    async with linked(ElevenLabsSimulator(agent=SimulatedAgent(max_duration_s=60))) as (_, sink):
        await asyncio.sleep(61)
        lost = await sink.next(LinkLost)

    assert (lost.code, lost.retryable) == ("max_duration_exceeded", False)


@pytest.mark.virtual_time
async def test_every_ping_is_answered_for_as_long_as_the_call_lasts() -> None:
    simulator = ElevenLabsSimulator(agent=SimulatedAgent(ping_interval_ms=1_000, pong_timeout_ms=3_000))
    async with linked(simulator) as (_, sink):
        await asyncio.sleep(60.5)

    assert not sink.all(LinkLost)
    assert [one["event_id"] for one in simulator.received if one["type"] == "pong"] == list(range(1, 62))


@pytest.mark.virtual_time
async def test_an_override_the_agent_does_not_allow_is_refused_for_good() -> None:
    simulator = ElevenLabsSimulator(agent=SimulatedAgent(allowed_overrides=frozenset({"agent.prompt.prompt"})))

    with pytest.raises(ProviderRefusedError) as refused:
        async with linked(simulator):
            pass

    assert refused.value.code == "override_error"
    assert "security settings" in str(refused.value)


@pytest.mark.virtual_time
async def test_a_missing_variable_is_refused_for_good() -> None:
    with pytest.raises(ProviderRefusedError) as refused:
        async with linked(ElevenLabsSimulator(agent=SimulatedAgent(prompt="You talk to {{name}}."))):
            pass

    assert refused.value.code == "missing_dynamic_variable"


@pytest.mark.virtual_time
async def test_the_agents_first_message_is_an_answer_nobody_asked_for() -> None:
    agent = SimulatedAgent(first_message="Hello {{name}}!")
    config = LinkConfig("session", provider_config={"dynamic_variables": {"name": "Ana"}})
    async with linked(ElevenLabsSimulator(agent=agent), config=config) as (_, sink):
        await sink.next(ResponseDone)

    assert sink.finals() == [("assistant", "Hello Ana!")]


@pytest.mark.virtual_time
async def test_a_conversation_in_writing_has_answers_without_audio() -> None:
    config = LinkConfig("session", provider_config={"text_only": True})
    async with linked(ElevenLabsSimulator(Script(hear("text"), say("In writing."))), config=config) as (link, sink):
        link.send(InjectText("Hi"))
        await sink.next(ResponseDone)

    assert sink.finals() == [("assistant", "In writing.")]
    assert not sink.all(Audio)


@pytest.mark.virtual_time
async def test_an_llm_that_fails_once_is_reported_and_the_call_goes_on() -> None:
    script = Script(hear("text"), error("llm_timeout", "too slow"), say("Now."))
    async with linked(ElevenLabsSimulator(script)) as (link, sink):
        link.send(InjectText("Hi"))
        fault = await sink.next(ProviderFault)
        await sink.next(ResponseDone)

    assert (fault.code, fault.retryable, fault.is_fatal) == ("llm_timeout", True, False)
