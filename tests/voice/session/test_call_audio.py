"""Audio of one call, both ways, through gates that open and shut (RFC 0006), on mocks and virtual time."""

from __future__ import annotations

import asyncio

import pytest

from roomkit.errors import ProviderLostError
from roomkit.testing.call import start_call, tone
from roomkit.voice.realtime.mock import MockRealtimeProvider
from roomkit.voice.realtime.reconnect import ReconnectPolicy

pytestmark = pytest.mark.virtual_time

FRAME = tone(0.02, 16_000)


async def test_the_callers_audio_reaches_the_provider() -> None:
    call = await start_call()

    await call.transport.simulate_client_audio(call.view, FRAME)

    assert call.provider.sent_audio == [(call.view.id, FRAME)]


async def test_an_odd_byte_is_carried_over_to_the_next_piece() -> None:
    call = await start_call()

    await call.transport.simulate_client_audio(call.view, FRAME[:5])
    await call.transport.simulate_client_audio(call.view, FRAME[5:])

    assert [len(pcm) % 2 for _, pcm in call.provider.sent_audio] == [0, 0]
    assert b"".join(pcm for _, pcm in call.provider.sent_audio) == FRAME


async def test_rates_that_differ_are_resampled_both_ways() -> None:
    call = await start_call(provider=MockRealtimeProvider(rate_hz=48_000))

    await call.transport.simulate_client_audio(call.view, tone(1, 16_000))
    await call.provider.simulate_audio(call.view, tone(1, 48_000))

    sent_ms = len(call.provider.sent_audio[0][1]) / 2 / 48
    assert sent_ms == pytest.approx(1000, abs=5)
    assert call.heard_ms() == pytest.approx(1000, abs=5)


async def test_the_client_never_holds_more_than_the_lead() -> None:
    call = await start_call(lead_ms=200)

    await call.agent_says("a long story", seconds=10)
    held_at_once = call.heard_ms()
    await asyncio.sleep(3)

    assert held_at_once <= 200
    assert 3_000 <= call.heard_ms() <= 3_200


async def test_audio_that_waited_too_long_for_a_provider_is_dropped_oldest_first_and_counted() -> None:
    call = await start_call(reconnect=ReconnectPolicy(max_attempts=9, budget_ms=60_000))
    call.provider.refuse_with = [ProviderLostError("down") for _ in range(5)]
    await call.provider.simulate_disconnect(call.view)

    for _ in range(600):  # 12 s
        await call.transport.simulate_client_audio(call.view, FRAME)

    path = call.session.events.media.input
    assert path.held_ms == pytest.approx(10_000, abs=20)
    assert path.dropped_ms == pytest.approx(2_000, abs=20)


async def test_a_shut_input_gate_drops_the_very_next_frame_and_says_so_once() -> None:
    call = await start_call()

    call.session.permit(can_write=False, can_read=True)
    await call.transport.simulate_client_audio(call.view, FRAME)
    call.session.permit(can_write=True, can_read=True)
    await call.transport.simulate_client_audio(call.view, FRAME)

    assert len(call.provider.sent_audio) == 1
    assert call.provider.methods().count("input_paused") == 1
    assert call.session.events.media.input.gated_ms == 20


async def test_a_shut_output_gate_silences_what_was_already_queued() -> None:
    call = await start_call(lead_ms=200)
    await call.agent_says("you should not hear this", seconds=5)
    heard = call.heard_ms()

    call.session.permit(can_write=True, can_read=False)
    await asyncio.sleep(5)

    assert call.heard_ms() == heard
    assert call.told("clear_audio")
