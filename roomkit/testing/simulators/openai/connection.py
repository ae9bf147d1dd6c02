"""One live connection of the simulator: messages to its director and back, and the one timer that wakes it.

Only this file and the `live` it draws on have an event loop in them. Who may connect is `door`; what is said is the
director's.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import parse_qs, urlsplit

from roomkit.clock import Clock
from roomkit.testing.simulators.live import Close, HangUp, Send
from roomkit.testing.simulators.openai.reading import Reading, read
from roomkit.testing.simulators.openai.rules import Record as Rules
from roomkit.testing.simulators.openai.session import Output
from roomkit.testing.simulators.record import Record
from roomkit.voice.wires.port import WireClosed

AUDIO_KEYS: Final = {"input_audio_buffer.append": "audio", "response.output_audio.delta": "delta"}


@dataclass(frozen=True, slots=True)
class Dialled:
    """What a client asked for when it connected."""

    path: str
    model: str
    key: str
    is_beta: bool
    conversation_id: str = ""

    @classmethod
    def read(cls, url: str, headers: Mapping[str, str], subprotocols: Sequence[str], key_subprotocol: str) -> Dialled:
        """Read a URL (or its path and query) and the headers of the upgrade, whose names may be in any case."""
        parts = urlsplit(url)
        lower = {name.lower(): value for name, value in headers.items()}
        offered = [*subprotocols, *(one.strip() for one in lower.get("sec-websocket-protocol", "").split(","))]
        keys = [one.removeprefix(key_subprotocol) for one in offered if one.startswith(key_subprotocol)]
        if (authorization := lower.get("authorization", "")).startswith("Bearer "):
            keys.insert(0, authorization.removeprefix("Bearer ").strip())
        query = parse_qs(parts.query)
        return cls(
            path=parts.path,
            model=query.get("model", [""])[0],
            key=keys[0] if keys else "",
            is_beta="realtime=v1" in lower.get("openai-beta", ""),
            conversation_id=query.get("conversation_id", [""])[0],
        )


class Named(Protocol):
    """A session, as far as a connection cares."""

    @property
    def id(self) -> str: ...


class Director(Protocol):
    """What a connection talks to; times are the loop's, in ms. See `roomkit.testing.simulators.live.Director`."""

    @property
    def session(self) -> Named: ...
    @property
    def due_ms(self) -> float | None: ...
    def attach(self, flush: Callable[[], None]) -> None: ...
    def receive(self, reading: Reading, now_ms: float) -> None: ...
    def wake(self, now_ms: float) -> None: ...
    def take(self) -> list[Output]: ...
    def gone(self) -> None: ...


class Connection:
    """Moves messages between one wire and its director, and keeps the one timer."""

    def __init__(
        self,
        director: Director,
        record: Record,
        clock: Clock,
        send: Send,
        hang_up: HangUp,
        events: Mapping[str, Rules],
    ) -> None:
        self._events = events
        self._director = director
        self._record = record
        self._clock = clock
        self._send = send
        self._hang_up = hang_up
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ms: float | None = None
        self._is_over = False
        self._id = director.session.id
        director.attach(self.flush)

    def receive(self, message: str | bytes) -> None:
        """The client sent this."""
        now_ms = self._clock.now_ms()
        reading = read(message, self._events)
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
        self._director.gone()
        self._set_timer()


def audio_bytes(event: Mapping[str, Any]) -> int | None:
    """How much audio an event carries; `None` if it is not about audio, or unreadable."""
    coded = event.get(AUDIO_KEYS.get(str(event.get("type")), ""))
    return len(coded) * 3 // 4 - coded[-2:].count("=") if isinstance(coded, str) else None
