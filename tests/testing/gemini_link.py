"""For tests of our Gemini provider: a link to the simulator, its events, and a caller to speak into it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from roomkit.providers.gemini.realtime import GeminiLiveProvider
from roomkit.testing import (
    GeminiSimulator,
)
from roomkit.testing.simulators.sound import tone
from roomkit.voice.realtime.commands import (
    LinkConfig,
    SendAudio,
    ToolSpec,
)
from roomkit.voice.realtime.provider import ProviderLink
from tests.testing.sinks import Sink

NATIVE = "gemini-2.5-flash-native-audio-preview-12-2025"
EARLY = "gemini-3.1-flash-live-preview"
NEWEST = "gemini-3.8-live"
SLOT = ToolSpec("get_slot", "Find a slot", {"type": "object", "properties": {"day": {"type": "string"}}})
CONFIG = LinkConfig("session", instructions="Be brief.", voice="Puck", tools=(SLOT,))
BYTES_PER_MS = 32


@asynccontextmanager
async def linked(
    simulator: GeminiSimulator, over: str = "memory", config: LinkConfig = CONFIG, model: str = NATIVE
) -> AsyncIterator[tuple[ProviderLink, Sink]]:
    """Our provider, connected to the simulator in memory or over a socket."""
    async with AsyncExitStack() as undo:
        if over == "memory":
            provider = GeminiLiveProvider("key", model, dial=simulator.dial)
        else:
            server = await undo.enter_async_context(simulator.serve())
            provider = GeminiLiveProvider("key", model, base_url=server.base_url)
        sink = Sink()
        link = await provider.open_link(config, sink)
        undo.push_async_callback(link.close)
        yield link, sink


def speak(link: ProviderLink, pcm: bytes) -> None:
    for at in range(0, len(pcm), 640):
        link.send(SendAudio(pcm[at : at + 640]))


def voice(duration_ms: int) -> bytes:
    """A loud sound at 16 kHz; which one does not matter to a level meter."""
    return tone(duration_ms)[: duration_ms * BYTES_PER_MS]


def silence(duration_ms: int) -> bytes:
    return bytes(duration_ms * BYTES_PER_MS)
