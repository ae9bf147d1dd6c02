"""Where a link delivers, for tests that talk to a provider without a session."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TypeVar

from roomkit.voice.realtime.provider_events import ProviderEvent, Transcript

E = TypeVar("E")

ANSWER_TIMEOUT_S = 10.0


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

    async def until(self, kind: type[E], count: int = 1) -> E:
        """The ``count``-th event of a kind, counted from the beginning."""
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            while len(found := self.all(kind)) < count:
                self._news.clear()
                await self._news.wait()
        return found[count - 1]

    def all(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def finals(self) -> list[tuple[str, str]]:
        return [(said.role, said.text) for said in self.all(Transcript) if said.is_final]
