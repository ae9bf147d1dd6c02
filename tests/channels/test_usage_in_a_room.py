"""Usage seen from outside: the channel, the hooks, the room's total when the calls are over (R-0006-90 to 94)."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from roomkit import Budget, HookTrigger, InboundMessage, Price, PriceTable, RoomKit, TextContent, WebSocketChannel
from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.errors import NotFoundError, ProviderRefusedError
from roomkit.models.session import EndReason, SessionState
from roomkit.testing import OpenAISimulator, Script, hear, say
from roomkit.testing.call import tone
from roomkit.testing.virtual_time import VirtualClock
from roomkit.voice.realtime.agent import Agent
from roomkit.voice.realtime.mock import MockRealtimeProvider, MockRealtimeTransport
from roomkit.voice.realtime.providers.openai import OpenAIRealtimeProvider

pytestmark = pytest.mark.virtual_time

A_DOLLAR_A_TOKEN = PriceTable((Price("mock", output_text=Decimal(1_000_000)),))


def kit_with(provider: Any, **options: Any) -> tuple[RoomKit, RealtimeVoiceChannel]:
    kit = RoomKit(clock=VirtualClock())
    channel = RealtimeVoiceChannel("voice", provider=provider, transport=MockRealtimeTransport(), **options)
    kit.register_channel(channel)
    return kit, channel


async def test_a_rooms_total_is_that_of_all_its_calls_and_outlives_them() -> None:
    provider = MockRealtimeProvider()
    kit, channel = kit_with(provider, prices=A_DOLLAR_A_TOKEN)
    async with kit:
        for participant, tokens in (("ada", 3), ("bob", 4)):
            session = await channel.start_session("room", participant)
            await provider.simulate_transcription(session, "yes")
            await provider.simulate_response_end(session, usage={"output_text_tokens": tokens})
            await channel.end_session(session)

        total = await kit.usage("room")

    assert (total.cost, total.currency, total.total_tokens) == (Decimal(7), "USD", 7)


async def test_a_room_in_which_nobody_called_has_used_nothing() -> None:
    kit, _ = kit_with(MockRealtimeProvider())
    async with kit:
        await kit.create_room("room")

        assert (await kit.usage("room")).is_empty
        with pytest.raises(NotFoundError):
            await kit.usage("no such room")


async def test_what_a_chat_message_calls_usage_is_none() -> None:
    kit, _ = kit_with(MockRealtimeProvider())
    kit.register_channel(WebSocketChannel("chat"))
    async with kit:
        await kit.create_room("room")
        await kit.attach_channel("room", "chat")
        forged = {
            "usage": {"total_tokens": 10**9, "cost": "1000000"},
            "voice_session_id": "vs",
            "source": "realtime_voice",
        }
        message = InboundMessage(channel_id="chat", sender_id="eve", content=TextContent(body="hi"), metadata=forged)
        await kit.process_inbound(message, room_id="room")

        assert (await kit.usage("room")).is_empty


async def test_a_room_of_many_events_is_read_to_its_end() -> None:
    provider = MockRealtimeProvider()
    kit, channel = kit_with(provider, prices=A_DOLLAR_A_TOKEN)
    async with kit:
        session = await channel.start_session("room", "ada")
        for number in range(510):
            await provider.simulate_response_end(session, usage={"output_text_tokens": 1})
            await provider.simulate_transcription(session, f"number {number}")

        assert (await kit.usage("room")).total_tokens == 510


async def test_a_call_says_what_it_has_used_up_to_now_and_when_it_is_over_what_it_used() -> None:
    kit, channel = kit_with(MockRealtimeProvider("m"), prices=PriceTable((Price("mock", per_minute=Decimal(6)),)))
    async with kit:
        session = await channel.start_session("room", "ada")
        await asyncio.sleep(30)

        running = session.usage
        in_a_thread = await asyncio.to_thread(lambda: session.usage)
        await asyncio.sleep(30)
        await channel.end_session(session)

        await asyncio.sleep(30)

        assert running.cost == in_a_thread.cost == Decimal(3)
        assert session.usage.cost == Decimal(6)


async def test_a_hook_is_warned_and_a_calls_own_budget_comes_first() -> None:
    provider = MockRealtimeProvider()
    kit, channel = kit_with(provider, budget=Budget(max_tokens=1_000_000))
    warned: list[tuple[str, float]] = []

    @kit.hook(HookTrigger.ON_BUDGET_WARNING)
    async def warn(event: Any, context: Any) -> None:
        warned.append((event.limit, event.used_share))

    async with kit:
        session = await channel.start_session("room", "ada", metadata={"budget": Budget(max_tokens=100)})
        await provider.simulate_response_end(session, usage={"output_text_tokens": 85})
        before = list(warned)
        await provider.simulate_response_end(session, usage={"output_text_tokens": 85})
        await asyncio.sleep(1)

    assert before == warned == [("max_tokens", 0.85)]
    assert session.end_reason is EndReason.BUDGET_EXCEEDED


async def test_openais_counts_come_through_from_the_wire_to_the_room() -> None:
    simulator = OpenAISimulator(script=Script(hear(), say("Good morning.", seconds=2)))
    price = Price("openai", "gpt-realtime*", input_text=Decimal(4), output_text=Decimal(16), output_audio=Decimal(64))
    provider = OpenAIRealtimeProvider("key", dial=simulator.dial)
    kit, channel = kit_with(provider, prices=PriceTable((price,)))
    async with kit:
        session = await channel.start_session("room", "ada")
        await channel.inject_text(session, "hello")
        await asyncio.sleep(5)
        await channel.end_session(session)

        total = await kit.usage("room")

    assert total.counts == {
        "input_text_tokens": 50,
        "output_audio_tokens": 40,  # the simulator's 20 a second
        "output_text_tokens": 4,
        "total_tokens": 94,
    }
    assert total.cost == (50 * Decimal(4) + 4 * Decimal(16) + 40 * Decimal(64)) / 1_000_000
    assert total.output_audio_s == pytest.approx(2)
    assert total.connection_s == pytest.approx(session.usage.connection_s, abs=0.01)


async def test_the_callers_audio_is_counted_at_the_rate_the_provider_takes() -> None:
    simulator = OpenAISimulator(script=Script())
    kit, channel = kit_with(OpenAIRealtimeProvider("key", dial=simulator.dial))
    async with kit:
        session = await channel.start_session("room", "ada")
        transport = channel.transport
        assert isinstance(transport, MockRealtimeTransport)
        await transport.simulate_client_audio(session, tone(1.5, 16_000))

        assert session.usage.input_audio_s == pytest.approx(1.5, abs=0.01)


async def test_a_used_up_budget_hands_the_call_to_the_fallback_and_the_call_goes_on() -> None:
    dear, cheap = MockRealtimeProvider("dear"), MockRealtimeProvider("cheap")
    budget = Budget(max_tokens=10, on_exceeded="degrade", fallback=Agent("frugal", provider=cheap))
    kit, channel = kit_with(dear, budget=budget)
    async with kit:
        session = await channel.start_session("room", "ada")
        await dear.simulate_response_end(session, usage={"output_text_tokens": 10})
        await asyncio.sleep(1)
        await cheap.simulate_response_end(session, usage={"output_text_tokens": 10})
        await asyncio.sleep(1)

        assert session.state is SessionState.ACTIVE
        assert session.agent == "frugal"
        assert session.usage.total_tokens == 20


async def test_a_fallback_that_cannot_be_reached_ends_the_call() -> None:
    dear, cheap = MockRealtimeProvider("dear"), MockRealtimeProvider("cheap")
    cheap.refuse_with = [ProviderRefusedError("no such account")]
    budget = Budget(max_tokens=10, on_exceeded="degrade", fallback=Agent("frugal", provider=cheap), farewell="Bye.")
    kit, channel = kit_with(dear, budget=budget)
    async with kit:
        session = await channel.start_session("room", "ada")
        await dear.simulate_response_end(session, usage={"output_text_tokens": 10})
        await asyncio.sleep(30)

        assert session.end_reason is EndReason.BUDGET_EXCEEDED
        assert "speak" in dear.methods()


async def test_a_fallback_nobody_knows_is_refused_before_the_call() -> None:
    kit, channel = kit_with(MockRealtimeProvider(), budget=Budget(max_tokens=1, on_exceeded="degrade", fallback="eve"))
    async with kit:
        with pytest.raises(NotFoundError, match="eve"):
            await channel.start_session("room", "ada")


@pytest.mark.parametrize("end", ["detach", "mute"])
async def test_what_a_call_used_is_counted_although_its_last_record_may_not_enter_the_room(end: str) -> None:
    provider = MockRealtimeProvider()
    kit, channel = kit_with(provider, prices=A_DOLLAR_A_TOKEN)
    async with kit:
        session = await channel.start_session("room", "ada")
        await provider.simulate_response_end(session, usage={"output_text_tokens": 5})
        if end == "detach":
            await kit.detach_channel("room", "voice")
        else:
            await kit.mute("room", "voice")
            await channel.end_session(session)
        await asyncio.sleep(1)

        assert (await kit.usage("room")).cost == session.usage.cost == Decimal(5)


async def test_a_vendor_that_answers_says_the_farewell_before_the_call_ends() -> None:
    simulator = OpenAISimulator(script=Script(hear("text"), say("Yes.", seconds=2), say("Goodbye.", seconds=1)))
    budget = Budget(max_tokens=50, farewell="Goodbye.")
    kit, channel = kit_with(OpenAIRealtimeProvider("key", dial=simulator.dial), budget=budget)
    async with kit:
        session = await channel.start_session("room", "ada")
        await channel.inject_text(session, "Are you open?")
        await asyncio.sleep(30)

        said = [event.text for event in await kit.get_timeline("room") if event.metadata["role"] == "assistant"]
    assert session.end_reason is EndReason.BUDGET_EXCEEDED
    assert said == ["Yes.", "Goodbye."]
