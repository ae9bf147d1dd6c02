"""A call that outlives its vendor's limits without anybody noticing (RFC 0006, R-0006-54)."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass, replace

import pytest

from roomkit.core.tools import ToolCatalog
from roomkit.errors import ProviderLostError
from roomkit.models.session import LinkState
from roomkit.models.tool_call import Tool
from roomkit.testing.call import Call, start_call, tone
from roomkit.voice.realtime.commands import Command, InjectText, LinkConfig, SendAudio
from roomkit.voice.realtime.mock import MOCK_PROFILE, MockRealtimeProvider
from roomkit.voice.realtime.provider import ProviderLink, ProviderSink
from roomkit.voice.realtime.provider_events import (
    Audio,
    GoingAway,
    InputCommitted,
    LinkLost,
    ProviderEvent,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    Transcript,
)
from roomkit.voice.session.links.rollover import Due, of_age, of_notice
from roomkit.voice.session.settings import AgentSettings, SessionSettings

pytestmark = pytest.mark.virtual_time

MINUTE_S = 60.0


@dataclass
class Tapped:
    """A link, and what it was told."""

    link: ProviderLink
    told: list[Command]

    def send(self, command: Command) -> None:
        self.told.append(command)
        self.link.send(command)

    @property
    def buffered_bytes(self) -> int:
        return self.link.buffered_bytes

    async def close(self) -> None:
        await self.link.close()


@dataclass
class Voice:
    """The vendor's end of one link, whatever link came after it."""

    sink: ProviderSink

    async def says(self, event: ProviderEvent) -> None:
        self.sink.on_event(event)
        await self.sink.settled()


class Limited(MockRealtimeProvider):
    """A vendor that hangs up on links of a certain age, and may say so before.

    Attributes:
        hung_up_on: Links that reached the limit.
        told: What each link was told.
    """

    def __init__(self, *, minutes: float, says_so: bool = False, resumes: bool = False) -> None:
        limit_ms = None if says_so else int(minutes * 60_000)
        super().__init__(profile=replace(MOCK_PROFILE, max_session_ms=limit_ms, resumes=resumes))
        self._limit_s = minutes * MINUTE_S
        self._says_so = says_so
        self._timers: list[asyncio.TimerHandle] = []
        self.hung_up_on = 0
        self.told: list[list[Command]] = []

    @property
    def dials(self) -> int:
        return self.methods().count("connect")

    async def open_link(self, config: LinkConfig, sink: ProviderSink) -> ProviderLink:
        link = await super().open_link(config, sink)
        mock = self._links[config.session_id]
        loop = asyncio.get_running_loop()

        def reached() -> None:
            if not mock.is_closed:
                mock.is_closed = True
                self.hung_up_on += 1
                sink.on_event(LinkLost("1001", "the limit was reached", retryable=True))

        def warned() -> None:
            if not mock.is_closed:
                sink.on_event(GoingAway(50_000.0))

        self._timers.append(loop.call_later(self._limit_s, reached))
        if self._says_so:
            self._timers.append(loop.call_later(self._limit_s - 50.0, warned))
        self.told.append([])
        return Tapped(link, self.told[-1])

    def serving(self, call: Call) -> Voice:
        """The vendor's end of the newest link."""
        return Voice(self._links[call.view.id].sink)

    def stop(self) -> None:
        for timer in self._timers:
            timer.cancel()


def numbered(first: int, count: int = 320) -> bytes:
    """20 ms of a counter at 16 kHz: a missing or repeated sample shows."""
    return struct.pack(f"<{count}h", *((first + n) % 32_000 for n in range(count)))


async def a_turn(call: Call, number: int) -> None:
    """A good minute of a call: the caller speaks for a second, the agent answers and is heard."""
    provider, view = call.provider, call.view
    await provider.simulate_speech_start(view)
    for frame in range(50):
        await call.transport.simulate_client_audio(view, numbered((number * 50 + frame) * 320))
        await asyncio.sleep(0.02)
    await provider.simulate_speech_end(view)
    await provider.simulate_transcription(view, f"question {number}", role="user")
    await call.agent_says(f"answer {number}", seconds=2)
    await asyncio.sleep(82.5)


@pytest.mark.parametrize(("minutes", "says_so"), [(30.0, False), (60.0, False), (10.0, True)])
async def test_a_three_hour_call_passes_the_limit_unnoticed(minutes: float, says_so: bool) -> None:
    provider = Limited(minutes=minutes, says_so=says_so)
    call = await start_call(provider=provider, lead_ms=200)
    turns = 130

    for number in range(turns):
        await a_turn(call, number)
    said = [words for pair in range(turns) for words in (("user", f"question {pair}"), ("assistant", f"answer {pair}"))]

    assert asyncio.get_running_loop().time() >= 3 * 3_600
    assert provider.hung_up_on == 0
    assert provider.dials >= 180 / minutes
    assert b"".join(pcm for _, pcm in provider.sent_audio) == b"".join(
        numbered(frame * 320) for frame in range(turns * 50)
    )
    assert call.heard_ms() == pytest.approx(turns * 2_000, abs=turns)
    assert call.port.words == said
    assert call.told("link_state") == call.told("error") == []
    provider.stop()


