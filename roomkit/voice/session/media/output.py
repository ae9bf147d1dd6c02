"""The agent's audio on its way to the caller: resampling, pacing, gate, hand-over.

The gate is read as a frame *leaves*: closing it throws away what still waits. The pacer holds what the provider made
faster than it is spoken, so that an interruption has little to call back. Not in here: what of it was heard
(`heard_ledger`), whether to interrupt (`turns`).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from roomkit.voice.audio.pacer import Lead
from roomkit.voice.audio.pcm import Alignment
from roomkit.voice.audio.playback import HeardItem, Playback, PlayedItem
from roomkit.voice.audio.rates import resampler
from roomkit.voice.backends.base import TransportLink
from roomkit.voice.realtime.provider_events import Audio
from roomkit.voice.session.media.heard_ledger import HeardLedger
from roomkit.voice.session.media.input import LEVEL_INTERVAL_MS
from roomkit.voice.session.recent import Recent

if TYPE_CHECKING:
    from roomkit.voice.audio.resample import Resampler
    from roomkit.voice.session.recording.recorder import Recorder
    from roomkit.voice.session.words.output_guard import OutputGuard

PIECE_MS = 40.0
"""Longest piece handed over at once while pacing; a provider's chunk may hold seconds."""

BURST_MS = 60.0
"""The pacer wakes when this much may leave: fewer timers, and the client still holds over two thirds of its lead."""

MAX_QUEUED_MS = 600_000.0
"""Agent audio waiting beyond this (ten minutes) is cut and reported: no answer is that long."""

Piece = tuple[bytes, float, PlayedItem]


