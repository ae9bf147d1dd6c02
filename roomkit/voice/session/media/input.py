"""The caller's audio on its way to the provider: gate, alignment, resampling, hand-over. The sacred path.

While no provider link is up the audio waits here, in order, bounded in milliseconds: the oldest is dropped and
counted, for late speech is worse than lost speech. What a lost link may not have heard goes before it; what that is
`unsettled` knows. Nothing here waits, allocates a task, logs or takes a lock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from roomkit.voice.audio.pcm import Alignment
from roomkit.voice.audio.rates import resampler
from roomkit.voice.realtime.commands import InputPaused, SendAudio
from roomkit.voice.realtime.provider import ProviderLink
from roomkit.voice.session.media.unsettled import Unsettled

if TYPE_CHECKING:
    from roomkit.voice.audio.resample import Resampler
    from roomkit.voice.session.recording.recorder import Recorder

MAX_HELD_MS = 10_000.0
"""Caller audio kept while no provider link is up: about one long sentence."""

LEVEL_INTERVAL_MS = 100.0
"""How often a level is offered, in milliseconds of audio (about 10 a second)."""


class InputPath:
    """One session's audio from the client to the provider.

    Args:
        rate_hz: What the client's link delivers.
        on_level: Offered a piece of audio about every 100 ms of it; decides by itself whether anybody listens.

    Attributes:
        unsettled: What the present link may not have heard.
        sent_bytes: Audio handed to provider links so far, at their rates.
        tap: Gets what passes the gate, while the session is recorded.
    """

    def __init__(self, rate_hz: int, on_level: Callable[[bytes], None]) -> None:
        self._on_level = on_level
        self._until_level = 0.0
        self._set_rate(rate_hz)
        self._is_open = True
        self._provider_rate_hz = rate_hz
        self._alignment = Alignment()
        self._resampler: Resampler | None = None
        self._link: ProviderLink | None = None
        self._held: list[bytes] = []  # an empty deque would take 760 bytes of every session
        self._held_bytes = 0
        self.unsettled = Unsettled(rate_hz)
        self._dropped_bytes = 0
        self._gated_bytes = 0
        self.sent_bytes = 0
        self.tap: Recorder | None = None

    @property
    def rate_hz(self) -> int:
        """What the client's link delivers."""
        return self._rate_hz

    @property
    def dropped_ms(self) -> float:
        """Caller audio lost because no provider link was up for too long."""
        return self._dropped_bytes / self._bytes_per_ms

    @property
    def gated_ms(self) -> float:
        """Caller audio kept from the provider by the gate (mute, access, tool running)."""
        return self._gated_bytes / self._bytes_per_ms

    @property
    def held_ms(self) -> float:
        """Caller audio waiting for a provider link."""
        return self._held_bytes / self._bytes_per_ms

    @property
    def is_open(self) -> bool:
        """The gate: whether what the caller says reaches the provider."""
        return self._is_open

    @is_open.setter
    def is_open(self, is_open: bool) -> None:
        self._is_open = is_open
        if not is_open:
            self._alignment = Alignment()

    def feed(self, pcm: bytes) -> None:
        """One piece from the client's socket; PCM16 LE mono of any length, odd bytes carried over."""
        if not self._is_open:
            self._gated_bytes += len(pcm)
            return
        if len(pcm) & 1 or self._alignment.held:
            pcm = self._alignment.feed(pcm)
            if not pcm:
                return
        self._until_level -= len(pcm)
        if self._until_level <= 0:
            self._until_level = self._level_bytes
            self._on_level(pcm)
        if self.tap is not None:
            self.tap.caller(pcm, self._rate_hz)
        link = self._link
        if link is None:
            self._hold(pcm)
            return
        self._pass_on(pcm, link)

    def recall(self) -> bool:
        """Let the next link hear from its beginning what the caller had not finished saying, or was not written down.

        To be called when the link is lost. Returns whether the vendor had taken it for speech, or the caller's hand for
        a turn.
        """
        was_noticed = self.unsettled.is_noticed
        pieces = self.unsettled.take()
        self._held[:0] = pieces
        self._held_bytes += sum(map(len, pieces))
        return was_noticed

    def attach(self, link: ProviderLink, rate_hz: int, signs_of_life: Callable[[], float] | None) -> None:
        """A provider link is up: what waited goes first, in order.

        Args:
            link: Takes the audio from now on.
            rate_hz: What it takes.
            signs_of_life: See `Unsettled.link_up`.
        """
        self._provider_rate_hz = rate_hz
        self._resampler = resampler(self._rate_hz, rate_hz)
        self._link = link
        held, self._held, self._held_bytes = self._held, [], 0
        for pcm in held:
            self._pass_on(pcm, link)
        self.unsettled.link_up(signs_of_life)
        if held and not self._is_open:
            link.send(InputPaused())  # nothing follows by which the vendor could tell that it ended

    def detach(self) -> None:
        """The provider link is gone, or is being replaced: it has the stream to its last sample; hold from now on."""
        if self._link is not None and self._resampler is not None and (tail := self._resampler.flush()):
            self.sent_bytes += len(tail)
            self._link.send(SendAudio(tail))  # dropped by one that is lost
        self._link = None

    def drop_held(self) -> None:
        """What waited for a provider link will not be sent: too much time has passed, or will."""
        self._dropped_bytes += self._held_bytes
        self._held.clear()
        self._held_bytes = 0

    def resample_from(self, rate_hz: int) -> None:
        """The client came back on another link, which may sample at another rate."""
        if (converter := resampler(self._rate_hz, rate_hz)) is not None:
            self.unsettled.resample_from(rate_hz)
            self._held = [*map(converter.feed, self._held), converter.flush()] if self._held else []
            self._held_bytes = sum(map(len, self._held))
        self._set_rate(rate_hz)
        self._alignment = Alignment()
        self._resampler = resampler(rate_hz, self._provider_rate_hz)

    def _set_rate(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._bytes_per_ms = rate_hz * 2 / 1000.0
        self._level_bytes = LEVEL_INTERVAL_MS * self._bytes_per_ms
        self._until_level = self._level_bytes

    def _pass_on(self, pcm: bytes, link: ProviderLink) -> None:
        self.unsettled.feed(pcm)
        if self._resampler is not None:
            pcm = self._resampler.feed(pcm)
        if pcm:
            self.sent_bytes += len(pcm)
            link.send(SendAudio(pcm))

    def _hold(self, pcm: bytes) -> None:
        self._held.append(pcm)
        self._held_bytes += len(pcm)
        while self._held_bytes > MAX_HELD_MS * self._bytes_per_ms and len(self._held) > 1:
            oldest = self._held.pop(0)
            self._held_bytes -= len(oldest)
            self._dropped_bytes += len(oldest)
