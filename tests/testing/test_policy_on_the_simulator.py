"""What a hook forbids is never heard, whole calls against every simulator (RFC 0006, R-0006-28, R-0006-70..73)."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import numpy as np
import pytest

from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.kit import RoomKit
from roomkit.models.enums import EventStatus, HookTrigger
from roomkit.models.hook import HookResult
from roomkit.testing import (
    Script,
    VirtualClock,
    hear,
    say,
)
from roomkit.testing.call import tone
from roomkit.voice.realtime.mock import MockRealtimeTransport
from tests.testing.vendors import EACH_VENDOR, provider_on, simulator_of

pytestmark = pytest.mark.virtual_time

SECRET = b"\x37\x13"
"""The sample the forbidden phrase is spoken with: 4919, far louder than the tone around it, whoever resamples it."""

ANSWER = "Certainly, with pleasure, the code for the door is swordfish, do not tell anybody."
"""Fourteen words of 0.3 s; the tenth is the forbidden one."""

SPOKEN = tone(2.7) + SECRET * 7_200 + tone(1.2)


def secret_samples(pcm: bytes) -> int:
    return int((np.abs(np.frombuffer(pcm, "<i2").astype(np.int32)) > 3_000).sum())


async def hear_the_answer(
    vendor: str = "openai",
    *,
    pace: Literal["fast", "realtime"],
    guard_ms: float,
    thinks_s: float,
    on_late: Literal["release", "cut"],
) -> tuple[int, float, list[Any], int]:
    """Samples of the secret heard, ms of agent audio heard, the timeline, late verdicts."""
    script = Script(hear("text"), say(ANSWER, audio=SPOKEN, pace=pace))
    clock = VirtualClock()
    transport, kit = MockRealtimeTransport(lead_ms=200), RoomKit(clock=clock)
    provider = provider_on(simulator_of(vendor, script, clock=clock))
    channel = RealtimeVoiceChannel(
        "voice", provider=provider, transport=transport, output_guard_ms=guard_ms, output_guard_on_late=on_late
    )
    kit.register_channel(channel)

    @kit.hook(HookTrigger.ON_TRANSCRIPTION, name="moderation")
    async def moderation(event: Any, _: object) -> HookResult:
        if event.role == "assistant":
            await asyncio.sleep(thinks_s)
        return HookResult.block("a secret") if "swordfish" in event.text else HookResult.allow()

    session = await channel.start_session("room-1", "caller")
    await transport.simulate_client_text(session, "what is the code")
    await asyncio.sleep(15)
    heard = b"".join(pcm for _, pcm in transport.sent_audio)
    timeline = [event for event in await kit.get_timeline("room-1") if event.metadata.get("role") == "assistant"]
    late_verdicts = session.late_verdicts
    await kit.close()
    return secret_samples(heard), len(heard) / 48, timeline, late_verdicts


@EACH_VENDOR
@pytest.mark.parametrize("pace", ["fast", "realtime"])
@pytest.mark.parametrize("on_late", ["release", "cut"])
@pytest.mark.parametrize("thinks_s", [0.0, 0.2])
async def test_a_forbidden_phrase_never_reaches_the_caller(
    vendor: str, pace: Literal["fast", "realtime"], on_late: Literal["release", "cut"], thinks_s: float
) -> None:
    secrets, _, timeline, late = await hear_the_answer(
        vendor, pace=pace, guard_ms=500, thinks_s=thinks_s, on_late=on_late
    )

    assert (secrets, late) == (0, 0)
    [blocked] = [event for event in timeline if event.status is EventStatus.BLOCKED]
    assert (blocked.blocked_by, blocked.block_reason) == ("moderation", "a secret")
    assert "swordfish" in blocked.text
    assert not any("swordfish" in event.text for event in timeline if event is not blocked)


@pytest.mark.parametrize("pace", ["fast", "realtime"])
async def test_with_cut_it_does_not_however_long_the_hook_thinks(pace: Literal["fast", "realtime"]) -> None:
    secrets, _, timeline, _ = await hear_the_answer(pace=pace, guard_ms=200, thinks_s=1.5, on_late="cut")

    assert secrets == 0
    assert any(event.status is EventStatus.BLOCKED for event in timeline)


async def test_without_a_guard_it_does_and_the_answer_ends_with_the_verdict_on_it() -> None:
    secrets, heard_ms, timeline, _ = await hear_the_answer(pace="realtime", guard_ms=0, thinks_s=0, on_late="release")

    assert secrets == 7_200
    assert heard_ms <= 4_200
    assert [event.status for event in timeline] == [EventStatus.BLOCKED]


async def test_what_was_let_through_unjudged_is_counted() -> None:
    secrets, _, _, late = await hear_the_answer(pace="realtime", guard_ms=100, thinks_s=1.5, on_late="release")

    assert secrets > 0
    assert late == 1
