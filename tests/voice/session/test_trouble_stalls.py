"""Links that die without a word: what is and what is no stall, and what the caller said meanwhile (R-0006-12, -55)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.models.session import VoiceSession
from roomkit.models.tool_call import Tool
from roomkit.testing.call import tone
from roomkit.voice.realtime.mock import MOCK_PROFILE, MockRealtimeProvider, MockRealtimeTransport
from roomkit.voice.realtime.provider_events import InputCommitted

pytestmark = pytest.mark.virtual_time

SPEECH = tone(0.02, 16_000)
SILENCE = bytes(len(SPEECH))


class Two:
    """A call on one vendor, with another one that could serve."""

    def __init__(self) -> None:
        self.first = MockRealtimeProvider(profile=replace(MOCK_PROFILE, name="first"))
        self.second = MockRealtimeProvider(profile=replace(MOCK_PROFILE, name="second"))
        self.transport = MockRealtimeTransport()
        self.channel = RealtimeVoiceChannel(
            "voice",
            provider=[self.first, self.second],
            transport=self.transport,
            tools=[Tool("look", handler=self._look)],
        )
        self.session: VoiceSession

    async def _look(self) -> str:
        await asyncio.sleep(20)
        return "found"

    async def microphone(self, pcm: bytes, seconds: float) -> None:
        for _ in range(round(seconds / 0.02)):
            await self.transport.simulate_client_audio(self.session, pcm)
            await asyncio.sleep(0.02)


@asynccontextmanager
async def two() -> AsyncIterator[Two]:
    call = Two()
    call.session = await call.channel.start_session("room-1", "caller")
    yield call
    await call.channel.close()


async def test_a_vendor_that_waits_for_a_slow_tool_has_not_stalled() -> None:
    async with two() as call, asyncio.TaskGroup() as tasks:
        await call.first.simulate_event(call.session, InputCommitted("turn-1"))
        tasks.create_task(call.first.simulate_tool_call(call.session, "c1", "look"))
        await asyncio.sleep(19.5)

        assert call.session.provider == "first"


async def test_a_vendor_that_says_nothing_to_a_tools_result_has_stalled() -> None:
    async with two() as call:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(call.first.simulate_tool_call(call.session, "c1", "look"))
        await asyncio.sleep(9.5)

        assert call.session.provider == "second"
        assert call.second.methods()[1:] == ["recall_tool_call", "tool_result", "ask_for_response"]


async def test_while_a_tool_runs_a_new_link_is_not_asked_for_the_answer_its_result_will_ask_for() -> None:
    async with two() as call:
        async with asyncio.TaskGroup() as tasks:
            await call.first.simulate_event(call.session, InputCommitted("turn-1"))
            tasks.create_task(call.first.simulate_tool_call(call.session, "c1", "look"))
            await asyncio.sleep(1)
            await call.first.simulate_disconnect(call.session)

        asked = [made.args.get("asks", True) for made in call.first.calls if made.method in ASKING]
        assert call.first.methods().count("connect") == 2
        assert asked == [True]


ASKING = ("ask_for_response", "tool_result")


async def test_a_vendor_that_hears_nine_seconds_of_silence_as_speech_has_stalled() -> None:
    async with two() as call:
        await call.first.simulate_speech_start(call.session)
        await call.microphone(SPEECH, 1)
        await call.microphone(SILENCE, 11.5)

        assert call.session.provider == "second"
        told = b"".join(pcm for _, pcm in call.second.sent_audio)
        assert told.startswith(SPEECH * 50 + SILENCE * 100)  # what was said, and of the silence two seconds
        assert len(told) < len(SPEECH) * 250


async def test_a_caller_who_talks_for_a_minute_is_no_stall() -> None:
    async with two() as call:
        await call.first.simulate_speech_start(call.session)
        for _ in range(10):
            await call.microphone(SPEECH, 5)
            await call.microphone(SILENCE, 1)

        assert call.session.provider == "first"


async def test_a_caller_whose_client_sends_nothing_in_silence_is_no_stall() -> None:
    async with two() as call:
        await call.first.simulate_speech_start(call.session)
        await call.microphone(SPEECH, 1)
        await asyncio.sleep(60)

        assert call.session.provider == "first"
