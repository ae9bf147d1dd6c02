"""One live connection of a simulated server, whoever's protocol it speaks: messages in and out, and the one timer.

The only place with an event loop in it besides a vendor's `serve`; `Socket` alone knows a real socket. What is said is
the vendor's director's: a pure object told messages and times.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from roomkit.clock import Clock
from roomkit.testing.simulators.record import Record
from roomkit.voice.wires.memory import memory_pair
from roomkit.voice.wires.port import WireClosed, WirePort

MAX_REASON_BYTES: Final = 123
"""Of a closing frame (RFC 6455 §5.5, less the code)."""


@dataclass(frozen=True, slots=True)
class Close:
    """The connection ends: with a closing frame, or without one if the code is 1006. The reason is cut to fit."""

    code: int
    reason: str = ""

    def __post_init__(self) -> None:
        cut = self.reason.encode("utf-8", "replace")[:MAX_REASON_BYTES].decode("utf-8", "ignore")
        object.__setattr__(self, "reason", cut)


Output = Mapping[str, Any] | str | bytes | Close
"""What leaves the server: an event still to be written, a message as it is, or the end."""

Send = Callable[[str | bytes], None]
HangUp = Callable[[Close], None]


class Director(Protocol):
    """What a connection talks to. Times are the loop's, in ms."""

    @property
    def id(self) -> str:
        """The session's name in the log."""

    @property
    def due_ms(self) -> float | None:
        """When `wake` has something to do."""

    def receive(self, message: str | bytes, now_ms: float) -> Mapping[str, Any]:
        """Handle a message; returns it as an event for the record, empty for rubbish."""

    def wake(self, now_ms: float) -> None:
        """Do what has become due."""

    def attach(self, flush: Callable[[], None]) -> None:
        """Learn how to have sent what is ready when no message and no timer is the cause."""

    def take(self) -> Sequence[Output]:
        """What is to be sent; empties it."""

    def gone(self) -> None:
        """The connection is over, whoever ended it."""


class Connection:
    """Moves messages between one wire and its director, and keeps the one timer.

    Args:
        write: An event as a message of the vendor's.
        as_logged: An event as the record keeps it, with its ``type``.
    """

    def __init__(
        self,
        director: Director,
        record: Record,
        clock: Clock,
        send: Send,
        hang_up: HangUp,
        *,
        write: Callable[[Mapping[str, Any]], str | bytes],
        as_logged: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    ) -> None:
        self._director = director
        self._record = record
        self._clock = clock
        self._send = send
        self._hang_up = hang_up
        self._write = write
        self._as_logged = as_logged
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ms: float | None = None
        self._is_over = False
        director.attach(self.flush)

    def receive(self, message: str | bytes) -> None:
        """The client sent this."""
        now_ms = self._clock.now_ms()
        event = self._director.receive(message, now_ms)
        if event:
            self._record.client_sent(self._director.id, event, now_ms)
        else:
            self._record.remark(self._director.id, f"<- rubbish, {len(message)} long", now_ms)
        self.flush()

    def gone(self, closed: WireClosed) -> None:
        """The connection is over, whoever ended it."""
        if not self._is_over:
            self._record.remark(self._director.id, f"<- closed {closed.code}", self._clock.now_ms())
        self._end()

    def flush(self) -> None:
        """Send what is ready and set the timer for what comes next."""
        now_ms = self._clock.now_ms()
        for out in self._director.take():
            if isinstance(out, Close):
                self._record.remark(self._director.id, f"-> closed {out.code}", now_ms)
                self._end()
                self._hang_up(out)
                return
            if isinstance(out, Mapping):
                self._record.server_sent(self._director.id, self._as_logged(out), now_ms)
            self._send(self._write(out) if isinstance(out, Mapping) else out)
        self._set_timer()

    def _set_timer(self) -> None:
        due_ms = None if self._is_over else self._director.due_ms
        if due_ms == self._timer_ms:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_ms = due_ms
        if due_ms is not None:
            self._timer = asyncio.get_running_loop().call_at(due_ms / 1000, self._wake, due_ms)

    def _wake(self, due_ms: float) -> None:
        self._timer = self._timer_ms = None
        # the loop may fire a hair early (its resolution); the director is told the time it had asked for
        self._director.wake(max(due_ms, self._clock.now_ms()))
        self.flush()

    def _end(self) -> None:
        self._is_over = True
        self._director.gone()
        self._set_timer()


class Talking(Protocol):
    """A conversation on a socket."""

    def receive(self, message: str | bytes) -> None:
        """The client sent this."""

    def gone(self, closed: WireClosed) -> None:
        """The connection is over."""


MOST_UNSENT_BYTES: Final = 256 * 1024 * 1024
"""For a client that does not read: an answer of an hour fits. Beyond, the line is dead."""


def in_memory(open_: Callable[[Send, HangUp], Talking], max_message_bytes: int) -> WirePort:
    """A client's end of a connection without a socket; ``open_`` begins the conversation."""
    ours, theirs = memory_pair(max_message_bytes=max_message_bytes)

    def hang_up(close: Close) -> None:
        if close.code == 1006:
            ours.drop()
        else:
            ours.close(close.code, close.reason)

    talking = open_(ours.send, hang_up)
    ours.start(talking.receive, talking.gone)
    return theirs


class Socket:
    """One connection of the `websockets` server."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection
        self._outbox: asyncio.Queue[str | bytes | Close] = asyncio.Queue()
        self._unsent_bytes = 0

    async def talk(self, open_: Callable[[Send, HangUp], Talking]) -> None:
        """Serve the client until one side ends it; ``open_`` begins the conversation."""
        talking = open_(self._put, self._outbox.put_nowait)
        async with asyncio.TaskGroup() as tasks:
            writer = tasks.create_task(self._write(), name="simulator-writer")
            try:
                async for message in self._connection:
                    talking.receive(message)
            except ConnectionClosed:
                pass
            finally:
                frame = self._connection.close_code
                talking.gone(WireClosed(frame if frame is not None else 1006))
                writer.cancel()

    def _put(self, message: str | bytes) -> None:
        self._unsent_bytes += len(message)
        if self._unsent_bytes > MOST_UNSENT_BYTES:
            self._connection.transport.abort()
        else:
            self._outbox.put_nowait(message)

    async def _write(self) -> None:
        try:
            while not isinstance(out := await self._outbox.get(), Close):
                await self._connection.send(out)
                self._unsent_bytes -= len(out)
            if out.code == 1006:
                self._connection.transport.abort()
            else:
                await self._connection.close(out.code, out.reason)
        except ConnectionClosed:
            return
