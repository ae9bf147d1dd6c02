"""The wire engine: drives any `Dialect` over any `WirePort` as one `ProviderLink`.

One socket, one dialect, one sink. A message is decoded, its events are delivered and its replies are sent before the
next one is read; there is no task and no queue here. Not in here: what messages mean (the dialects), when to redial
(`reconnect`), keep-alive pings (each adapter's). Invariant: the sink sees `LinkReady` first, `LinkLost` at most
once and last, and nothing after `WireLink.close`.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final, final

from roomkit.errors import WireError
from roomkit.voice.realtime.commands import Command, LinkConfig
from roomkit.voice.realtime.dialect import Dialect
from roomkit.voice.realtime.provider import ProviderSink
from roomkit.voice.realtime.provider_events import Audio, LinkLost, LinkReady, ProviderEvent, ProviderFault
from roomkit.voice.realtime.reconnect import CloseMap, Failure
from roomkit.voice.wires.port import Dialler, Endpoint, WireClosed, WireMessage, WirePort, WireRefused

logger = logging.getLogger(__name__)

HANDSHAKE_TIMEOUT_S: Final = 10.0
"""Dial, upgrade and set-up together: vendors need under one second; a caller hears nothing meanwhile."""

CLOSE_TIMEOUT_S: Final = 2.0
"""How long `WireLink.close` waits for the peer's half, as `ProviderLink.close` promises."""

MAX_BUFFERED_BYTES: Final = 4 * 1024 * 1024
"""Over a minute of 24 kHz speech as base64: a vendor this far behind does not converse any more."""

SENDS_BETWEEN_LOOKS: Final = 25
"""The backlog is looked at twice a second of audio: every frame would cost more than it tells."""

MAX_UNREADABLE_IN_A_ROW: Final = 10
"""One broken message is bad luck; ten in a row are another protocol."""

_NORMAL: Final = 1000
_GOING_AWAY: Final = 1001
_INTERNAL_ERROR: Final = 1011


async def default_dial(endpoint: Endpoint) -> WirePort:
    """Dial with the fastest adapter installed; loaded at the first dial."""
    from roomkit.voice.wires import connect

    return await connect(endpoint)


class _Nobody:
    """Where events go after the end."""

    def on_event(self, event: ProviderEvent) -> None:
        """Nothing more is told."""

    async def settled(self) -> None:
        """Nothing has an effect any more."""


_NOBODY: Final = _Nobody()