class OutputPath:
    """One session's audio from the provider to the client.

    Args:
        lead_ms: Most audio the client may hold beyond its playback.
        on_new_item: The first audio of an item came from the provider.
        on_first: The first piece of an item left for the client.
        on_overflow: Audio beyond `MAX_QUEUED_MS` was dropped (called once an epoch).
        on_level: Offered a piece of audio about every 100 ms of it.

    Attributes:
        ledger: What was heard of it.
        received_bytes: Audio that came from provider links so far, at their rates, heard or not.
        guard: Keeps audio back until its words were judged, while there is one.
        tap: Gets what leaves for the client, and is told what of it was never heard, while the session is recorded.
    """

    def __init__(
        self,
        link: TransportLink,
        lead_ms: float,
        *,
        on_new_item: Callable[[], None],
        on_first: Callable[[PlayedItem], None],
        on_overflow: Callable[[], None],
        on_level: Callable[[bytes], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._link = link
        self._lead_ms = lead_ms
        self._lead = Lead(lead_ms)
        self._playback = Playback()
        self.ledger = HeardLedger(self._playback, position_ms=self._position_ms, left_ms=self._left_ms)
        self._on_new_item = on_new_item
        self._on_first = on_first
        self._on_overflow = on_overflow
        self._on_level = on_level
        self._queue: list[Piece] = []  # an empty deque would take 760 bytes of every session
        self._queued_ms = 0.0
        self._alignment = Alignment()
        self._resampler: Resampler | None = None
        self._dropped_responses = Recent()
        self._pump_timer: asyncio.TimerHandle | None = None
        self._is_open = self._is_attached = True
        self._client_reads = False
        self._overflowed = False
        self.received_bytes = 0
        self.guard: OutputGuard | None = None
        self.tap: Recorder | None = None
        self._until_level = 0.0
        self._provider_rate_hz = link.output_rate_hz
        self._set_rate(link.output_rate_hz)

    # --- set up -------------------------------------------------------------------------------------------------

    def attach_provider(self, rate_hz: int) -> None:
        """A provider link is up; its audio is sampled at ``rate_hz``."""
        self._provider_rate_hz = rate_hz
        self._resampler = resampler(rate_hz, self._link.output_rate_hz)
        self._alignment = Alignment()

    def detach_provider(self) -> None:
        """The provider link is gone: nothing more comes of its answers, and another may count them anew."""
        self._dropped_responses.clear()

    def detach_client(self) -> None:
        """The client is away: what was sent counts as heard, the rest waits for it."""
        self._is_attached = False

    def attach_client(self, link: TransportLink) -> None:
        """The client came back on another link: it holds nothing, and counts its playback from zero."""
        self._link = link
        self._is_attached = True
        self._lead.cleared()
        self._playback.client_is_new()
        self._set_rate(link.output_rate_hz)
        self.attach_provider(self._provider_rate_hz)
        link.clear_audio(self._playback.epoch)
        self._pump()

    def client_reads(self, reads: bool) -> None:
        """The client cannot play: what waits, and what comes, counts as heard and stays here. Or it can play again."""
        if reads and self.tap is not None:
            self.tap.agent_cut(self.ledger.unplayed_ms())
        self._client_reads = reads
        self._lead = Lead(math.inf if reads else self._lead_ms)
        if not self._playback.is_at_start:  # else both count from zero
            self._playback.client_is_new()
            self._link.clear_audio(self._playback.epoch)
        self._cancel_timers()
        self._pump()
        self.ledger.look()

    def close(self) -> None:
        """Stop the timers and let go of the audio."""
        self._cancel_timers()
        if self.guard is not None:
            self.guard.clear()
        self._queue.clear()
        self.ledger.forget_waiters()
        self._is_open = False

    # --- the path -----------------------------------------------------------------------------------------------

    def feed(self, audio: Audio) -> None:
        """One piece from the provider's socket."""
        pcm, response_id, item_id = audio
        self.received_bytes += len(pcm)
        if response_id in self._dropped_responses or not self._is_open:
            self.ledger.dropped.add(item_id or response_id, len(pcm) * 500.0 / self._provider_rate_hz)
            return
        if len(pcm) & 1 or self._alignment.held:
            pcm = self._alignment.feed(pcm)
        if self._resampler is not None:
            pcm = self._resampler.feed(pcm)
        if not pcm:
            return
        duration_ms = len(pcm) * self._ms_per_byte
        item = self._playback.received(response_id, item_id, duration_ms)
        if item.received_ms == duration_ms:
            self._on_new_item()
        if self.guard is not None and self.guard.keeps(pcm, duration_ms, item):
            return
        now_ms = self._loop.time() * 1000.0
        if (
            not self._queue
            and self._is_attached
            and self._lead.delay_ms(duration_ms, now_ms, self._link.buffered_ms) <= 0.0
        ):
            self._send(pcm, duration_ms, item, now_ms)
            return
        self.release(pcm, duration_ms, item)

    def release(self, pcm: bytes, duration_ms: float, item: PlayedItem) -> None:
        """Let a piece that was received go on, after those before it: at once, or when its time has come."""
        self._enqueue(pcm, duration_ms, item)
        if self._pump_timer is None:
            self._pump()

    def _enqueue(self, pcm: bytes, duration_ms: float, item: PlayedItem) -> None:
        if self._queued_ms + duration_ms > MAX_QUEUED_MS:
            item.received_ms -= duration_ms
            if not self._overflowed:
                self._overflowed = True
                self._on_overflow()
            return
        self._queued_ms += duration_ms
        if duration_ms <= PIECE_MS:
            self._queue.append((pcm, duration_ms, item))
            return
        for at in range(0, len(pcm), self._piece_bytes):
            piece = pcm[at : at + self._piece_bytes]
            self._queue.append((piece, len(piece) * self._ms_per_byte, item))

    def _pump(self) -> None:
        self._pump_timer = None
        while self._queue and self._is_attached:
            pcm, duration_ms, item = self._queue[0]
            now_ms = self._now_ms()
            delay_ms = self._lead.delay_ms(duration_ms, now_ms, self._link.buffered_ms)
            if delay_ms > 0.0:
                wait_ms = max(delay_ms, min(BURST_MS, self._queued_ms))
                self._pump_timer = self._loop.call_later(wait_ms / 1000.0, self._pump)
                return
            self._queue.pop(0)
            self._queued_ms -= duration_ms
            self._send(pcm, duration_ms, item, now_ms)

    def _send(self, pcm: bytes, duration_ms: float, item: PlayedItem, now_ms: float) -> None:
        if self._client_reads:
            self.ledger.read.add(item.response_id)
            if self._playback.sent(item, duration_ms):
                self._on_first(item)
            return
        self._link.send_audio(pcm)
        if self.tap is not None:
            self.tap.agent(pcm, self._rate_hz)
        self._lead.sent(duration_ms, now_ms)
        if self._playback.sent(item, duration_ms):
            self._on_first(item)
        self._until_level -= len(pcm)
        if self._until_level <= 0:
            self._until_level = self._level_bytes
            self._on_level(pcm)

    # --- the client's report -----------------------------------------------------------------------------------------

    @property
    def rate_hz(self) -> int:
        """What the client's link takes."""
        return self._rate_hz

    def reported(self, played_ms: float, epoch: int) -> float | None:
        """The client reports its playback; returns the position in this epoch, or None for an old epoch's report."""
        unplayed_ms = self._playback.reported(played_ms, epoch)
        if unplayed_ms is None:
            return None
        self._lead.reported(unplayed_ms, self._now_ms())
        if unplayed_ms <= 0.0 and self.ledger.is_awaited and not self._queue:
            self.ledger.look()
        return self._position_ms()

    # --- stopping -----------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """The gate: whether agent audio may leave."""
        return self._is_open

    @is_open.setter
    def is_open(self, is_open: bool) -> None:
        self._is_open = is_open

    def cut(self) -> list[HeardItem]:
        """Throw away everything unheard, here and at the client. Returns what was not heard to its end."""
        if self.tap is not None:
            self.tap.agent_cut(self.ledger.unplayed_ms())
        cut = self._playback.cut(self._position_ms())
        for item in cut:
            self._dropped_responses.add(item.response_id)
        self._queue.clear()
        self._queued_ms = 0.0
        if self.guard is not None:
            self.guard.clear()
        self.ledger.forget_waiters()
        self._overflowed = False
        self._lead.cleared()
        self._alignment = Alignment()
        self._cancel_timers()
        self._link.clear_audio(self._playback.epoch)
        return cut

    def drop(self, response_id: str) -> None:
        """Whatever still comes of this answer is not to be heard."""
        self._dropped_responses.add(response_id)

    def is_dropped(self, response_id: str) -> bool:
        """Whether the answer was cut, and more of it may still come."""
        return response_id in self._dropped_responses

    def forget(self, response_id: str) -> None:
        """The provider is done with this answer: no more of it can come."""
        self._dropped_responses.discard(response_id)

    # --- details ------------------------------------------------------------------------------------------------

    def _set_rate(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._ms_per_byte = 500.0 / rate_hz
        self._piece_bytes = 2 * int(rate_hz * PIECE_MS / 1000.0)
        self._level_bytes = LEVEL_INTERVAL_MS / self._ms_per_byte
        self._until_level = self._level_bytes

    def _cancel_timers(self) -> None:
        if self._pump_timer is not None:
            self._pump_timer.cancel()
            self._pump_timer = None
        self.ledger.rest()

    def _now_ms(self) -> float:
        return self._loop.time() * 1000.0

    def _left_ms(self) -> float:
        """Until all of it has been heard, if nothing more comes."""
        return self._queued_ms + self._lead.ahead_ms(self._now_ms())

    def _position_ms(self) -> float:
        now_ms = self._now_ms()
        ahead_ms = self._lead.ahead_ms(now_ms, self._link.buffered_ms)
        return self._playback.position_ms(ahead_ms, self._lead.overdue_ms(now_ms))
