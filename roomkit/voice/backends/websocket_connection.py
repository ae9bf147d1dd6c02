"""One client on one wire: reads its messages within its limits, and is what a session's link writes to.

It exists before its session: until `ClientConnection.bind` what the client sends is kept in order. Not in here: who may
come in (`websocket_doors.py`), what the messages look like (`websocket_protocol.py`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from roomkit.errors import ClientGoneError, ConfigError
from roomkit.voice.backends.base import ClientEvent, ClientGone, ClientSetup, ClientSink
from roomkit.voice.backends.websocket_doors import ConnectionRequest
from roomkit.voice.backends.websocket_limits import EARLY_AUDIO_MS, Allowance, ClientLimits, EarlySink, Strikes
from roomkit.voice.backends.websocket_link import LinkOptions, WebSocketLink
from roomkit.voice.backends.websocket_protocol import (
    BadMessageError,
    ClientPing,
    decode_text,
    encode,
    encode_error,
)
from roomkit.voice.wires.port import WireClosed, WireMessage, WirePort

logger = logging.getLogger(__name__)

UNBOUND_TIMEOUT_S = 15.0
"""A client that nobody gives a session by then is sent away: it would wait for ever."""

_ASSUMED_RATE_HZ = 48_000
"""For bounds, until a session tells the real rate: the highest anybody uses."""


class ClientConnection:
    """A client that came in; the handle ``on_client_connected`` gets and ``start_session`` takes.

    Attributes:
        request: How it came.
        metadata: What ``authenticate`` returned.
        is_admitted: Whether ``authenticate`` has said yes.
    """

    def __init__(
        self,
        wire: WirePort,
        request: ConnectionRequest,
        *,
        options: LinkOptions,
        limits: ClientLimits,
        on_gone: Callable[[ClientConnection], None],
    ) -> None:
        self.request = request
        self.metadata: dict[str, Any] = {}
        self.is_admitted = False
        self._wire = wire
        self._options = options
        self._limits = limits
        self._on_gone = on_gone
        self._loop = asyncio.get_running_loop()
        self._gone: asyncio.Future[None] = self._loop.create_future()
        self._is_binary = options.audio_format == "binary"
        self._early = EarlySink(_audio_bytes_per_s(options.input_sample_rate) * EARLY_AUDIO_MS // 1000)
        self._sink: ClientSink = self._early
        self._is_bound = False
        self._strikes = Strikes()
        self._messages = Allowance(limits.max_messages_per_s, self._loop.time())
        self._audio = self._audio_allowance(options.input_sample_rate)
        self._unbound_timer = self._loop.call_later(UNBOUND_TIMEOUT_S, self._nobody_came)
        wire.start(self._on_message, self._on_close)

    @property
    def is_gone(self) -> bool:
        """Whether the socket is closed."""
        return self._gone.done()

    def bind(self, setup: ClientSetup, sink: ClientSink) -> WebSocketLink:
        """Give it to a session: what waited is delivered in order, then everything as it comes.

        Raises:
            ClientGoneError: It left meanwhile.
            ConfigError: It has a session already.
        """
        if self.is_gone:
            raise ClientGoneError("the client left before its session began")
        if self._is_bound:
            raise ConfigError("this connection has a session already: a client connects once for each session")
        self._is_bound = True
        self._unbound_timer.cancel()
        link = WebSocketLink(self._wire, self._options, setup, hang_up=self._hang_up)
        self._audio = self._audio_allowance(link.input_rate_hz)
        if self._early.dropped_bytes:
            logger.warning(
                "session %s: %d bytes of caller audio dropped before it began",
                setup.session_id,
                self._early.dropped_bytes,
            )
        self._early.empty_into(sink)
        self._sink = sink
        return link

    def refuse(self, code: str, detail: str, *, close_code: int) -> None:
        """Say why, and close."""
        self._wire.send(encode_error(code, detail))
        self._wire.close(close_code, detail[:120])

    def leave(self, reason: str) -> None:
        """Close because we go away; its session is told that the client is gone."""
        self._wire.close(1001, reason)

    async def wait_closed(self) -> None:
        """Return when the socket is closed."""
        await asyncio.shield(self._gone)

    # From the wire

    def _on_message(self, message: WireMessage) -> None:
        self._messages.left -= 1
        if self._messages.left < 0 and not self._messages.refill(self._loop.time()):
            self._bad("too_many_messages", f"more than {self._limits.max_messages_per_s:g} messages a second")
            return
        pcm = message if self._is_binary and type(message) is bytes else self._understood(message)
        if not pcm:
            return
        self._audio.left -= len(pcm)
        if self._audio.left < 0 and not self._audio.refill(self._loop.time()):
            self._audio.left += len(pcm)  # it is refused, so it costs nothing
            self._bad("too_fast", f"audio faster than {self._limits.max_audio_realtime_factor:g} times real time")
            return
        self._strikes.in_a_row = 0
        self._sink.on_audio(pcm)

    def _understood(self, message: WireMessage) -> bytes:
        """The audio in a message that is not plainly audio; any other message is dealt with here, and holds none."""
        if isinstance(message, bytes):
            self._bad("wrong_format", "a binary message: this server takes audio as {'type': 'audio', 'data': base64}")
            return b""
        try:
            decoded = decode_text(message)
        except BadMessageError as error:
            self._bad(error.code, error.detail)
            return b""
        if not isinstance(decoded, bytes):
            self._strikes.in_a_row = 0
            self._on_control(decoded)
            return b""
        if self._is_binary:
            self._bad("wrong_format", "audio in JSON: this server takes audio as binary messages")
            return b""
        if not decoded:
            self._bad("bad_audio", "no audio in 'data'")
        return decoded

    def _on_control(self, event: ClientEvent | ClientPing) -> None:
        if isinstance(event, ClientPing):
            self._wire.send(encode({"type": "pong"}))
        else:
            self._sink.on_event(event)

    def _on_close(self, closed: WireClosed) -> None:
        self._unbound_timer.cancel()
        sink, self._sink = self._sink, EarlySink(0)
        self._gone.set_result(None)
        self._on_gone(self)
        sink.on_event(ClientGone(f"{closed.code} {closed.reason}".strip()))

    # Inside

    def _bad(self, code: str, detail: str) -> None:
        self._wire.send(encode_error(code, detail))
        if self._strikes.strike():
            self._wire.close(1008, "too many bad messages")

    def _nobody_came(self) -> None:
        self.refuse("no_session", "no session was started for this connection", close_code=1013)

    async def _hang_up(self, reason: str) -> None:
        self._sink = EarlySink(0)  # no event follows a close of ours
        self._wire.close(1000, reason)
        await self.wait_closed()

    def _audio_allowance(self, rate_hz: int | None) -> Allowance:
        per_s = _audio_bytes_per_s(rate_hz) * self._limits.max_audio_realtime_factor
        return Allowance(per_s, self._loop.time())


def _audio_bytes_per_s(rate_hz: int | None) -> int:
    return 2 * (rate_hz or _ASSUMED_RATE_HZ)
