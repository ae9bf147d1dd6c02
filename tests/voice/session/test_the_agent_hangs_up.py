"""An agent that ends the call, as some vendors let it (RFC 0006, R-0006-62)."""

from __future__ import annotations

import asyncio

import pytest

from roomkit.models.session import EndReason
from roomkit.testing.call import Call, start_call
from roomkit.voice.realtime.mock import MockRealtimeProvider
from roomkit.voice.realtime.provider_events import LinkLost
from roomkit.voice.session.settings import SessionSettings

pytestmark = pytest.mark.virtual_time

GOODBYE = LinkLost("conversation_ended", "the agent hung up", retryable=False, is_goodbye=True)


async def hangs_up(call: Call) -> None:
    await call.provider.simulate_event(call.view, GOODBYE)


async def test_what_the_agent_said_last_is_heard_before_the_call_is_over() -> None:
    call = await start_call(lead_ms=200)
    await call.agent_says("Thank you, goodbye.", seconds=3)

    await hangs_up(call)
    await asyncio.sleep(2)
    was_over = call.session.is_over
    await call.over()

    assert not was_over
    assert call.heard_ms() == pytest.approx(3_000)
    assert call.view.end_reason is EndReason.AGENT_ENDED
    assert call.told("session_ended")[0]["reason"] == "agent_ended"
    assert call.told("error") == []
    assert call.port.words == [("assistant", "Thank you, goodbye.")]
    assert call.provider.breaker.admits(0.0)


async def test_nobody_is_dialled_in_its_place_and_nothing_goes_on_in_writing() -> None:
    call = await start_call(settings=SessionSettings(degrade_to="text"))

    await hangs_up(call)
    await call.over()

    assert call.provider.methods().count("connect") == 1
    assert call.told("degraded") == []
    assert call.view.end_reason is EndReason.AGENT_ENDED


async def test_a_handoff_that_is_under_way_keeps_the_call() -> None:
    call = await start_call(lead_ms=200)
    await call.agent_says("I will put you through.", seconds=3)
    other = MockRealtimeProvider()
    handing_over = call.tasks.start(call.session.hand_over(call.session.settings, other), name="handoff")
    await asyncio.sleep(1)

    await hangs_up(call)
    await handing_over
    await asyncio.sleep(5)

    assert call.session.is_live
    assert call.session.provider is other
    call.session.end(EndReason.HANGUP)
    await call.over()
