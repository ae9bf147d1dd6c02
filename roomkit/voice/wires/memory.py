"""Two wires tied together inside one loop: for tests, and for whole calls in virtual time.

What one end sends arrives at the other in order, after ``latency_ms``, never within the call that sent it. There is no
operating system between them, so nothing is ever buffered here and nothing can be taken back.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from roomkit.voice.wires._delivery import Delivery
from roomkit.voice.wires.port import MAX_MESSAGE_BYTES, WireClosed, WireMessage


class _Pipe:
    """One direction: what is put in comes out later, in order."""

    def __init__(self, loop: asyncio.AbstractEventLoop, latency_ms: float) -> None:
        self._loop = loop
        self._latency_s = latency_ms / 1000
        # Timers due at the same moment fire in no stated order, so each takes the oldest item, not its own.
        self._in_flight: deque[WireMessage | WireClosed] = deque()
        self.receive: Callable[[WireMessage | WireClosed], None]

    def put(self, item: WireMessage | WireClosed) -> None:
        self._in_flight.append(item)
        if self._latency_s:
            self._loop.call_later(self._latency_s, self._arrive)
        else:
            self._loop.call_soon(self._arrive)

    def _arrive(self) -> None:
        self.receive(self._in_flight.popleft())


class MemoryWire:
    """One end of a `memory_pair`; a `WirePort`."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, outgoing: _Pipe, incoming: _Pipe, max_message_bytes: int
    ) -> None:
        self._loop = loop
        self._outgoing = outgoing
        self._max_message_bytes = max_message_bytes
        self._delivery = Delivery(self.close)
        self._is_closed = False
        incoming.receive = self._receive

    def start(self, on_message: Callable[[WireMessage], None], on_close: Callable[[WireClosed], None]) -> None:
        """See `WirePort.start`."""
        self._delivery.start(on_message, on_close)

    def send(self, message: WireMessage) -> None:
        """See `WirePort.send`."""
        if not self._is_closed:
            self._outgoing.put(message)

    send_audio = send

    def clear_audio(self) -> None:
        """Nothing to take back: what was sent is on its way."""

    @property
    def buffered_bytes(self) -> int:
        """Always 0."""
        return 0

    def close(self, code: int = 1000, reason: str = "") -> None:
        """See `WirePort.close`."""
        self._leave(WireClosed(code, reason))

    def drop(self) -> None:
        """Vanish without a close frame, as a pulled cable does: both ends see 1006."""
        self._leave(WireClosed())

    def _leave(self, closed: WireClosed) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._delivery.stop()
        self._outgoing.put(closed)
        self._loop.call_soon(self._delivery.closed, replace(closed, by_us=True))

    def _receive(self, item: WireMessage | WireClosed) -> None:
        if isinstance(item, WireClosed):
            self._is_closed = True
            self._delivery.closed(item)
        elif len(item) > self._max_message_bytes:
            self.close(1009, "message too big")
        else:
            self._delivery.message(item)


def memory_pair(*, latency_ms: float = 0, max_message_bytes: int = MAX_MESSAGE_BYTES) -> tuple[MemoryWire, MemoryWire]:
    """Two connected wires on the running loop.

    Args:
        latency_ms: How long a message takes, each way.
        max_message_bytes: Longer messages close the wire that reads them with 1009.

    Raises:
        RuntimeError: No event loop is running.
    """
    loop = asyncio.get_running_loop()
    there, back = _Pipe(loop, latency_ms), _Pipe(loop, latency_ms)
    return MemoryWire(loop, there, back, max_message_bytes), MemoryWire(loop, back, there, max_message_bytes)
