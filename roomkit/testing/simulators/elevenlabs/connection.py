"""One live connection of the simulated ElevenLabs server: messages to its director and back, and its one timer.

Only this file has an event loop in it, and `Socket` is the only part that knows a real socket.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from roomkit.clock import Clock
from roomkit.testing.simulators.elevenlabs.director import ElevenLabsDirector
from roomkit.testing.simulators.elevenlabs.reading import read
from roomkit.testing.simulators.elevenlabs.tables import AUDIO
from roomkit.testing.simulators.openai.session import Close
from roomkit.testing.simulators.record import Record
from roomkit.voice.wires.port import WireClosed

Send = Callable[[str | bytes], None]
HangUp = Callable[[Close], None]

_NO_FRAME: Final = 1006


class Connection:
    """Moves messages between one wire and its director, and keeps the one timer."""

    def __init__(self, director: ElevenLabsDirector, record: Record, clock: Clock, send: Send, hang_up: HangUp) -> None:
        self._director = director
        self._record = record
        self._clock = clock
        self._send = send
        self._hang_up = hang_up
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ms: float | None = None
        self._is_over = False
        self._id = director.session.id

    def receive(self, message: str | bytes) -> None:
        """The client sent this."""
        now_ms = self._clock.now_ms()
        reading = read(message)
        if reading.event:
            self._record.client_sent(self._id, reading.event, now_ms)
        else:
            self._record.remark(self._id, f"<- rubbish, {len(message)} long", now_ms)
        self._director.receive(reading, now_ms)
        self.flush()

    def gone(self, closed: WireClosed) -> None:
        """The connection is over, whoever ended it."""
        if not self._is_over:
            self._record.remark(self._id, f"<- closed {closed.code}", self._clock.now_ms())
        self._end()

    def flush(self) -> None:
        """Send what is ready and set the timer for what comes next."""
        now_ms = self._clock.now_ms()
        for out in self._director.take():
            if isinstance(out, Close):
                self._record.remark(self._id, f"-> closed {out.code}", now_ms)
                self._end()
                self._hang_up(out)
                return
            if isinstance(out, dict):
                self._record.server_sent(self._id, out, now_ms)
            self._send(json.dumps(out) if isinstance(out, dict) else out)
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
        # The loop may fire a hair early (its resolution); the director is told the time it had asked for.
        self._director.wake(max(due_ms, self._clock.now_ms()))
        self.flush()

    def _end(self) -> None:
        self._is_over = True
        self._director.session.is_over = True
        self._set_timer()


class Socket:
    """One connection of the `websockets` server."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection
        self._outbox: asyncio.Queue[str | bytes | Close] = asyncio.Queue()  # unbounded: it is a test's own answer

    async def talk(self, open_: Callable[[Send, HangUp], Connection]) -> None:
        """Serve the client until one side ends it; ``open_`` begins the conversation."""
        talking = open_(self._outbox.put_nowait, self._outbox.put_nowait)
        async with asyncio.TaskGroup() as tasks:
            writer = tasks.create_task(self._write(), name="simulator-writer")
            try:
                async for message in self._connection:
                    talking.receive(message)
            except ConnectionClosed:
                pass
            finally:
                frame = self._connection.close_code
                talking.gone(WireClosed(_NO_FRAME if frame is None else frame))
                writer.cancel()

    async def _write(self) -> None:
        try:
            while not isinstance(out := await self._outbox.get(), Close):
                await self._connection.send(out)
            if out.code == _NO_FRAME:
                self._connection.transport.abort()
            else:
                await self._connection.close(out.code, out.reason)
        except ConnectionClosed:
            return


def audio_bytes(event: Mapping[str, Any]) -> int | None:
    """How much audio an event carries; `None` if it is not about audio, or unreadable."""
    body = event.get("audio_event")
    coded = event.get(AUDIO) if body is None else body.get("audio_base_64")
    return len(coded) * 3 // 4 - coded[-2:].count("=") if isinstance(coded, str) else None
