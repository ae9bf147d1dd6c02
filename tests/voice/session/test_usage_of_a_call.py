"""What one call used, on mocks and virtual time (RFC 0006, R-0006-90 to 92)."""

from __future__ import annotations

import asyncio
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.models.enums import EventType, HookTrigger
from roomkit.models.session import EndReason
from roomkit.telemetry.prices import Price, PriceTable
from roomkit.telemetry.usage import usage_of
from roomkit.testing.call import Call, start_call, tone
from roomkit.testing.virtual_time import VirtualTimeLoop
from roomkit.voice.realtime.mock import MOCK_PROFILE, MockRealtimeProvider
from roomkit.voice.session.account.usage import WORTH_STORING_S
from roomkit.voice.session.settings import SessionSettings

pytestmark = pytest.mark.virtual_time

ANSWER = {"input_audio_tokens": 100, "output_audio_tokens": 50, "output_text_tokens": 10, "total_tokens": 160}
PRICES = PriceTable(
    (
        Price("mock", "cheap", input_audio=Decimal(1), output_audio=Decimal(1), output_text=Decimal(1)),
        Price("mock", "dear", input_audio=Decimal(10), output_audio=Decimal(10), output_text=Decimal(10)),
        Price("mock", "by-the-minute", per_minute=Decimal("0.60")),
    )
)


def settings(prices: PriceTable = PRICES) -> SessionSettings:
    return SessionSettings(prices=prices)


async def call_with(model: str | None = "cheap", **options: Any) -> Call:
    return await start_call(provider=MockRealtimeProvider(model), settings=settings(), **options)


async def answer(call: Call, text: str = "yes", *, seconds: float = 1.0, usage: Any = None) -> None:
    await call.provider.simulate_response_start(call.view)
    await call.provider.simulate_audio(call.view, tone(seconds))
    await call.provider.simulate_transcription(call.view, text)
    await call.provider.simulate_response_end(call.view, usage=ANSWER if usage is None else usage)


async def hang_up(call: Call) -> None:
    call.session.end(EndReason.HANGUP)
    await call.over()


# --- tokens and money -------------------------------------------------------------------------


async def test_the_tokens_of_every_answer_are_counted_by_kind() -> None:
    call = await call_with()

    await answer(call)
    await answer(call)

    assert call.view.usage.counts == {name: 2 * count for name, count in ANSWER.items()}
    assert call.view.usage.total_tokens == 320


async def test_they_cost_what_the_table_says() -> None:
    call = await call_with()

    await answer(call)

    assert call.view.usage.cost == Decimal("0.00016")
    assert call.view.usage.currency == "USD"


async def test_a_model_without_a_price_costs_nobody_knows_what() -> None:
    call = await call_with("new-model")

    await answer(call)

    assert call.view.usage.cost is None
    assert call.view.usage.unpriced == {"mock/new-model"}
    assert call.view.usage.total_tokens == 160


async def test_an_open_link_is_charged_by_the_minute_whatever_is_said() -> None:
    call = await call_with("by-the-minute")

    await asyncio.sleep(90)
    await hang_up(call)

    assert call.view.usage.connection_s == pytest.approx(90)
    assert call.view.usage.cost == Decimal("0.90")


@pytest.mark.parametrize("rubbish", [-5, math.nan, math.inf, 1e300, "many", None, True, {"n": 1}])
async def test_a_count_that_cannot_be_is_left_out_and_the_call_goes_on(rubbish: Any) -> None:
    call = await call_with()

    await answer(call, usage={**ANSWER, "output_text_tokens": rubbish, "sparkles": 3})
    await answer(call, "still here")

    assert call.view.usage.counts["output_text_tokens"] == 10
    assert "sparkles" not in call.view.usage.counts
    assert call.port.words[-1] == ("assistant", "still here")


# --- seconds ----------------------------------------------------------------------------------


async def test_the_seconds_of_audio_are_those_that_went_to_and_came_from_the_provider() -> None:
    call = await start_call(provider=MockRealtimeProvider("cheap", rate_hz=48_000), settings=settings())

    await call.transport.simulate_client_audio(call.view, tone(3, 16_000))
    await call.provider.simulate_audio(call.view, tone(2, 48_000))
    await call.provider.simulate_response_end(call.view, usage=ANSWER)

    assert call.view.usage.input_audio_s == pytest.approx(3, abs=0.01)
    assert call.view.usage.output_audio_s == pytest.approx(2)


async def test_audio_the_gate_keeps_from_the_provider_is_not_used() -> None:
    call = await call_with()

    call.session.permit(can_write=False, can_read=True)
    await call.transport.simulate_client_audio(call.view, tone(3, 16_000))
    await hang_up(call)

    assert call.view.usage.input_audio_s == 0


