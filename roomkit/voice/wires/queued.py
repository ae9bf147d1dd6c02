"""The wire port over a host whose send is a coroutine: one reader task, one writer task, two queues between.

Control goes first, audio can be taken back while it waits here, and the writer hands over one message at a time, so
that "waiting here" is as late as the host allows. Reading never waits for writing. Hosts: `websockets.py`, `asgi.py`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from roomkit._aio import Supervisor
from roomkit.voice.wires._delivery import Delivery
from roomkit.voice.wires.limits import CLOSE_GRACE_S, StallPolicy, StallWatch
from roomkit.voice.wires.port import WireClosed, WireMessage


class WireHost(Protocol):
    """One WebSocket of a host whose methods are coroutines. Errors of a broken link raise `ConnectionError`."""

    async def receive(self) -> WireMessage | WireClosed:
        """The next message, or how it ended (then never called again)."""

    async def send(self, message: WireMessage) -> None:
        """Hand over one message; waits while the peer does not read."""

    async def close(self, code: int, reason: str) -> None:
        """Send a close frame and wait until the connection is gone; cancelled after 2 s."""

    def abort(self) -> None:
        """Drop the socket, if there is a way to."""

    @property
    def buffered_bytes(self) -> int:
        """Bytes it keeps itself; 0 where it does not tell."""


class Outbox:
    """What waits to be written: control in one queue, audio in another."""

    def __init__(self) -> None:
        self._control: deque[WireMessage] = deque()
        self._audio: deque[WireMessage] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self.size_bytes = 0

    def put(self, message: WireMessage, *, is_audio: bool = False) -> None:
        """Queue one message and wake the writer."""
        (self._audio if is_audio else self._control).append(message)
        self.size_bytes += len(message)
        self.wake()

    def clear_audio(self) -> None:
        """Take back the audio that is still here."""
        self.size_bytes -= sum(len(message) for message in self._audio)
        self._audio.clear()

    def take(self) -> WireMessage | None:
        """The message whose turn it is, or ``None``."""
        queue = self._control or self._audio
        if not queue:
            return None
        message = queue.popleft()
        self.size_bytes -= len(message)
        return message

    def wake(self) -> None:
        """Let `filled` return."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def filled(self) -> None:
        """Return when something may have been put. One waiter at a time."""
        if not self._control and not self._audio:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter


class QueuedWire:
    """One connection of a `WireHost`; a `WirePort`. Its two tasks end with the connection.

    Args:
        tasks: Owns the two tasks; shared by the wires of one listener, or the wire's own.
    """

    def __init__(self, host: WireHost, *, tasks: Supervisor, max_message_bytes: int, max_buffered_bytes: int) -> None:
        self._host = host
        self._max_message_bytes = max_message_bytes
        self._delivery = Delivery(self.close)
        self._outbox = Outbox()
        self._sending_bytes = 0
        self._end: WireClosed | None = None
        self._abandon_timer: asyncio.TimerHandle | None = None
        policy = StallPolicy(max_buffered_bytes=max_buffered_bytes)
        self._watch = StallWatch(policy, lambda: self.buffered_bytes, self._give_up)
        self._over = asyncio.get_running_loop().create_future()
        self._writer = tasks.start(self._write(), name="wire-writer")
        self._reader = tasks.start(self._read(), name="wire-reader")
        self._reader.add_done_callback(self._reader_done)

    def start(self, on_message: Callable[[WireMessage], None], on_close: Callable[[WireClosed], None]) -> None:
        """See `WirePort.start`."""
        self._delivery.start(on_message, on_close)

    def send(self, message: WireMessage) -> None:
        """See `WirePort.send`."""
        if self._end is None:
            self._outbox.put(message)
            if self._sending_bytes:
                self._watch.check()

    def send_audio(self, message: WireMessage) -> None:
        """See `WirePort.send_audio`."""
        if self._end is None:
            self._outbox.put(message, is_audio=True)
            if self._sending_bytes:
                self._watch.check()

    def clear_audio(self) -> None:
        """See `WirePort.clear_audio`."""
        self._outbox.clear_audio()

    @property
    def buffered_bytes(self) -> int:
        """See `WirePort.buffered_bytes`."""
        return self._outbox.size_bytes + (self._host.buffered_bytes or self._sending_bytes)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """See `WirePort.close`: control that waits is written first, audio is not."""
        if self._end is None:
            self._finish(WireClosed(code, reason, by_us=True))

    async def wait_closed(self) -> None:
        """Return when the connection is gone and both tasks are about to end."""
        await asyncio.shield(self._over)

    def _finish(self, end: WireClosed) -> None:
        self._end = end
        if end.by_us:
            self._delivery.stop()
        self._watch.cancel()
        self._outbox.clear_audio()
        self._outbox.wake()
        if end.by_us:
            self._abandon_timer = asyncio.get_running_loop().call_later(CLOSE_GRACE_S, self._abandon)

    def _give_up(self, reason: str) -> None:
        self.close(1013, reason)
        # The writer is waiting for a peer that does not read: it would never reach the close frame.
        self._abandon()

    def _abandon(self) -> None:
        self._writer.cancel()
        self._reader.cancel()

    async def _read(self) -> None:
        while True:
            try:
                item = await self._host.receive()
            except ConnectionError:
                item = WireClosed()
            if isinstance(item, WireClosed):
                if self._end is None:
                    self._finish(item)
                return
            if len(item) > self._max_message_bytes:
                self.close(1009, "message too big")
            else:
                self._delivery.message(item)

    async def _write(self) -> None:
        try:
            while self._end is None or self._end.by_us:
                while (message := self._outbox.take()) is not None:
                    self._sending_bytes = len(message)
                    await self._host.send(message)
                    self._sending_bytes = 0
                if self._end is not None:
                    await self._host.close(self._end.code, self._end.reason)
                    self._reader.cancel()
                    return
                await self._outbox.filled()
        except ConnectionError:
            return  # the reader learns it too, with the close code if there is one
        except asyncio.CancelledError:
            self._host.abort()
            raise

    def _reader_done(self, _: asyncio.Task[None]) -> None:
        if self._abandon_timer is not None:
            self._abandon_timer.cancel()
        if self._end is None:
            self._finish(WireClosed())
        self._over.set_result(None)
        self._delivery.closed(self._end or WireClosed())
