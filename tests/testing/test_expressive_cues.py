"""Expressive cues reach each vendor as they were written, and come back as they were said (RFC 0006, R-0006-69)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.kit import RoomKit
from roomkit.testing import (
    Script,
    VirtualClock,
    hear,
    say,
)
from roomkit.voice.realtime.agent import Agent
from roomkit.voice.realtime.mock import MockRealtimeTransport
from roomkit.voice.session.words.heard import words_heard
from roomkit.voice.tts.cues import spoken
from tests.testing.vendors import EACH_VENDOR, provider_on, simulator_of

CUES = "[concerned] I understand. [pause] Let me help. <laugh>"


def strings_in(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in strings_in(each)]


@pytest.mark.virtual_time
@pytest.mark.parametrize("way", ["prompt", "greeting", "injected", "instructions", "handoff"])
@EACH_VENDOR
async def test_cues_reach_the_vendor_untouched_whichever_way_they_go(vendor: str, way: str) -> None:
    clock = VirtualClock()
    simulator = simulator_of(vendor, None, clock=clock)
    transport, kit = MockRealtimeTransport(lead_ms=200), RoomKit(clock=clock)
    channel = RealtimeVoiceChannel(
        "voice",
        provider=provider_on(simulator),
        transport=transport,
        system_prompt=CUES if way == "prompt" else "Be kind.",
    )
    kit.register_channel(channel)
    session = await channel.start_session("room-1", "caller")

    match way:
        case "greeting":
            await channel.inject_text(session, CUES, role="assistant")
        case "injected":
            await channel.inject_text(session, CUES)
        case "instructions":
            await channel.request_response(session, instructions=CUES)
        case "handoff":
            await channel.hand_over_to(session, Agent("billing", system_prompt="Bill."), summary=CUES)
        case _:
            pass
    await asyncio.sleep(2)
    await kit.close()

    assert [text for text in strings_in(simulator.received) if CUES in text]


@pytest.mark.virtual_time
@EACH_VENDOR
async def test_cues_come_back_untouched_to_the_room_and_to_the_client(vendor: str) -> None:
    clock = VirtualClock()
    simulator = simulator_of(vendor, Script(hear("text"), say(CUES, seconds=2)), clock=clock)
    transport, kit = MockRealtimeTransport(lead_ms=200), RoomKit(clock=clock)
    channel = RealtimeVoiceChannel("voice", provider=provider_on(simulator), transport=transport)
    kit.register_channel(channel)
    session = await channel.start_session("room-1", "caller")

    await channel.inject_text(session, "It does not work!")
    await asyncio.sleep(5)
    room = [event.text for event in await kit.get_timeline("room-1") if event.metadata.get("role") == "assistant"]
    client = [message["text"] for message in transport.messages(session, "transcription") if message["is_final"]]
    await kit.close()

    assert room == client == [CUES]


@pytest.mark.parametrize("heard_ms", range(0, 101, 5))
def test_a_cue_is_heard_as_a_whole_or_not_at_all(heard_ms: int) -> None:
    text = "[long sigh] I see.[laugh] Well, <long pause> all right."

    heard = words_heard(text, heard_ms, 100).text

    assert text.startswith(heard)
    assert heard.count("[") == heard.count("]")
    assert heard.count("<") == heard.count(">")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CUES, "I understand., Let me help."),
        ("[laugh]", ""),
        ("so <soft>quiet</soft> here", "so quiet here"),
        ("see [docs](https://x.example) and a[0], [1] and 3 < 4 > 2", None),
        ("[" * 5_000, None),
        ("[a" * 5_000, None),
        ("", ""),
    ],
)
def test_a_synthesiser_that_knows_no_cues_gets_the_text_without_them(text: str, expected: str | None) -> None:
    assert spoken(text) == (text if expected is None else expected)


async def test_the_local_voice_does_not_read_a_cue_aloud() -> None:
    pytest.importorskip("espeakng_loader", reason="the extra 'espeak' is not installed")
    from roomkit.voice.tts.espeak import EspeakTts

    async def bytes_of(text: str) -> int:
        return sum([len(pcm) async for pcm in EspeakTts().synthesize(text)])

    plain = await bytes_of("Hello there.")
    assert await bytes_of("[excited]") == 0
    assert await bytes_of("[excited] Hello there. <laugh>") == pytest.approx(plain, rel=0.02)
    assert await bytes_of("Hello [pause] there.") > 1.05 * plain
