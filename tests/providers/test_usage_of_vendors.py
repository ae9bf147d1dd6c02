"""Every vendor's counts come from its wire to the session under the portable names (R-0006-90, 91)."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.models.session import VoiceSession
from roomkit.models.usage import COUNT_NAMES, TOKEN_KINDS
from roomkit.telemetry.prices import Price, PriceTable
from roomkit.testing import GeminiSimulator, OpenAISimulator, Script, XAISimulator, hear, say
from roomkit.voice.realtime.mock import MockRealtimeTransport
from roomkit.voice.realtime.providers.gemini import GeminiLiveProvider
from roomkit.voice.realtime.providers.openai import OpenAIRealtimeProvider
from roomkit.voice.realtime.providers.xai import XAIRealtimeProvider

VENDORS: dict[str, Any] = {
    "openai": lambda script: OpenAIRealtimeProvider("key", dial=OpenAISimulator(script).dial),
    "gemini": lambda script: GeminiLiveProvider("key", dial=GeminiSimulator(script).dial),
    "xai": lambda script: XAIRealtimeProvider(api_key="key", dial=XAISimulator(script).dial),
}
A_DOLLAR_A_TOKEN: dict[str, Any] = {kind: Decimal(1_000_000) for kind in TOKEN_KINDS}


async def a_call(vendor: str, prices: PriceTable) -> VoiceSession:
    provider = VENDORS[vendor](Script(hear("text"), say("Good morning to you.", seconds=2)))
    channel = RealtimeVoiceChannel("voice", provider=provider, transport=MockRealtimeTransport(), prices=prices)
    session = await channel.start_session("room", "ada")
    await channel.inject_text(session, "hello")
    await asyncio.sleep(10)
    await channel.close()
    return session


@pytest.mark.virtual_time
@pytest.mark.parametrize("vendor", VENDORS)
async def test_an_answer_is_counted_under_the_portable_names(vendor: str) -> None:
    session = await a_call(vendor, PriceTable())

    counts = session.usage.counts
    assert counts.keys() <= COUNT_NAMES
    assert counts["output_audio_tokens"] > 0
    assert counts["total_tokens"] >= counts["output_audio_tokens"]
    assert session.usage.output_audio_s == pytest.approx(2, abs=0.05)
    assert session.usage.connection_s == pytest.approx(10, abs=0.1)


@pytest.mark.virtual_time
@pytest.mark.parametrize("vendor", VENDORS)
async def test_no_token_is_left_without_a_kind_to_be_priced_by(vendor: str) -> None:
    session = await a_call(vendor, PriceTable((Price(vendor, **A_DOLLAR_A_TOKEN),)))

    assert session.usage.cost == session.usage.total_tokens > 0


@pytest.mark.virtual_time
@pytest.mark.parametrize("vendor", VENDORS)
async def test_what_has_no_price_is_named_with_vendor_and_model(vendor: str) -> None:
    session = await a_call(vendor, PriceTable())

    assert session.usage.cost is None
    assert session.usage.unpriced == {f"{vendor}/{VENDORS[vendor](Script()).model}"}


def test_the_model_that_is_priced_is_the_one_that_serves() -> None:
    assert OpenAIRealtimeProvider("key", "gpt-realtime-mini").model == "gpt-realtime-mini"
    assert GeminiLiveProvider("key", "gemini-live-x").model == "gemini-live-x"
    assert XAIRealtimeProvider(api_key="key", model="grok-4-voice").model != "grok-4-voice"  # an id that is dead
