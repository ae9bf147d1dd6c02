"""What was heard of an interrupted answer, whole calls against every simulator (RFC 0006, R-0006-25)."""

from __future__ import annotations

import asyncio

import pytest

from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.kit import RoomKit
from roomkit.testing import (
    Script,
    VirtualClock,
    hear,
    say,
)
from roomkit.voice.realtime.mock import MockRealtimeProvider, MockRealtimeTransport
from tests.testing.vendors import provider_on, simulator_of

pytestmark = pytest.mark.virtual_time

COUNTING = "one two three four five six seven eight nine ten"


@pytest.mark.parametrize(
    ("vendor", "by", "count"),
    [
        ("openai", "proportion", 5),
        ("gemini", "proportion", 5),
        ("elevenlabs", "vendor_times", 5),
        ("xai", "vendor_times", 9),  # this simulator says that its ten words are spoken within the first half
    ],
)
async def test_the_room_and_the_next_provider_are_told_what_was_heard(vendor: str, by: str, count: int) -> None:
    clock = VirtualClock()
    script = Script(hear("text"), say(COUNTING, seconds=10))
    provider = provider_on(simulator_of(vendor, script, clock=clock))
    transport, kit = MockRealtimeTransport(lead_ms=200), RoomKit(clock=clock)
    channel = RealtimeVoiceChannel("voice", provider=provider, transport=transport)
    kit.register_channel(channel)
    session = await channel.start_session("room-1", "caller")

    await transport.simulate_client_text(session, "please count")
    await asyncio.sleep(5.5)
    await transport.simulate_client_interrupt(session)
    await asyncio.sleep(6)
    following = MockRealtimeProvider()
    await channel.reconfigure_session(session, provider=following)

    heard = [event for event in await kit.get_timeline("room-1") if event.metadata.get("role") == "assistant"]
    told = [text for _, text, role in following.injected_texts if role == "assistant"]
    assert [event.text for event in heard] == told
    assert told == [" ".join(COUNTING.split()[:count])]
    assert heard[0].metadata["interrupted"] is True
    assert heard[0].metadata["heard_by"] == by
    await kit.close()