@final
class WireLink:
    """One live conversation with a provider over one socket; made by `WireLink.open`."""

    def __init__(self, dialect: Dialect, sink: ProviderSink, vendor: str, closes: CloseMap) -> None:
        loop = asyncio.get_running_loop()
        self._dialect = dialect
        self._vendor = vendor
        self._closes = closes
        self._loop = loop
        self._sink: ProviderSink = sink
        self._wire: WirePort | None = None
        self._is_up = False
        self._is_over = False
        self._ready: asyncio.Future[None] = loop.create_future()
        self._hung_up = asyncio.Event()
        self._unreadable_in_a_row = 0
        self._unreadable_count = 0
        self._sends_until_look = SENDS_BETWEEN_LOOKS

    @classmethod
    async def open(
        cls,
        endpoint: Endpoint,
        dialect: Dialect,
        config: LinkConfig,
        sink: ProviderSink,
        dial: Dialler | None = None,
        *,
        vendor: str,
        closes: CloseMap,
        handshake_timeout_s: float = HANDSHAKE_TIMEOUT_S,
    ) -> WireLink:
        """Dial, send the dialect's opening, return when `LinkReady` was delivered to ``sink``.

        Args:
            endpoint: Where to dial.
            dialect: A fresh one: dialects live for one socket.
            config: What the link should be.
            sink: Where events go.
            dial: Opens the socket; default: the fastest adapter installed.
            vendor: Starts the messages of what is raised.
            closes: What the vendor's close codes and HTTP answers mean.
            handshake_timeout_s: For dialling, upgrade and set-up together.

        Raises:
            ConfigError: The dialect cannot open with ``config``; nothing was dialled.
            ProviderRefusedError: The vendor said no, for good.
            ProviderLostError: It could not be reached, went away or did not answer in time.
        """
        opening = dialect.open(config)
        link = cls(dialect, sink, vendor, closes)
        try:
            async with asyncio.timeout(handshake_timeout_s):
                await link._come_up(dial or default_dial, endpoint, opening)
        except TimeoutError as late:
            failure = Failure("handshake_timeout", f"no session within {handshake_timeout_s:g} s", retryable=True)
            raise failure.as_error(vendor) from late
        return link

    @property
    def buffered_bytes(self) -> int:
        """Bytes the wire has not taken yet."""
        return 0 if self._wire is None else self._wire.buffered_bytes

    @property
    def unreadable_count(self) -> int:
        """Messages of this link that could not be read."""
        return self._unreadable_count

    def send(self, command: Command) -> None:
        """Encode and send; never waits. See `ProviderLink.send`."""
        wire = self._wire
        if self._is_over or wire is None:
            return
        for message in self._dialect.encode(command):
            wire.send(message)
        self._sends_until_look -= 1
        if self._sends_until_look <= 0:
            self._look_at_backlog(wire)

    def _look_at_backlog(self, wire: WirePort) -> None:
        self._sends_until_look = SENDS_BETWEEN_LOOKS
        if wire.buffered_bytes > MAX_BUFFERED_BYTES:
            # told on the next tick: the sender is in the middle of its own work
            failure = Failure("backpressure", "the provider takes our audio too slowly", retryable=True)
            self._end(_GOING_AWAY)
            self._loop.call_soon(self._announce, failure)

    async def close(self) -> None:
        """Hang up; nothing is delivered from here on. Idempotent."""
        self._sink = _NOBODY
        self._end(_NORMAL)
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._hung_up.wait()
        except TimeoutError:
            logger.debug("%s: the peer did not finish the close within %s s", self._vendor, CLOSE_TIMEOUT_S)

    async def _come_up(self, dial: Dialler, endpoint: Endpoint, opening: list[WireMessage]) -> None:
        is_handed_over = False
        try:
            wire = self._wire = await dial(endpoint)
            wire.start(self._on_message, self._on_close)
            for message in opening:
                wire.send(message)
            await self._ready
            is_handed_over = True  # `_is_up` would not do: we may be cancelled in the very tick it comes true
        except WireRefused as refused:
            raise self._closes.of_refusal(refused).as_error(self._vendor) from refused
        finally:
            if not is_handed_over:
                self._end(_GOING_AWAY)

    def _on_message(self, message: WireMessage) -> None:
        if self._is_over or self._wire is None:
            return
        try:
            decoded = self._dialect.decode(message)
        except WireError as error:
            self._unreadable(error)
            return
        self._unreadable_in_a_row = 0
        for event in decoded.events:
            if type(event) is Audio and self._is_up:  # fifty a second, and none of the cases below
                try:
                    self._sink.on_event(event)
                except Exception:  # noqa: BLE001 -- as in `_guarded`
                    self._sink_failed(event)
            else:
                self._deliver(event)
            if self._is_over:
                return
        for reply in decoded.replies:
            self._wire.send(reply)

    def _deliver(self, event: ProviderEvent) -> None:
        if isinstance(event, ProviderFault) and event.is_fatal:
            self._lose(Failure(event.code, event.message, event.retryable))
        elif self._is_up:
            self._guarded(event)
        elif isinstance(event, LinkReady):  # before it nobody could make sense of anything
            self._is_up = True
            self._guarded(event)
            if not self._ready.done():
                self._ready.set_result(None)

    def _guarded(self, event: ProviderEvent) -> None:
        try:
            self._sink.on_event(event)
        except Exception:  # noqa: BLE001 -- logged there: the sink's own bug must not break the loop's reader, nor go unseen
            self._sink_failed(event)

    def _sink_failed(self, event: ProviderEvent) -> None:
        logger.exception("%s: the session failed on %s; hanging up", self._vendor, type(event).__name__)
        if not isinstance(event, LinkLost):
            self._lose(Failure("session_failed", "the session could not take an event", False), _INTERNAL_ERROR)

    def _unreadable(self, error: WireError) -> None:
        self._unreadable_count += 1
        self._unreadable_in_a_row += 1
        if self._unreadable_in_a_row == 1:  # once is enough to say that something is wrong
            self._deliver(ProviderFault("wire_error", str(error)))
        if self._unreadable_in_a_row >= MAX_UNREADABLE_IN_A_ROW:
            self._lose(Failure("wire_error", f"{MAX_UNREADABLE_IN_A_ROW} unreadable messages in a row", retryable=True))

    def _on_close(self, closed: WireClosed) -> None:
        self._hung_up.set()
        self._lose(self._closes.of_close(closed, was_up=self._is_up))
        self._wire = None  # it refers to us too: without this, both wait for the cycle collector

    def _lose(self, failure: Failure, close_code: int = _GOING_AWAY) -> None:
        if not self._is_over:
            self._end(close_code)
            self._announce(failure)

    def _announce(self, failure: Failure) -> None:
        """The last word: to the sink, or while nobody has the link yet, to whoever opens it."""
        if self._is_up:
            self._guarded(LinkLost(failure.code, failure.reason, failure.retryable, failure.is_goodbye))
        elif not self._ready.done():
            self._ready.set_exception(failure.as_error(self._vendor))
        self._sink = _NOBODY

    def _end(self, close_code: int) -> None:
        if self._is_over:
            return
        self._is_over = True
        if self._wire is None:
            self._hung_up.set()
        else:
            self._wire.close(close_code)
