"""What one client may cost: rates, strikes, what may wait before its session exists. Pure; time is an argument."""

from __future__ import annotations

from dataclasses import dataclass

from roomkit.voice.backends.base import ClientEvent, ClientSink

BURST_S = 10.0
"""What a client may send at once on top of its rate: after a network stall, everything it captured meanwhile comes."""

EARLY_AUDIO_MS = 10_000
"""Caller audio kept before a session is bound; older audio is dropped, since late speech is worse than lost speech."""

EARLY_EVENTS = 64
"""Events kept before a session is bound."""

MAX_STRIKES_IN_A_ROW = 10
MAX_STRIKES = 50


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """Bounds of one connection.

    Attributes:
        max_message_bytes: Longer messages close the connection with 1009.
        max_messages_per_s: On average; ten seconds' worth at once.
        max_audio_realtime_factor: How many seconds of audio per second, on average; ten seconds' worth at once.
    """

    max_message_bytes: int = 1024 * 1024
    max_messages_per_s: float = 200.0
    max_audio_realtime_factor: float = 4.0


class Allowance:
    """A token bucket whose owner counts ``left`` down itself and asks for more only when it is used up.

    So the hot path is one subtraction and one comparison, and the clock is read once a burst.
    """

    __slots__ = ("_burst", "_per_s", "_refilled_at_s", "left")

    def __init__(self, per_s: float, now_s: float) -> None:
        self._per_s = per_s
        self._burst = per_s * BURST_S
        self._refilled_at_s = now_s
        self.left = self._burst

    def refill(self, now_s: float) -> bool:
        """Grant what time has earned; whether anything is left after that."""
        earned = (now_s - self._refilled_at_s) * self._per_s
        self._refilled_at_s = now_s
        self.left = min(self._burst, self.left + earned)
        return self.left >= 0


class Strikes:
    """Counts bad messages: ten in a row, or fifty in all, and the client is out."""

    __slots__ = ("_in_all", "in_a_row")

    def __init__(self) -> None:
        self.in_a_row = 0
        self._in_all = 0

    def strike(self) -> bool:
        """Count one; whether that was one too many."""
        self.in_a_row += 1
        self._in_all += 1
        return self.in_a_row >= MAX_STRIKES_IN_A_ROW or self._in_all >= MAX_STRIKES


class EarlySink:
    """Keeps, in order, what a client sends before its session is there; a `ClientSink` that is emptied into the next.

    Args:
        max_audio_bytes: Bound of the audio; the oldest is dropped beyond.
    """

    def __init__(self, max_audio_bytes: int) -> None:
        self._max_audio_bytes = max_audio_bytes
        self._items: list[bytes | ClientEvent] = []  # an empty deque would take 760 bytes of every connection
        self._audio_bytes = 0
        self._event_count = 0
        self.dropped_bytes = 0

    def on_audio(self, pcm: bytes) -> None:
        """See `ClientSink.on_audio`."""
        self._items.append(pcm)
        self._audio_bytes += len(pcm)
        while self._audio_bytes > self._max_audio_bytes:
            self._drop_oldest_audio()

    def on_event(self, event: ClientEvent) -> None:
        """See `ClientSink.on_event`. Beyond `EARLY_EVENTS` the newest is dropped: a goodbye sent first must stand."""
        if self._event_count < EARLY_EVENTS:
            self._event_count += 1
            self._items.append(event)

    async def settled(self) -> None:
        """Nothing here takes time."""

    def empty_into(self, sink: ClientSink) -> None:
        """Deliver everything in order and keep nothing."""
        while self._items:
            item = self._items.pop(0)
            if isinstance(item, bytes):
                sink.on_audio(item)
            else:
                sink.on_event(item)
        self._audio_bytes = self._event_count = 0

    def _drop_oldest_audio(self) -> None:
        for index, item in enumerate(self._items):
            if isinstance(item, bytes):
                self._audio_bytes -= len(item)
                self.dropped_bytes += len(item)
                del self._items[index]
                return
