"""The provider slot: one live link at a time, replaceable; what a replaced link still says is dropped.

Reconnect, hand-over and the first dial are one mechanism: `dial` a link (it may talk already, its events wait),
`adopt` it (it is the session's from then on). Not in here: what is replayed and when to switch (`engine`).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from roomkit.clock import Clock
from roomkit.errors import ProviderLostError
from roomkit.voice.realtime.dialect import LinkConfig, LinkReady, ProviderEvent
from roomkit.voice.realtime.provider import ProviderLink, RealtimeVoiceProvider
from roomkit.voice.realtime.reconnect import ReconnectPolicy, is_retryable

LINK_TIMEOUT_S = 15.0
"""One attempt, from dialling to `LinkReady`; vendors answer within two seconds or not at all."""


class SlotSink:
    """Where one link delivers: held until the link is adopted, dropped once it is replaced."""

    __slots__ = ("_held", "_on_event", "_settled", "ready")

    def __init__(self, on_event: Callable[[ProviderEvent], None], settled: Callable[[], Awaitable[None]]) -> None:
        self._on_event: Callable[[ProviderEvent], None] | None = on_event
        self._settled = settled
        self._held: list[ProviderEvent] | None = []
        self.ready: LinkReady | None = None

    def on_event(self, event: ProviderEvent) -> None:
        """From the link, in wire order."""
        if self._held is None:
            if self._on_event is not None:
                self._on_event(event)
        elif isinstance(event, LinkReady):
            self.ready = event
        else:
            self._held.append(event)

    async def settled(self) -> None:
        """See `ProviderSink.settled`."""
        await self._settled()

    def go_live(self) -> None:
        """Deliver what was held, and everything from now on."""
        held, self._held = self._held or [], None
        for event in held:
            self.on_event(event)

    def silence(self) -> None:
        """The link was replaced: nothing of it is heard any more."""
        self._on_event = None


@dataclass(frozen=True, slots=True)
class OpenLink:
    """A link that is ready, and what it said of itself."""

    provider: RealtimeVoiceProvider
    config: LinkConfig
    link: ProviderLink
    sink: SlotSink
    ready: LinkReady


class ProviderSlot:
    """Holds the session's provider link.

    Args:
        on_event: Takes the current link's events.
        settled: See `ProviderSink.settled`.
        seed: Makes the back-off's jitter repeatable; the session's id.
    """

    def __init__(
        self,
        clock: Clock,
        policy: ReconnectPolicy,
        *,
        on_event: Callable[[ProviderEvent], None],
        settled: Callable[[], Awaitable[None]],
        seed: str,
    ) -> None:
        self._clock = clock
        self._policy = policy
        self._on_event = on_event
        self._settled = settled
        self._seed = seed
        self._random: random.Random | None = None
        self.current: OpenLink | None = None
        self.epoch = 0

    async def dial(self, provider: RealtimeVoiceProvider, config: LinkConfig) -> OpenLink:
        """Open a link, again and again as the policy allows. The current one is not touched.

        Raises:
            ConfigError: The configuration cannot work.
            ProviderError: It was refused, or the last attempt allowed failed.
        """
        began_ms = self._clock.now_ms()
        failed_attempts = 0
        while True:
            try:
                return await self._attempt(provider, config)
            except Exception as error:
                failed_attempts += 1
                if self._random is None:
                    self._random = random.Random(self._seed)  # 2.5 KB that most sessions never need
                delay_ms = self._policy.delay_ms(
                    failed_attempts, self._clock.now_ms() - began_ms, self._random.random()
                )
                if delay_ms is None or not is_retryable(error):
                    raise
                await asyncio.sleep(delay_ms / 1000.0)

    async def _attempt(self, provider: RealtimeVoiceProvider, config: LinkConfig) -> OpenLink:
        sink = SlotSink(self._on_event, self._settled)
        try:
            async with asyncio.timeout(LINK_TIMEOUT_S):
                link = await provider.open_link(config, sink)
        except TimeoutError as error:
            raise ProviderLostError(f"{provider.name} was not ready within {LINK_TIMEOUT_S:g} s") from error
        if sink.ready is None:
            await link.close()
            raise ProviderLostError(f"{provider.name} opened a link without saying that it is ready")
        return OpenLink(provider, config, link, sink, sink.ready)

    def adopt(self, opened: OpenLink) -> OpenLink | None:
        """Make a dialled link the session's; returns the one it replaces, silenced, for the caller to close."""
        replaced = self.drop()
        self.epoch += 1
        self.current = opened
        return replaced

    def drop(self) -> OpenLink | None:
        """Take the current link out, silenced."""
        dropped, self.current = self.current, None
        if dropped is not None:
            dropped.sink.silence()
        return dropped

    async def close(self) -> None:
        """Hang up."""
        if (dropped := self.drop()) is not None:
            await dropped.link.close()
