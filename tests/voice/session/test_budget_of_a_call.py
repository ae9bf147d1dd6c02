"""A call with a budget: one warning, a polite end, never later than promised (RFC 0006, R-0006-93, 94)."""

from __future__ import annotations

import asyncio
import logging
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.core.ports import Verdict
from roomkit.errors import ConfigError
from roomkit.models.enums import HookTrigger
from roomkit.models.session import EndReason, SessionState
from roomkit.models.usage import Usage
from roomkit.telemetry.prices import Price, PriceTable
from roomkit.testing.call import Call, RecordingRoomPort, start_call, tone
from roomkit.voice.realtime.mock import MockRealtimeProvider
from roomkit.voice.session.account.budget import SHORTEST_LOOK_S, Budget, nearest, next_look_s
from roomkit.voice.session.settings import SessionSettings

PRICES = PriceTable(
    (
        Price("mock", "by-the-token", output_text=Decimal(1_000_000)),  # a dollar each
        Price("mock", "by-the-minute", per_minute=Decimal(60)),  # a dollar a second
    )
)


async def call_with(budget: Budget, model: str = "by-the-token", **options: Any) -> Call:
    settings = SessionSettings(prices=PRICES, budget=budget)
    return await start_call(provider=MockRealtimeProvider(model), settings=settings, **options)


async def answer(call: Call, *, tokens: int, seconds: float = 0.0) -> None:
    await call.provider.simulate_response_start(call.view)
    if seconds:
        await call.provider.simulate_audio(call.view, tone(seconds))
    await call.provider.simulate_response_end(call.view, usage={"output_text_tokens": tokens})


def warnings_of(call: Call) -> list[tuple[str, float | None]]:
    return [(event.limit, event.used_share) for event in call.port.of(HookTrigger.ON_BUDGET_WARNING)]


# --- limits -----------------------------------------------------------------------------------


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    "budget", [Budget(max_tokens=10), Budget(max_cost=10), Budget(max_cost="10.00", max_tokens=99)]
)
async def test_a_used_up_budget_ends_the_call(budget: Budget) -> None:
    call = await call_with(budget)

    await answer(call, tokens=10)
    await call.over()

    assert call.view.end_reason is EndReason.BUDGET_EXCEEDED


@pytest.mark.virtual_time
async def test_a_call_within_its_budget_goes_on_unwarned() -> None:
    call = await call_with(Budget(max_tokens=100, max_cost=100, max_duration_s=100))

    await answer(call, tokens=70)
    await asyncio.sleep(70)

    assert call.view.state is SessionState.ACTIVE
    assert warnings_of(call) == []


@pytest.mark.virtual_time
async def test_a_warning_comes_once_at_the_share_that_was_asked_for() -> None:
    call = await call_with(Budget(max_tokens=100, warn_at=0.5))

    await answer(call, tokens=49)
    before = warnings_of(call)
    for _ in range(3):
        await answer(call, tokens=5)

    assert before == []
    assert warnings_of(call) == [("max_tokens", 0.54)]


@pytest.mark.virtual_time
async def test_the_time_is_up_when_it_is_up() -> None:
    call = await call_with(Budget(max_duration_s=60))
    began_s = asyncio.get_running_loop().time()

    await asyncio.sleep(48.01)
    warned = warnings_of(call)
    await call.over()

    assert [limit for limit, _ in warned] == ["max_duration_s"]
    assert asyncio.get_running_loop().time() - began_s == pytest.approx(60, abs=0.01)
    assert call.view.end_reason is EndReason.BUDGET_EXCEEDED


@pytest.mark.virtual_time
async def test_money_that_runs_with_the_time_is_used_up_although_nobody_speaks() -> None:
    call = await call_with(Budget(max_cost=30), model="by-the-minute")
    began_s = asyncio.get_running_loop().time()

    await call.over()

    assert asyncio.get_running_loop().time() - began_s == pytest.approx(30, abs=0.05)
    assert call.view.usage.cost == pytest.approx(Decimal(30), abs=Decimal("0.1"))
    assert len(warnings_of(call)) == 1


# --- the end ----------------------------------------------------------------------------------


@pytest.mark.virtual_time
async def test_the_answer_under_way_is_heard_to_its_end() -> None:
    call = await call_with(Budget(max_tokens=10), lead_ms=200)

    await answer(call, tokens=10, seconds=5)
    await call.over()

    assert call.heard_ms() == pytest.approx(5_000)
    assert call.view.end_reason is EndReason.BUDGET_EXCEEDED


@pytest.mark.virtual_time
async def test_the_farewell_is_said_and_heard_before_the_end() -> None:
    call = await call_with(Budget(max_tokens=10, farewell="I have to go."), lead_ms=200)

    await answer(call, tokens=10, seconds=1)
    await asyncio.sleep(1.5)
    said = [asked.args["text"] for asked in call.provider.calls if asked.method == "speak"]
    await answer(call, tokens=1, seconds=2)
    heard_by_then_ms = call.heard_ms()
    await call.over()

    assert said == ["I have to go."]
    assert heard_by_then_ms < 2_000
    assert call.heard_ms() == pytest.approx(3_000)


@pytest.mark.virtual_time
async def test_a_vendor_that_says_no_farewell_does_not_keep_the_call_open() -> None:
    call = await call_with(Budget(max_tokens=10, farewell="I have to go."))

    await answer(call, tokens=10)
    async with asyncio.timeout(30):
        await call.over()

    assert call.view.end_reason is EndReason.BUDGET_EXCEEDED


