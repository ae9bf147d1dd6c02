"""The provider slot: one live link at a time, replaceable; what a replaced link still says is dropped.

Reconnect, rollover, failover, hand-over and the first dial are one mechanism: a link is opened (`dialling`; it may talk
already, its events wait) and adopted (it is the session's from then on). Not in here: what is replayed and when to
switch (`provider_side`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from roomkit.voice.realtime.commands import LinkConfig
from roomkit.voice.realtime.provider import ProviderLink, RealtimeVoiceProvider, SpeechGate
from roomkit.voice.realtime.provider_events import LinkReady, ProviderEvent
from roomkit.voice.session.links.candidates import Candidate


class SlotSink:
    """Where one link delivers: held until the link is adopted, dropped once it is replaced.

    Attributes:
        on_event: See `ProviderSink.on_event`; an attribute, so that an event goes straight to the session.
    """

    __slots__ = ("_gate", "_held", "_on_event", "_settled", "on_event", "ready")

    def __init__(
        self,
        on_event: Callable[[ProviderEvent], None],
        settled: Callable[[], Awaitable[None]],
        gate: SpeechGate | None = None,
    ) -> None:
        self._gate = gate
        self._on_event: Callable[[ProviderEvent], None] | None = on_event
        self._settled: Callable[[], Awaitable[None]] | None = settled
        self._held: list[ProviderEvent] = []
        self.on_event: Callable[[ProviderEvent], None] = self._hold
        self.ready: LinkReady | None = None

    def _hold(self, event: ProviderEvent) -> None:
        if isinstance(event, LinkReady):
            self.ready = event
        else:
            self._held.append(event)

    async def settled(self) -> None:
        """See `ProviderSink.settled`."""
        if self._settled is not None:
            await self._settled()

    def before_speech(self, text: str, voice: str | None) -> Awaitable[str | None] | None:
        """See `SpeechGate.before_speech`."""
        return None if self._gate is None else self._gate.before_speech(text, voice)

    def speech_begins(self, text: str, voice: str | None, response_id: str, item_id: str, start_ms: float) -> None:
        """See `SpeechGate.speech_begins`."""
        if self._gate is not None:
            self._gate.speech_begins(text, voice, response_id, item_id, start_ms)

    def go_live(self) -> None:
        """Deliver what was held, and everything from now on."""
        if self._on_event is not None:
            self.on_event = self._on_event
        held, self._held = self._held, []
        for event in held:
            self.on_event(event)

    def silence(self) -> None:
        """The link was replaced: nothing of it is heard any more, and it holds nothing of ours."""
        self._on_event = self._settled = self._gate = None
        self.on_event = _drop


def _drop(event: ProviderEvent) -> None:
    """Where what a replaced link still says goes."""


@dataclass(frozen=True, slots=True)
class OpenLink:
    """A link that is ready, and what it said of itself.

    Attributes:
        opened_ms: Loop time at which it was ready; a vendor's limit counts from here.
    """

    candidate: Candidate
    config: LinkConfig
    link: ProviderLink
    sink: SlotSink
    ready: LinkReady
    opened_ms: float

    @property
    def provider(self) -> RealtimeVoiceProvider:
        """Who opened it."""
        return self.candidate.provider


class ProviderSlot:
    """Holds the session's provider link.

    Attributes:
        current: The link that is the session's.
        up_since_ms: Loop time at which it became so.
        epoch: How many there have been.
    """

    def __init__(self) -> None:
        self.current: OpenLink | None = None
        self.up_since_ms = 0.0
        self.epoch = 0

    def adopt(self, opened: OpenLink, now_ms: float) -> OpenLink | None:
        """Make a link the session's; returns the one it replaces, silenced, for the caller to close."""
        replaced = self.drop()
        self.epoch += 1
        self.current = opened
        self.up_since_ms = now_ms
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
