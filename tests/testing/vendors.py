"""The four vendors, for tests that hold for each of them: its simulator, and our provider on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from roomkit.providers.elevenlabs.realtime import ElevenLabsRealtimeProvider
from roomkit.providers.gemini.realtime import GeminiLiveProvider
from roomkit.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit.providers.xai.realtime import XAIRealtimeProvider
from roomkit.testing import ElevenLabsSimulator, GeminiSimulator, OpenAISimulator, Script, XAISimulator
from roomkit.testing.simulators.server import SimulatedServer
from roomkit.voice.realtime.commands import LinkConfig, SendAudio
from roomkit.voice.realtime.provider import ProviderLink, RealtimeVoiceProvider
from tests.testing.sinks import Sink

Simulator = SimulatedServer[Any]

SIMULATORS: dict[str, type[Simulator]] = {
    "openai": OpenAISimulator,
    "gemini": GeminiSimulator,
    "xai": XAISimulator,
    "elevenlabs": ElevenLabsSimulator,
}
EACH_VENDOR = pytest.mark.parametrize("vendor", SIMULATORS)


def simulator_of(vendor: str, script: Script | None = None, /, **settings: Any) -> Simulator:
    return SIMULATORS[vendor](script, **settings)


def provider_on(simulator: Simulator, **settings: Any) -> RealtimeVoiceProvider:
    """Our provider with a key that fits, on a simulator in memory unless the settings name another place."""
    given = {"api_key": "key", **({} if "base_url" in settings else {"dial": simulator.dial}), **settings}
    match simulator:
        case OpenAISimulator():
            return OpenAIRealtimeProvider(**given)
        case GeminiSimulator():
            return GeminiLiveProvider(**given)
        case XAISimulator():
            return XAIRealtimeProvider(**given)
        case ElevenLabsSimulator():
            signing = {} if "base_url" in settings else {"sign": simulator.sign}
            return ElevenLabsRealtimeProvider(**{"agent_id": "agent_1", **signing, **given})
        case _:
            raise AssertionError(f"{simulator} is no vendor's")


@asynccontextmanager
async def served(simulator: Simulator, **settings: Any) -> AsyncIterator[RealtimeVoiceProvider]:
    """Our provider, which reaches the simulator over a socket."""
    async with simulator.serve() as server:
        yield provider_on(simulator, base_url=server.base_url, **settings)


@asynccontextmanager
async def linked(
    simulator: Simulator, config: LinkConfig, over: str = "memory", **settings: Any
) -> AsyncIterator[tuple[ProviderLink, Sink]]:
    """A link of our provider to the simulator, in memory or over a socket, and where it delivers."""
    async with AsyncExitStack() as undo:
        if over == "memory":
            provider = provider_on(simulator, **settings)
        else:
            provider = await undo.enter_async_context(served(simulator, **settings))
        sink = Sink()
        link = await provider.open_link(config, sink)
        undo.push_async_callback(link.close)
        yield link, sink


def speak(link: ProviderLink, pcm: bytes, rate_hz: int) -> None:
    """The caller's audio, in frames of 20 ms."""
    frame_bytes = rate_hz // 50 * 2
    for at in range(0, len(pcm), frame_bytes):
        link.send(SendAudio(pcm[at : at + frame_bytes]))