@pytest.mark.virtual_time
async def test_a_farewell_that_a_hook_blocks_is_not_waited_for() -> None:
    port = RecordingRoomPort(hooks={HookTrigger.BEFORE_TTS: lambda event: Verdict(False, event, "no")})
    call = await call_with(Budget(max_tokens=10, farewell="I have to go."), port=port)
    loop = asyncio.get_running_loop()

    await answer(call, tokens=10)
    began_s = loop.time()
    await call.over()

    assert loop.time() - began_s < 1.0
    assert "speak" not in call.provider.methods()


@pytest.mark.virtual_time
async def test_nothing_the_caller_says_after_that_reaches_the_provider() -> None:
    call = await call_with(Budget(max_tokens=10, farewell="I have to go."), lead_ms=200)

    await answer(call, tokens=10, seconds=3)
    await asyncio.sleep(0.1)
    await call.transport.simulate_client_audio(call.view, tone(0.1, 16_000))

    assert call.provider.sent_audio == []


@pytest.mark.virtual_time
async def test_an_answer_that_is_owed_comes_before_the_farewell() -> None:
    call = await call_with(Budget(max_tokens=10, farewell="I have to go."))
    call.session.inject("what did I order?")

    await call.provider.simulate_response_end(call.view, usage={"output_text_tokens": 10})
    await asyncio.sleep(1)
    before = "speak" in call.provider.methods()
    await answer(call, tokens=1)
    await asyncio.sleep(1)

    assert not before
    assert "speak" in call.provider.methods()


@pytest.mark.virtual_time
async def test_a_call_that_is_hung_up_leaves_no_timer() -> None:
    call = await call_with(Budget(max_duration_s=3_600))
    began_s = asyncio.get_running_loop().time()

    call.session.end(EndReason.HANGUP)
    await call.over()

    assert call.view.end_reason is EndReason.HANGUP
    assert asyncio.get_running_loop().time() - began_s < 10


# --- what cannot be kept ----------------------------------------------------------------------


@pytest.mark.virtual_time
async def test_a_cost_that_is_not_known_is_said_once_and_the_call_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        call = await call_with(Budget(max_cost=1), model="no-price")
        await answer(call, tokens=1_000_000)
        await answer(call, tokens=1_000_000)

    assert warnings_of(call) == [("max_cost", None)]
    assert [record.getMessage() for record in caplog.records] == [
        "max_cost does not count everything: no price is known for mock/no-price"
    ]
    assert call.view.state is SessionState.ACTIVE


# --- the values -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"max_tokens": 0},
        {"max_tokens": -5},
        {"max_cost": "lots"},
        {"max_cost": "NaN"},
        {"max_cost": math.inf},
        {"max_duration_s": math.nan},
        {"max_tokens": True},
        {"max_tokens": 5, "warn_at": 0},
        {"max_tokens": 5, "warn_at": 1.5},
        {"max_tokens": 5, "warn_at": math.nan},
        {"max_tokens": 5, "warn_at": "soon"},
        {"max_tokens": 5, "farewell": 5},
        {"max_tokens": 5, "on_exceeded": "degrade", "fallback": 5},
        {"max_tokens": 5, "on_exceeded": "explode"},
        {"max_tokens": 5, "on_exceeded": "degrade"},
        {"max_tokens": 5, "fallback": "frugal"},
    ],
)
def test_a_budget_that_cannot_be_kept_is_refused(limits: Any) -> None:
    with pytest.raises(ConfigError):
        Budget(**limits)


@pytest.mark.parametrize("budget", [{"max_tokens": 5}, 5, "cheap"])
def test_a_budget_of_ones_own_is_a_budget(budget: object) -> None:
    with pytest.raises(ConfigError, match="Budget"):
        SessionSettings().overridden_by({"budget": budget})


def test_a_sessions_own_budget_stands_in_for_the_channels() -> None:
    channels, own = Budget(max_tokens=5), Budget(max_tokens=50)
    settings = SessionSettings(budget=channels)

    assert settings.overridden_by({}).budget is channels
    assert settings.overridden_by({"budget": own}).budget is own
    assert settings.overridden_by({"budget": None}).budget is None


def test_the_limit_that_counts_is_the_nearest() -> None:
    budget = Budget(max_cost=10, max_tokens=100, max_duration_s=60)
    usage = Usage({"total_tokens": 50}, known_cost=Decimal(9))

    assert nearest(budget, usage, 30) == ("max_cost", 0.9)


@given(st.floats(0.01, 1e6), st.floats(0, 2e6), st.floats(0.01, 1))
def test_the_next_look_is_when_time_alone_reaches_the_share(limit_s: float, elapsed_s: float, share: float) -> None:
    budget = Budget(max_duration_s=limit_s)

    delay_s = next_look_s(budget, Usage(), elapsed_s, Decimal(0), share)

    assert delay_s is not None
    assert delay_s >= SHORTEST_LOOK_S
    assert elapsed_s + delay_s == pytest.approx(max(limit_s * share, elapsed_s + SHORTEST_LOOK_S))


def test_there_is_no_next_look_where_time_uses_nothing_up() -> None:
    assert next_look_s(Budget(max_tokens=5), Usage(), 10, Decimal(1), 0.8) is None
    assert next_look_s(Budget(max_cost=5), Usage(), 10, Decimal(0), 0.8) is None