async def test_the_switch_waits_for_the_end_of_the_callers_turn_and_its_answer() -> None:
    provider = Limited(minutes=30)
    call = await start_call(provider=provider, lead_ms=200)
    await asyncio.sleep(29 * MINUTE_S - 1)
    first = provider.serving(call)
    await first.says(SpeechStarted("turn-0"))
    await asyncio.sleep(5)  # the new link is open
    dials = provider.dials

    await first.says(SpeechStopped("turn-0"))
    await first.says(InputCommitted("turn-0"))
    await first.says(Transcript("user", "how are you", True, "turn-0"))
    await asyncio.sleep(3)  # no answer yet
    owed = list(provider.told[1])
    await first.says(ResponseStarted("response-0"))
    await first.says(Audio(tone(1), "response-0", "item-0"))
    await first.says(Transcript("assistant", "well", True, "item-0", "response-0"))
    await first.says(ResponseDone("response-0"))
    await asyncio.sleep(2)

    assert (dials, owed) == (2, [])
    assert [command for command in provider.told[1] if not isinstance(command, SendAudio)] == [
        InjectText("how are you", "user", silent=True), InjectText("well", "assistant", silent=True),
    ]  # fmt: skip
    assert call.heard_ms() == pytest.approx(1_000, abs=1)
    provider.stop()


async def test_a_caller_who_will_not_stop_is_moved_just_before_the_limit_and_loses_nothing() -> None:
    provider = Limited(minutes=30)
    call = await start_call(provider=provider)
    await asyncio.sleep(29 * MINUTE_S - 1)
    await provider.simulate_speech_start(call.view)

    for frame in range(62 * 50):
        await call.transport.simulate_client_audio(call.view, numbered(frame * 320))
        await asyncio.sleep(0.02)

    assert (provider.dials, provider.hung_up_on) == (2, 0)
    assert b"".join(pcm for _, pcm in provider.sent_audio) == b"".join(numbered(f * 320) for f in range(62 * 50))
    provider.stop()


async def test_a_tool_that_is_running_answers_the_new_link_and_runs_once() -> None:
    runs: list[str] = []

    async def work() -> str:
        runs.append("ran")
        await asyncio.sleep(20)
        return "done"

    provider = Limited(minutes=30)
    settings = SessionSettings(agent=AgentSettings(catalog=ToolCatalog([Tool("work", handler=work)])))
    call = await start_call(provider=provider, settings=settings)
    await asyncio.sleep(29 * MINUTE_S - 10)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(provider.simulate_tool_call(call.view, "c1", "work"))

    methods = provider.methods()
    newest = len(methods) - methods[::-1].index("connect")
    assert runs == ["ran"]
    assert [m for m in methods[newest:] if "tool" in m] == ["recall_tool_call", "tool_result"]
    assert provider.tool_results == [(call.view.id, "c1", "done")]
    provider.stop()


async def test_a_rollover_that_finds_nobody_leaves_the_call_on_its_link_until_the_limit() -> None:
    provider = Limited(minutes=30)
    call = await start_call(provider=provider)
    provider.refuse_with = [ProviderLostError("busy")] * 8

    await asyncio.sleep(29.8 * MINUTE_S)
    before = call.view.link_states["provider"]
    await asyncio.sleep(MINUTE_S)

    assert before is LinkState.UP
    assert provider.hung_up_on == 1
    assert call.view.link_states["provider"] is LinkState.UP
    assert call.told("error") == []
    provider.stop()


async def test_a_link_that_drops_while_another_stands_by_is_replaced_at_once() -> None:
    provider = Limited(minutes=30)
    call = await start_call(provider=provider)
    await asyncio.sleep(29 * MINUTE_S - 1)
    first = provider.serving(call)
    await first.says(SpeechStarted("turn-0"))
    await asyncio.sleep(2)

    await first.says(LinkLost("1006", "dropped", retryable=True))
    await asyncio.sleep(0.1)

    assert provider.dials == 2
    assert call.told("link_state") == []
    provider.stop()


async def test_each_link_has_its_own_age() -> None:
    provider = Limited(minutes=30)
    call = await start_call(provider=provider)
    await asyncio.sleep(20 * MINUTE_S)
    await provider.simulate_disconnect(call.view)

    await asyncio.sleep(28 * MINUTE_S)

    assert provider.dials == 2
    provider.stop()


def test_the_margin_is_a_minute_and_of_short_links_a_tenth() -> None:
    assert of_age(0.0, 3_600_000.0) == Due(3_540_000.0, 3_598_000.0)
    assert of_age(1_000.0, 100_000.0) == Due(91_000.0, 100_000.0)
    assert of_notice(5_000.0, 10_000.0) == Due(5_000.0, 14_000.0)
