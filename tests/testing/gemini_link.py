"""For tests of our Gemini provider: a link to the simulator, its events, and a caller to speak into it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

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
from roomkit.voice.realtime.provider_events import (
    ProviderEvent,
    Transcript,
)

E = TypeVar("E")

ANSWER_TIMEOUT_S = 10.0
NATIVE = "gemini-2.5-flash-native-audio-preview-12-2025"
EARLY = "gemini-3.1-flash-live-preview"
NEWEST = "gemini-3.8-live"
SLOT = ToolSpec("get_slot", "Find a slot", {"type": "object", "properties": {"day": {"type": "string"}}})
CONFIG = LinkConfig("session", instructions="Be brief.", voice="Puck", tools=(SLOT,))
BYTES_PER_MS = 32


@dataclass
class Sink:
    """Keeps what a link delivers and lets a test wait for it."""

    events: list[ProviderEvent] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _read: int = 0

    def on_event(self, event: ProviderEvent) -> None:
        self.events.append(event)
        self._news.set()

    async def settled(self) -> None:
        return

    async def next(self, kind: type[E]) -> E:
        """The next event of a kind; those before it count as read."""
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            while True:
                while self._read < len(self.events):
                    event = self.events[self._read]
                    self._read += 1
                    if isinstance(event, kind):
                        return event
                self._news.clear()
                await self._news.wait()

    def all(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def finals(self) -> list[tuple[str, str]]:
        return [(said.role, said.text) for said in self.all(Transcript) if said.is_final]


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
