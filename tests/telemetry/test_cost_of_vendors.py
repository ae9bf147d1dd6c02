"""What a call costs at each vendor by the table that ships, against sums done by hand (R-0006-91).

The simulators say how much was used as their vendors do; the prices are written out here, so a slip in the table shows.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from roomkit import Price, RoomKit
from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.models.usage import Usage
from roomkit.providers.elevenlabs.realtime import ElevenLabsRealtimeProvider
from roomkit.providers.gemini.realtime import GeminiLiveProvider
from roomkit.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit.providers.xai.realtime import XAIRealtimeProvider
from roomkit.telemetry.prices import shipped_prices
from roomkit.testing import (
    ElevenLabsSimulator,
    GeminiSimulator,
    OpenAISimulator,
    Script,
    VirtualClock,
    XAISimulator,
    hear,
    raw,
    say,
    wait,
)
from roomkit.voice.realtime.mock import MockRealtimeTransport
from roomkit.voice.realtime.provider import RealtimeVoiceProvider

pytestmark = pytest.mark.virtual_time

MILLION = Decimal(1_000_000)


def answer(*, seconds: float = 2.0) -> Script:
    return Script(hear(), say("Good morning.", seconds=seconds))


async def a_call(provider: RealtimeVoiceProvider, *, lasts_s: float = 5.0, **options: Any) -> Usage:
    """What a call used in which the caller typed a line, and then hung up."""
    channel = RealtimeVoiceChannel("voice", provider=provider, transport=MockRealtimeTransport(), **options)
    kit = RoomKit(clock=VirtualClock())
    kit.register_channel(channel)
    async with kit:
        session = await channel.start_session("room", "ada")
        await channel.inject_text(session, "hello")
        await asyncio.sleep(lasts_s)
        await channel.end_session(session)
        assert (await kit.usage("room")).known_cost == session.usage.known_cost
    return session.usage


# --- OpenAI: tokens ---------------------------------------------------------------------------


async def test_openais_text_and_audio_are_charged_each_at_its_price() -> None:
    simulator = OpenAISimulator(script=answer())

    used = await a_call(OpenAIRealtimeProvider("key", model="gpt-realtime-2.1", dial=simulator.dial))

    assert used.counts["output_audio_tokens"] == 40
    assert used.cost == (50 * Decimal("4.00") + 4 * Decimal("24.00") + 40 * Decimal("64.00")) / MILLION


def openai_answer(**details: dict[str, Any]) -> Script:
    """An answer without a word that says it used so much."""
    response = {"id": "resp_1", "object": "realtime.response", "status": "completed", "output": []}
    used = {f"{side}_token_details": counts for side, counts in details.items()}
    created, done = (
        {"type": f"response.{kind}", "event_id": kind, "response": response} for kind in ("created", "done")
    )
    return Script(hear(), raw(created), raw({**done, "response": {**response, "usage": used}}), wait(60_000))


@pytest.mark.parametrize(
    ("model", "text", "cached_text", "audio", "cached_audio", "image", "spoken", "written"),
    [
        ("gpt-realtime-2.1", "4", "0.4", "32", "0.4", "5", "64", "24"),
        ("gpt-realtime-2.1-mini", "0.6", "0.06", "10", "0.3", "0.8", "20", "2.4"),
        ("gpt-realtime-2", "4", "0.4", "32", "0.4", "5", "64", "24"),
        ("gpt-realtime-1.5", "4", "0.4", "32", "0.4", "5", "64", "16"),
        ("gpt-realtime", "4", "0.4", "32", "0.4", None, "64", "16"),
        ("gpt-realtime-mini", "0.6", "0.06", "10", "0.3", None, "20", "2.4"),
        ("gpt-4o-mini-realtime-preview", "0.6", "0.3", "10", "0.3", None, "20", "2.4"),
    ],
)
async def test_openais_cached_tokens_are_charged_at_their_own_price(
    model: str, text: str, cached_text: str, audio: str, cached_audio: str, image: str | None, spoken: str, written: str
) -> None:
    cached = {"text_tokens": 600, "audio_tokens": 300, "image_tokens": 0}
    heard = {"text_tokens": 1_000, "audio_tokens": 500, "cached_tokens": 900, "cached_tokens_details": cached}
    if image is not None:
        heard["image_tokens"] = 70
    simulator = OpenAISimulator(script=openai_answer(input=heard, output={"text_tokens": 30, "audio_tokens": 200}))

    used = await a_call(OpenAIRealtimeProvider("key", model=model, dial=simulator.dial))

    by_hand = 400 * Decimal(text) + 600 * Decimal(cached_text) + 200 * Decimal(audio) + 300 * Decimal(cached_audio)
    by_hand += 70 * Decimal(image or 0) + 200 * Decimal(spoken) + 30 * Decimal(written)
    assert used.cost == by_hand / MILLION


async def test_pictures_of_a_model_whose_price_for_them_is_not_known_leave_the_cost_unknown() -> None:
    simulator = OpenAISimulator(script=openai_answer(input={"image_tokens": 70, "text_tokens": 10}))

    used = await a_call(OpenAIRealtimeProvider("key", model="gpt-realtime", dial=simulator.dial))

    assert used.cost is None
    assert used.unpriced == {"openai/gpt-realtime input_image"}
    assert used.known_cost == 10 * Decimal(4) / MILLION


@pytest.mark.parametrize("model", ["gpt-realtime-3", "gpt-realtime-2.1-pro"])
async def test_a_model_the_table_does_not_know_costs_nobody_knows_what(model: str) -> None:
    simulator = OpenAISimulator(script=answer())

    used = await a_call(OpenAIRealtimeProvider("key", model=model, dial=simulator.dial))

    assert used.cost is None
    assert used.unpriced == {f"openai/{model}"}


async def test_a_price_of_ones_own_stands_in_for_the_tables() -> None:
    simulator = OpenAISimulator(script=answer())
    mine = Price("openai", "gpt-realtime-*", input_text=Decimal(1), output_text=Decimal(1), output_audio=Decimal(1))

    used = await a_call(
        OpenAIRealtimeProvider("key", model="gpt-realtime-2.1", dial=simulator.dial),
        prices=shipped_prices().with_prices(mine),
    )

    assert used.cost == 94 / MILLION


# --- Gemini: tokens ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "text", "spoken"),
    [
        ("gemini-3.8-live", "0.75", "12"),
        ("models/gemini-3.8-live", "0.75", "12"),
        ("gemini-3.1-flash-live-preview", "0.75", "12"),
        ("gemini-2.5-flash-native-audio-preview-12-2025", "0.50", "12"),
    ],
)
async def test_geminis_text_and_audio_are_charged_each_at_its_price(model: str, text: str, spoken: str) -> None:
    simulator = GeminiSimulator(script=answer())

    used = await a_call(GeminiLiveProvider("key", model=model, dial=simulator.dial))

    assert used.counts["output_audio_tokens"] == 50
    assert used.cost == (50 * Decimal(text) + 50 * Decimal(spoken)) / MILLION


def gemini_answer(**usage: Any) -> Script:
    part = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": "AAAA" * 400}}
    done = {"serverContent": {"turnComplete": True}, "usageMetadata": usage}
    return Script(hear(), raw({"serverContent": {"modelTurn": {"parts": [part]}}}), raw(done), wait(60_000))


def of_modalities(**counts: int) -> list[dict[str, Any]]:
    return [{"modality": modality.upper(), "tokenCount": count} for modality, count in counts.items()]


async def test_geminis_audio_and_pictures_that_went_in_have_their_own_prices() -> None:
    prompt, response = of_modalities(text=100, audio=400, video=60), of_modalities(audio=50, text=10)
    simulator = GeminiSimulator(
        script=gemini_answer(totalTokenCount=620, promptTokensDetails=prompt, responseTokensDetails=response)
    )

    used = await a_call(GeminiLiveProvider("key", model="gemini-3.8-live", dial=simulator.dial))

    by_hand = 100 * Decimal("0.75") + 400 * Decimal(3) + 60 * Decimal(1) + 50 * Decimal(12) + 10 * Decimal("4.5")
    assert used.cost == by_hand / MILLION


@pytest.mark.parametrize(
    ("usage", "unpriced"),
    [
        ({"thoughtsTokenCount": 9, "totalTokenCount": 39}, "output_reasoning"),
        ({"totalTokenCount": 35}, "tokens of no kind"),  # seen on the service: a total beyond its parts
        ({"cacheTokensDetails": of_modalities(audio=5), "totalTokenCount": 30}, "cached_audio"),
    ],
)
async def test_what_gemini_counts_and_no_price_is_known_of_leaves_the_cost_unknown(
    usage: dict[str, Any], unpriced: str
) -> None:
    simulator = GeminiSimulator(
        script=gemini_answer(
            promptTokensDetails=of_modalities(audio=20), responseTokensDetails=of_modalities(audio=10), **usage
        )
    )

    used = await a_call(GeminiLiveProvider("key", model="gemini-3.8-live", dial=simulator.dial))

    assert used.cost is None
    assert used.unpriced == {f"gemini/gemini-3.8-live {unpriced}"}
    assert used.known_cost > 0


# --- xAI and ElevenLabs: minutes --------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "a_minute"),
    [("grok-voice-latest", "0.08"), ("grok-3-fast", "0.08"), ("grok-voice-think-fast-1.0", "0.05")],
)
async def test_xai_charges_the_seconds_it_says_it_bills(model: str, a_minute: str) -> None:
    simulator = XAISimulator(script=answer(seconds=30))

    used = await a_call(XAIRealtimeProvider(api_key="xai-key", model=model, dial=simulator.dial), lasts_s=60)

    assert used.counts["billable_s"] == 30
    assert used.known_cost == Decimal(a_minute) * 30 / 60
    assert used.cost is None  # for text messages are charged by the message


async def test_elevenlabs_charges_the_minutes_of_the_link_and_its_model_besides() -> None:
    simulator = ElevenLabsSimulator(script=answer())

    used = await a_call(
        ElevenLabsRealtimeProvider(api_key="xi-key", agent_id="agent_1", dial=simulator.dial), lasts_s=90
    )

    assert used.connection_s == pytest.approx(90, abs=0.1)
    assert used.known_cost == pytest.approx(Decimal("0.08") * 90 / 60, abs=Decimal("0.001"))
    assert used.cost is None
    assert used.unpriced == {"elevenlabs the agent's language model"}
