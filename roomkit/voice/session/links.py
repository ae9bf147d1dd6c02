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
from roomkit.voice.realtime.commands import LinkConfig
from roomkit.voice.realtime.provider import ProviderLink, RealtimeVoiceProvider
from roomkit.voice.realtime.provider_events import LinkReady, ProviderEvent
from roomkit.voice.realtime.reconnect import ReconnectPolicy, is_retryable

LINK_TIMEOUT_S = 15.0
"""One attempt, from dialling to `LinkReady`; vendors answer within two seconds or not at all."""

STABLE_MS = 5_000.0
"""A link lost sooner than this after a redial has not ended the trouble: a vendor that accepts and drops is not met
with an endless run of dials."""


class SlotSink:
    """Where one link delivers: held until the link is adopted, dropped once it is replaced."""

    __slots__ = ("_held", "_on_event", "_settled", "ready")

    def __init__(self, on_event: Callable[[ProviderEvent], None], settled: Callable[[], Awaitable[None]]) -> None:
        self._on_event: Callable[[ProviderEvent], None] | None = on_event
        self._settled: Callable[[], Awaitable[None]] | None = settled
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
        if self._settled is not None:
            await self._settled()

    def go_live(self) -> None:
        """Deliver what was held, and everything from now on."""
        held, self._held = self._held or [], None
        for event in held:
            self.on_event(event)

    def silence(self) -> None:
        """The link was replaced: nothing of it is heard any more, and it holds nothing of ours."""
        self._on_event = self._settled = None


@dataclass(frozen=True, slots=True)
class OpenLink:
    """A link that is ready, and what it said of itself."""

    provider: RealtimeVoiceProvider
    config: LinkConfig
    link: ProviderLink
    sink: SlotSink
    ready: LinkReady


@dataclass(slots=True)
class _Trouble:
    """A time without a link that stays up."""

    began_ms: float
    failed_attempts: int = 0


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
        self._trouble: _Trouble | None = None
        self._up_since_ms = 0.0
        self.current: OpenLink | None = None
        self.epoch = 0

    async def dial(self, provider: RealtimeVoiceProvider, config: LinkConfig) -> OpenLink:
        """Open a link, again and again as the policy allows. The current one is not touched.

        Raises:
            ConfigError: The configuration cannot work.
            ProviderError: It was refused, or the last attempt allowed failed.
        """
        return await self._dial(provider, config, _Trouble(self._clock.now_ms()))

    async def redial(self, provider: RealtimeVoiceProvider, config: LinkConfig) -> OpenLink:
        """Open a link in place of one that was lost; one that was lost as soon as it came up is a failed attempt.

        Raises:
            ConfigError: The configuration cannot work.
            ProviderError: It was refused, or the last attempt allowed failed.
        """
        now_ms = self._clock.now_ms()
        if self._trouble is None or now_ms - self._up_since_ms >= STABLE_MS:
            self._trouble = _Trouble(now_ms)
        else:
            self._trouble.failed_attempts += 1
        return await self._dial(provider, config, self._trouble)

    async def _dial(self, provider: RealtimeVoiceProvider, config: LinkConfig, trouble: _Trouble) -> OpenLink:
        error: Exception = ProviderLostError(f"{provider.name} drops every link as soon as it is up")
        while True:
            if self._random is None and trouble.failed_attempts:
                self._random = random.Random(self._seed)  # 2.5 KB that most sessions never need
            delay_ms = self._policy.delay_ms(
                trouble.failed_attempts,
                self._clock.now_ms() - trouble.began_ms,
                0.0 if self._random is None else self._random.random(),
            )
            if delay_ms is None:
                raise error
            if delay_ms > 0.0:
                await asyncio.sleep(delay_ms / 1000.0)
            try:
                return await self._attempt(provider, config)
            except Exception as failure:
                trouble.failed_attempts += 1
                if not is_retryable(failure):
                    raise
                error = failure

    async def _attempt(self, provider: RealtimeVoiceProvider, config: LinkConfig) -> OpenLink:
        sink = SlotSink(self._on_event, self._settled)
        try:
            async with asyncio.timeout(LINK_TIMEOUT_S):
                link = await provider.open_link(config, sink)
            if sink.ready is None:
                await link.close()
                raise ProviderLostError(f"{provider.name} opened a link without saying that it is ready")
        except TimeoutError as error:
            sink.silence()
            raise ProviderLostError(f"{provider.name} was not ready within {LINK_TIMEOUT_S:g} s") from error
        except BaseException:
            sink.silence()  # a socket that takes its time to close must not hold the session
            raise
        return OpenLink(provider, config, link, sink, sink.ready)

    def adopt(self, opened: OpenLink) -> OpenLink | None:
        """Make a dialled link the session's; returns the one it replaces, silenced, for the caller to close."""
        replaced = self.drop()
        self.epoch += 1
        self.current = opened
        self._up_since_ms = self._clock.now_ms()
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
