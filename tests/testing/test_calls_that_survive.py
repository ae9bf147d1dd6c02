"""Calls on the simulated OpenAI that outlive its limits, its links and itself (RFC 0006, R-0006-52..58)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.kit import RoomKit
from roomkit.models.session import SessionState, VoiceSession
from roomkit.testing import (
    OpenAISimulator,
    Script,
    VirtualClock,
    drop,
    hear,
    loop,
    say,
    transcribe,
    wait,
)
from roomkit.testing.call import tone
from roomkit.voice.realtime.mock import MockRealtimeTransport
from roomkit.voice.realtime.profile import Profile
from roomkit.voice.realtime.provider import RealtimeVoiceProvider
from roomkit.voice.realtime.providers.openai import OpenAIRealtimeProvider

FRAME = tone(0.02)


class PhoneCall:
    """A caller on a mock transport, whatever provider; the words become a room's."""

    def __init__(self, *providers: RealtimeVoiceProvider, kit: RoomKit | None = None) -> None:
        self.kit = kit or RoomKit()
        self.transport = MockRealtimeTransport(lead_ms=200)
        self.channel = RealtimeVoiceChannel(
            "voice", provider=providers, transport=self.transport, input_sample_rate=24_000
        )
        self.kit.register_channel(self.channel)

    async def __aenter__(self) -> PhoneCall:
        self.session: VoiceSession = await self.channel.start_session("room-1", "caller")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kit.close()

    async def asks(self, *, frames: int = 50) -> None:
        """Speech at once, then the silence that ends it; the simulator's ear goes by the audio, not by the clock."""
        for pcm in [FRAME] * frames + [bytes(len(FRAME))] * 50:
            await self.transport.simulate_client_audio(self.session, pcm)

    async def words(self) -> list[str]:
        return [event.text for event in await self.kit.get_timeline("room-1", limit=1_000)]

    def told(self, type_: str) -> list[dict[str, object]]:
        return self.transport.messages(self.session, type_)


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for something on a real clock."""
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 -- what is waited for is another program's doing: there is no event
            await asyncio.sleep(0.01)


def answering(*answers: str) -> Script:
    steps = [
        step for answer in answers for step in (hear("speech"), transcribe(f"{answer}?"), say(answer, seconds=0.2))
    ]
    return Script(*steps)


# --- three hours --------------------------------------------------------------------------------------------------


@pytest.mark.virtual_time
async def test_a_three_hour_call_passes_the_sixty_minutes_of_openai() -> None:
    clock = VirtualClock()
    script = Script(hear("speech"), transcribe("and then"), say("And then this happened.", seconds=6), loop())
    simulator = OpenAISimulator(script, clock=clock)
    provider = OpenAIRealtimeProvider(api_key="sk-test", dial=simulator.dial)
    minutes = 181
    async with PhoneCall(provider, kit=RoomKit(clock=clock)) as call:
        for _ in range(minutes):
            began_s = asyncio.get_running_loop().time()
            for pcm in [FRAME] * 50 + [bytes(len(FRAME))] * 50:
                await call.transport.simulate_client_audio(call.session, pcm)
                await asyncio.sleep(0.02)
            await asyncio.sleep(began_s + 60.0 - asyncio.get_running_loop().time())
        words, state = await call.words(), call.session.state

        assert state is SessionState.ACTIVE
        assert words == ["and then", "And then this happened."] * minutes
        assert len(simulator.sessions) == 4
        assert not [line for line in simulator.log if "session_expired" in line]
        assert call.told("link_state") == call.told("error") == []


# --- over real sockets --------------------------------------------------------------------------------------------


@asynccontextmanager
async def served(simulator: OpenAISimulator, **profile: object) -> AsyncIterator[RealtimeVoiceProvider]:
    """The provider of a simulator on a port of its own, with a profile that differs."""
    async with simulator.serve() as server:
        provider = Renamed("sk-test", base_url=server.url)
        provider.differs = profile
        yield provider


class Renamed(OpenAIRealtimeProvider):
    """OpenAI's provider with another profile."""

    differs: dict[str, object] = {}  # noqa: RUF012 -- replaced as a whole, never written into

    @property
    def profile(self) -> Profile:
        return replace(super().profile, **self.differs)  # type: ignore[arg-type]  # a test's shorthand


async def test_a_link_that_drops_is_back_with_the_conversation_over_a_socket() -> None:
    script = Script(
        hear("speech"), transcribe("one?"), say("one", seconds=0.1), wait(300), drop(),
        hear("speech"), transcribe("two?"), say("two", seconds=0.1),
    )  # fmt: skip
    simulator = OpenAISimulator(script)
    async with served(simulator) as provider, PhoneCall(provider) as call:
        await call.asks()
        await until(lambda: len(simulator.sessions) == 2)
        await call.asks()
        await until(lambda: len(call.told("transcription")) > 2 and script_is_done(script))

        await until(lambda: call.session.link_states["provider"] == "up")
        assert [m["state"] for m in call.told("link_state")] == ["recovering", "up"]


def script_is_done(script: Script) -> bool:
    try:
        script.assert_done()
    except AssertionError:
        return False
    return True


async def test_a_call_goes_on_with_another_provider_over_a_socket() -> None:
    first = Script(
        hear("speech"), transcribe("one?"), say("one", seconds=0.1), wait(200), drop(3000, "invalid_api_key")
    )
    primary, secondary = OpenAISimulator(first), OpenAISimulator(answering("two"))
    async with (
        served(primary, name="primary") as one,
        served(secondary, name="secondary") as two,
        PhoneCall(one, two) as call,
    ):
        await call.asks()
        await until(lambda: call.session.provider == "secondary")
        await call.asks()
        await until(lambda: len(call.told("transcription")) >= 4 and call.told("transcription")[-1]["is_final"] is True)

        told = [item["item"]["content"][0]["text"] for item in secondary.received if "item" in item]
        assert len(primary.sessions) == 1
        assert told == ["one?", "one"]
        assert [m["provider"] for m in call.told("provider_changed")] == ["secondary"]


async def test_a_call_starts_with_the_second_provider_when_the_first_refuses_its_key() -> None:
    primary, secondary = OpenAISimulator(api_key="another"), OpenAISimulator()
    async with (
        served(primary, name="primary") as one,
        served(secondary, name="secondary") as two,
        PhoneCall(one, two) as call,
    ):
        assert call.session.provider == "secondary"
        assert (len(primary.sessions), len(secondary.sessions)) == (0, 1)


async def test_a_link_is_rolled_over_before_its_limit_over_a_socket() -> None:
    simulator = OpenAISimulator(answering("one", "two"))
    async with served(simulator, max_session_ms=400) as provider, PhoneCall(provider) as call:
        await until(lambda: len(simulator.sessions) >= 3)

        assert call.session.state is SessionState.ACTIVE
        assert call.told("link_state") == call.told("error") == []


async def test_a_hand_over_between_two_servers_loses_no_sample_over_sockets() -> None:
    old, new = OpenAISimulator(), OpenAISimulator()
    async with served(old, name="old") as one, served(new, name="new") as two, PhoneCall(one) as call:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(call.channel.reconfigure_session(call.session, provider=two))
            for _ in range(40):
                await call.transport.simulate_client_audio(call.session, bytes(480))
                await asyncio.sleep(0.01)

        def heard(simulator: OpenAISimulator) -> int:
            return sum(event.get("audio_bytes", 0) for event in simulator.received)

        await until(lambda: heard(old) + heard(new) >= 40 * 480)
        assert heard(old) + heard(new) == 40 * 480
        assert call.session.provider == "new"
