"""For tests of our Gemini provider: a link to the simulator, with a model, and a caller to speak into it."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from roomkit.testing import GeminiSimulator
from roomkit.testing.simulators.sound import tone
from roomkit.voice.realtime.commands import LinkConfig, ToolSpec
from roomkit.voice.realtime.provider import ProviderLink
from tests.testing import vendors
from tests.testing.sinks import Sink

NATIVE = "gemini-2.5-flash-native-audio-preview-12-2025"
EARLY = "gemini-3.1-flash-live-preview"
NEWEST = "gemini-3.8-live"
SLOT = ToolSpec("get_slot", "Find a slot", {"type": "object", "properties": {"day": {"type": "string"}}})
CONFIG = LinkConfig("session", instructions="Be brief.", voice="Puck", tools=(SLOT,))
RATE_HZ = 16_000
BYTES_PER_MS = 32


def linked(
    simulator: GeminiSimulator, over: str = "memory", config: LinkConfig = CONFIG, model: str = NATIVE
) -> AbstractAsyncContextManager[tuple[ProviderLink, Sink]]:
    """Our provider, connected to the simulator in memory or over a socket."""
    return vendors.linked(simulator, config, over, model=model)


def speak(link: ProviderLink, pcm: bytes) -> None:
    vendors.speak(link, pcm, RATE_HZ)


def voice(duration_ms: int) -> bytes:
    """A loud sound at 16 kHz; which one does not matter to a level meter."""
    return tone(duration_ms)[: duration_ms * BYTES_PER_MS]


def silence(duration_ms: int) -> bytes:
    return bytes(duration_ms * BYTES_PER_MS)