async def test_audio_that_was_made_is_used_although_nobody_heard_it() -> None:
    call = await call_with(lead_ms=200)

    await call.provider.simulate_response_start(call.view)
    await call.provider.simulate_audio(call.view, tone(5))
    await call.provider.simulate_speech_start(call.view)
    await call.provider.simulate_audio(call.view, tone(5))
    await hang_up(call)

    assert call.heard_ms() < 1_000
    assert call.view.usage.output_audio_s == pytest.approx(10)


# --- links ------------------------------------------------------------------------------------


async def test_usage_adds_up_over_links_each_at_its_own_price() -> None:
    call = await call_with("cheap")
    dear = MockRealtimeProvider("dear")

    await answer(call)
    await call.session.hand_over(settings(), dear)
    await dear.simulate_response_start(call.view)
    await dear.simulate_response_end(call.view, usage=ANSWER)

    assert call.view.usage.total_tokens == 320
    assert call.view.usage.cost == Decimal("0.00016") + Decimal("0.0016")


async def test_time_without_a_link_is_not_charged() -> None:
    call = await call_with("by-the-minute")
    await asyncio.sleep(30)

    await call.provider.simulate_disconnect(call.view, retryable=False)
    await call.over()
    await asyncio.sleep(30)

    assert call.view.usage.connection_s == pytest.approx(30)
    assert call.view.usage.cost == Decimal("0.30")


async def test_a_call_over_a_priced_and_an_unpriced_link_says_what_it_knows_and_what_not() -> None:
    call = await call_with("cheap")
    other = MockRealtimeProvider(profile=MOCK_PROFILE)

    await answer(call)
    await call.session.hand_over(settings(), other)
    await asyncio.sleep(1)
    await hang_up(call)

    assert call.view.usage.cost is None
    assert call.view.usage.known_cost == Decimal("0.00016")
    assert call.view.usage.unpriced == {"mock"}


# --- turns and records ------------------------------------------------------------------------


async def test_a_turn_says_what_it_used() -> None:
    call = await call_with()

    for _ in range(2):
        await call.provider.simulate_speech_start(call.view)
        await call.provider.simulate_speech_end(call.view)
        await answer(call)
        await asyncio.sleep(2)

    turns = call.port.of(HookTrigger.ON_TURN_COMPLETE)
    assert [turn.usage.total_tokens for turn in turns] == [160, 160]


async def test_the_agents_words_are_stored_with_what_was_used_for_them() -> None:
    call = await call_with(lead_ms=200)

    await answer(call)
    await asyncio.sleep(2)

    (event,) = call.port.published
    assert event.metadata["usage"]["output_audio_tokens"] == 50
    assert event.metadata["usage"]["cost"] == "0.00016"


async def test_the_callers_words_carry_no_usage() -> None:
    call = await call_with()

    await call.provider.simulate_transcription(call.view, "hello", role="user")

    assert "usage" not in call.port.published[0].metadata


async def test_what_was_used_after_the_last_words_is_stored_when_the_call_ends_and_shown_to_nobody() -> None:
    call = await call_with(lead_ms=200)

    await answer(call)
    await asyncio.sleep(2)
    await call.provider.simulate_response_start(call.view)
    await call.provider.simulate_response_end(call.view, usage=ANSWER)
    await hang_up(call)

    last = call.port.published[-1]
    assert (last.type, last.visibility) == (EventType.SESSION_ENDED, "none")
    assert last.metadata["usage"]["total_tokens"] == 160


async def test_a_call_in_which_nothing_was_used_stores_nothing() -> None:
    call = await call_with()

    await hang_up(call)

    assert call.port.published == []


COUNTS = st.dictionaries(st.sampled_from(sorted(ANSWER)), st.integers(-5, 10**6) | st.just(math.nan))


@given(st.lists(st.tuples(COUNTS, st.booleans(), st.sampled_from([0.0, 0.4]))))
def test_what_is_stored_of_a_call_adds_up_to_what_it_used(answers: list[tuple[dict[str, Any], bool, float]]) -> None:
    async def scenario() -> Call:
        call = await call_with()
        for counts, is_cut, seconds in answers:
            await answer(call, "some words", seconds=seconds, usage=counts)
            await asyncio.sleep(0.3 if is_cut else 1.0)
            if is_cut:
                await call.provider.simulate_speech_start(call.view)
        await hang_up(call)
        return call

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        call = runner.run(scenario())

    stored, used = usage_of(call.port.published), call.view.usage
    assert (stored.counts, stored.cost) == (used.counts, used.cost)
    assert stored.output_audio_s == pytest.approx(used.output_audio_s, abs=WORTH_STORING_S)
    assert stored.connection_s == pytest.approx(used.connection_s, abs=WORTH_STORING_S)
