"""Who speaks while the agent is speaking (RFC 0006), on mocks and virtual time."""

from __future__ import annotations

import asyncio

import pytest

from roomkit.models.enums import HookTrigger
from roomkit.testing.call import start_call, tone
from roomkit.voice.realtime.mock import MockRealtimeProvider
from roomkit.voice.realtime.profile import TurnPolicy

pytestmark = pytest.mark.virtual_time


async def test_an_interrupted_answer_is_never_heard_again() -> None:
    call = await start_call(lead_ms=200)
    await call.agent_says("one two three four five six seven eight nine ten", seconds=10, is_done=False)
    await asyncio.sleep(2)

    await call.provider.simulate_speech_start(call.view)
    heard = call.heard_ms()
    await call.provider.simulate_audio(call.view, tone(3))
    await asyncio.sleep(3)

    assert call.heard_ms() == heard
    assert call.told("clear_audio") == [{"type": "clear_audio", "epoch": 1}]


async def test_the_provider_is_told_what_was_heard_and_the_room_keeps_only_that() -> None:
    call = await start_call(lead_ms=200)
    await call.agent_says("one two three four five six seven eight nine ten", seconds=10)
    await asyncio.sleep(4)

    await call.provider.simulate_speech_start(call.view)

    truncated = [c.args["audio_end_ms"] for c in call.provider.calls if c.method == "truncate_output"]
    assert truncated == [pytest.approx(4_000, abs=5)]
    assert call.port.words == [("assistant", "one two three four")]
    assert call.port.published[0].metadata["interrupted"] is True


async def test_the_clients_own_report_beats_our_clock() -> None:
    call = await start_call(lead_ms=200)
    await call.agent_says("one two three four five six seven eight nine ten", seconds=10)
    await asyncio.sleep(4)
    await call.transport.simulate_client_playback(call.view, 3_900)

    await call.provider.simulate_speech_start(call.view)

    truncated = [c.args["audio_end_ms"] for c in call.provider.calls if c.method == "truncate_output"]
    assert truncated == [3_900]


async def test_a_report_of_an_old_epoch_or_beyond_what_was_sent_changes_nothing() -> None:
    call = await start_call(lead_ms=200)
    await call.agent_says("one two", seconds=2)
    await asyncio.sleep(1)

    await call.transport.simulate_client_playback(call.view, 1e12, epoch=7)
    await call.transport.simulate_client_playback(call.view, 1e12)
    await call.provider.simulate_speech_start(call.view)

    (truncated,) = [c.args["audio_end_ms"] for c in call.provider.calls if c.method == "truncate_output"]
    assert truncated <= 1_200


async def test_speech_over_nothing_unheard_is_only_reported() -> None:
    call = await start_call(lead_ms=200)

    await call.provider.simulate_speech_start(call.view)

    assert call.told("clear_audio") == []
    assert call.port.of(HookTrigger.ON_SPEECH_START)
    assert not call.port.of(HookTrigger.ON_BARGE_IN)


async def test_a_policy_without_interruption_lets_the_agent_finish() -> None:
    call = await start_call(provider=MockRealtimeProvider(policy=TurnPolicy(interrupts=False)), lead_ms=200)
    await call.agent_says("hear me out", seconds=2)

    await call.provider.simulate_speech_start(call.view)
    await asyncio.sleep(2.1)

    assert call.told("clear_audio") == []
    assert call.port.words == [("assistant", "hear me out")]


async def test_the_answer_after_an_interruption_is_final_as_soon_as_it_was_heard() -> None:
    call = await start_call(lead_ms=200)
    await call.agent_says("a very long answer", seconds=30)
    await asyncio.sleep(1)
    await call.provider.simulate_speech_start(call.view)

    await call.agent_says("fine", seconds=1)
    await asyncio.sleep(1.1)

    assert call.port.words[-1] == ("assistant", "fine")


async def test_typed_words_stand_after_the_answer_they_cut() -> None:
    call = await start_call(lead_ms=200)
    await call.agent_says("one two three four", seconds=4)
    await asyncio.sleep(2)

    await call.transport.simulate_client_text(call.view, "something else please")

    assert call.typed == ["something else please"]
    assert call.port.words == [("assistant", "one two")]
    assert call.provider.injected_texts == [(call.view.id, "something else please", "user")]
