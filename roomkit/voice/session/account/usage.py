"""What one session uses: the vendor's counts, our seconds, and what both cost at the price of the link that served.

Told of links and of answers as they come and go; audio is read from the byte counters of the two paths at those
moments, so nothing happens here for a frame. Not in here: limits (`budget`). Invariant: whatever is added to the total
is added once to the turn and once to the record that is next to be stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from roomkit.clock import Clock
from roomkit.models.content import SystemContent
from roomkit.models.enums import ChannelType, EventType
from roomkit.models.event import EventSource, RoomEvent
from roomkit.models.session import VoiceSession
from roomkit.models.usage import Usage, counted
from roomkit.telemetry.prices import Price, PriceTable, cost_of
from roomkit.telemetry.usage import USAGE_KEY
from roomkit.voice.session.links.slot import OpenLink
from roomkit.voice.session.media.lane import Media

WORTH_STORING_S = 1.0
"""Less of a link, or of audio on it, that cost nothing known is not worth an entry in a room's timeline."""


@dataclass(slots=True)
class _Reading:
    """A link that is open, and up to where it has been accounted for."""

    name: str
    price: Price | None
    input_rate_hz: int
    output_rate_hz: int
    at_ms: float
    sent_bytes: int
    received_bytes: int


class Account:
    """The usage of one session.

    Args:
        view: Shows the total as ``usage``, up to the moment it is asked.
        prices: What vendors charge.
        media: Counts the audio that went to and came from the provider.

    Attributes:
        total: Everything up to the last link or answer.
        answer_count: Answers the vendor has finished.
        on_change: Called after anything was added.
    """

    def __init__(self, view: VoiceSession, prices: PriceTable, media: Media, clock: Clock) -> None:
        self._view = view
        self._prices = prices
        self._media = media
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._link: _Reading | None = None
        self._began_ms: float | None = None
        self.total = self._turn = self._unstored = Usage(currency=prices.currency)
        view.meter = lambda: self.until_now
        self.answer_count = 0
        self.on_change: Callable[[], None] = lambda: None

    @property
    def elapsed_s(self) -> float:
        """Seconds since the first link was up."""
        return 0.0 if self._began_ms is None else (self._now_ms() - self._began_ms) / 1000.0

    @property
    def elapsed_per_s(self) -> float:
        """How fast that grows: with the time of day, whether a link is up or not."""
        return 1.0

    @property
    def has_link(self) -> bool:
        """Whether a link is up."""
        return self._link is not None

    @property
    def until_now(self) -> Usage:
        """Everything up to now."""
        return self.total if (link := self._link) is None else self.total + self._used_on(link, {})

    @property
    def cost_per_s(self) -> Decimal:
        """What the open link costs each second, whatever is said."""
        return Decimal(0) if self._link is None or self._link.price is None else self._link.price.per_connected_s

    def link_up(self, opened: OpenLink) -> None:
        """What is used from now on is used on this link. To be told before it is given any audio."""
        self.link_down()
        provider, now_ms = opened.provider, self._now_ms()
        if self._began_ms is None:
            self._began_ms = now_ms
        self._link = _Reading(
            name=f"{provider.name}/{provider.model}" if provider.model else provider.name,
            price=self._prices.price_of(provider.name, provider.model),
            input_rate_hz=opened.ready.input_rate_hz,
            output_rate_hz=opened.ready.output_rate_hz,
            at_ms=now_ms,
            sent_bytes=self._media.input.sent_bytes,
            received_bytes=self._media.output.received_bytes,
        )
        self.on_change()

    def link_down(self) -> None:
        """The link is gone: its time and audio are accounted for."""
        self.settle()
        self._link = None

    def answered(self, usage: Mapping[str, float]) -> None:
        """The vendor finished an answer and counted this; what cannot be a count is left out."""
        self.answer_count += 1
        self._add(counted(usage))
        self.on_change()

    def settle(self) -> None:
        """Account for the link's time and audio up to now."""
        self._add({})

    def take_turn(self) -> Usage:
        """What was used since the last turn was taken."""
        self.settle()
        taken, self._turn = self._turn, Usage(currency=self._prices.currency)
        return taken

    def take_record(self) -> Usage:
        """What was used since the last record was taken, to be stored."""
        self.settle()
        taken, self._unstored = self._unstored, Usage(currency=self._prices.currency)
        return taken

    def recorded(self, event: RoomEvent) -> RoomEvent:
        """An event as it is to be stored: the agent's carry in ``metadata`` what was used since the one before."""
        if event.metadata.get("role") != "assistant":
            return event
        return event.model_copy(update={"metadata": {**event.metadata, USAGE_KEY: self.take_record().as_metadata()}})

    def last_record(self) -> RoomEvent | None:
        """What was used since the agent's last words, as an event that nobody is shown; ``None`` if nothing was."""
        self.link_down()
        rest = self.take_record()
        seconds = max(rest.connection_s, rest.input_audio_s, rest.output_audio_s)
        if not rest.counts and not rest.known_cost and seconds < WORTH_STORING_S:
            return None
        view = self._view
        return RoomEvent(
            id=self._clock.new_id("evt"),
            room_id=view.room_id,
            type=EventType.SESSION_ENDED,
            source=EventSource(channel_id=view.channel_id, channel_type=ChannelType.REALTIME_VOICE),
            content=SystemContent(body="the call ended", code="session_ended"),
            visibility="none",
            created_at=self._clock.wall(),
            metadata={
                "voice_session_id": view.id,
                "source": "realtime_voice",
                "role": "system",
                USAGE_KEY: rest.as_metadata(),
            },
        )

    def close(self) -> None:
        """The session is over: what it used stays to be asked, and nothing else of it is held."""
        self.link_down()
        total = self.total
        self._view.meter = lambda: total

    def _add(self, counts: Mapping[str, float]) -> None:
        if (link := self._link) is None:
            return
        added = self._used_on(link, counts)
        link.at_ms += added.connection_s * 1000.0
        link.sent_bytes, link.received_bytes = self._media.input.sent_bytes, self._media.output.received_bytes
        if not added.is_empty:
            self.total += added
            self._turn += added
            self._unstored += added
            self.on_change()

    def _used_on(self, link: _Reading, counts: Mapping[str, float]) -> Usage:
        """What was used on a link since it was accounted for, and these counts."""
        connection_s = int(self._now_ms() - link.at_ms) / 1000.0  # whole ms: what is cut off is read next time
        cost, unpriced = cost_of(link.price, counts, connection_s, link.name)
        return Usage(
            counts,
            (self._media.input.sent_bytes - link.sent_bytes) / 2 / link.input_rate_hz,
            (self._media.output.received_bytes - link.received_bytes) / 2 / link.output_rate_hz,
            connection_s,
            cost,
            self._prices.currency,
            unpriced,
        )

    def _now_ms(self) -> float:
        return self._loop.time() * 1000.0  # the clock's own time, but for any thread to read
