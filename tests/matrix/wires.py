"""Faults made at the wire: a vendor's line that is cut, goes dead, talks rubbish or says no at a stated moment.

A `Line` dials a simulator in memory and keeps each wire it opened; `FaultyWire.strike` makes the fault between the two
ends, so that neither our link nor the simulator knows of it before its consequences arrive. Whatever strikes, the
simulated vendor itself is gone from then on: its script goes on with whoever dials next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum

from roomkit.voice.wires.limits import CLOSE_GRACE_S, DIAL_PING_S
from roomkit.voice.wires.memory import MemoryWire
from roomkit.voice.wires.port import Dialler, Endpoint, WireClosed, WireMessage, WirePort, WireRefused
from tests.matrix.speech import AudioOf

KEEP_ALIVE_S = 2 * DIAL_PING_S
"""A socket over which nothing comes any more is given up by its adapter after this long: a ping, and no answer."""

RUBBISH: tuple[WireMessage, ...] = ("{", b"\xff\xfe", "", '{"type": ', b"\x00" * 40, "]") * 4
"""More than twenty messages nobody can read."""


class Fault(StrEnum):
    """What goes wrong."""

    DROP = "drop"  # the cable is pulled: no close frame
    HALF_CLOSE = "half-close"  # the peer's close frame; then it neither reads nor answers, and the socket stays
    STALL = "stall"  # nothing goes either way, and nothing says so
    GARBAGE = "garbage"  # more than twenty messages nobody can read
    AUTH = "auth failure"  # the vendor ends the call over the key, and lets nobody in any more
    LIMIT = "limit reached"  # the vendor ends the call over its age, or does not let it in: too many


class Goodbye:
    """What a vendor says and does when it ends a call itself.

    Args:
        code: Its close code.
        reason: Its close reason.
        messages: What it says before.
    """

    def __init__(self, code: int, reason: str, *messages: str) -> None:
        self.closed = WireClosed(code, reason)
        self.messages = messages


class FaultyWire:
    """A client's end of a wire, with a hand on the cable; a `WirePort`.

    Attributes:
        audio: The caller's audio that our side sent over it, in order.
        is_over: The owner was told of its end.
        struck: What went wrong on it.
    """

    def __init__(self, inner: MemoryWire, line: Line) -> None:
        self._inner = inner
        self._line = line
        self._is_cut = False
        self._timer: asyncio.TimerHandle | None = None
        self._on_message: Callable[[WireMessage], None]
        self._on_close: Callable[[WireClosed], None]
        self.audio = bytearray()
        self.texts: list[WireMessage] = []
        self.is_over = False
        self.struck: Fault | None = None

    # --- as a port ------------------------------------------------------------------------------------------------

    def start(self, on_message: Callable[[WireMessage], None], on_close: Callable[[WireClosed], None]) -> None:
        self._on_message, self._on_close = on_message, on_close
        self._inner.start(self._from_peer, self._peer_ended)

    def send(self, message: WireMessage) -> None:
        if self.is_over:
            return
        pcm = self._line.audio_of(message)
        if pcm is None:
            self.texts.append(message)
        else:
            self.audio += pcm
        if not self._is_cut:
            self._inner.send(message)

    send_audio = send

    def clear_audio(self) -> None:
        """Nothing to take back."""

    @property
    def buffered_bytes(self) -> int:
        return 0

    def close(self, code: int = 1000, reason: str = "") -> None:
        if not self._is_cut:
            self._inner.close(code, reason)
        elif not self.is_over:  # nobody answers our close frame: the adapter waits no longer than it promised
            self._arm(CLOSE_GRACE_S, WireClosed(code, reason, by_us=True))

    # --- the fault ------------------------------------------------------------------------------------------------

    def strike(self, fault: Fault) -> None:
        """It goes wrong now."""
        self.struck = fault
        match fault:
            case Fault.GARBAGE:
                for message in RUBBISH:
                    self._on_message(message)
                return
            case Fault.DROP:
                goodbye = Goodbye(1006, "")
            case Fault.HALF_CLOSE:
                goodbye = Goodbye(1001, "going away")
            case Fault.AUTH:
                goodbye = self._line.auth
            case Fault.LIMIT:
                goodbye = self._line.limit
            case Fault.STALL:
                self._cut()
                self._arm(KEEP_ALIVE_S, WireClosed())
                return
        for said in goodbye.messages:
            self._on_message(said)
        self._cut()
        self._end(goodbye.closed)

    def _cut(self) -> None:
        self._is_cut = True
        self._inner.drop()

    def _arm(self, delay_s: float, closed: WireClosed) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._end, closed)

    def _from_peer(self, message: WireMessage) -> None:
        if not self._is_cut:
            self._on_message(message)

    def _peer_ended(self, closed: WireClosed) -> None:
        if not self._is_cut:
            self._end(closed)

    def _end(self, closed: WireClosed) -> None:
        if self.is_over:
            return
        self.is_over = True
        if self._timer is not None:
            self._timer.cancel()
        on_close, self._on_message, self._on_close = self._on_close, lambda _: None, lambda _: None
        on_close(closed)


class Line:
    """The way to one vendor; a `Dialler`.

    Args:
        dial: Reaches the simulator.
        audio_of: Reads the caller's audio out of a message, ``None`` of any other.
        auth: How the vendor ends a call over its key.
        limit: How it ends a call over its age.

    Attributes:
        wires: Every wire that was opened, oldest first.
        at_connect: Strikes the next dials, the first one first.
        is_dead: Every dial from now on meets this.
    """

    def __init__(self, dial: Dialler, *, audio_of: AudioOf, auth: Goodbye, limit: Goodbye) -> None:
        self._dial = dial
        self.audio_of = audio_of
        self.auth = auth
        self.limit = limit
        self.wires: list[FaultyWire] = []
        self.at_connect: list[Fault] = []
        self.is_dead: Fault | None = None

    async def dial(self, endpoint: Endpoint) -> WirePort:
        fault = self.at_connect.pop(0) if self.at_connect else self.is_dead
        if fault is Fault.AUTH:
            raise WireRefused(401, "the key was revoked")
        if fault is Fault.LIMIT:
            raise WireRefused(429, "too many sessions")
        inner = await self._dial(endpoint)
        assert isinstance(inner, MemoryWire)
        wire = FaultyWire(inner, self)
        self.wires.append(wire)
        if fault is not None:
            asyncio.get_running_loop().call_soon(wire.strike, fault)
        return wire

    @property
    def current(self) -> FaultyWire:
        """The newest wire."""
        return self.wires[-1]
