"""One picows connection as a wire port; `picows.py` beside it dials and listens.

A frame goes from the socket to the owner in one synchronous call, and a send goes straight to the kernel; only what the
kernel does not take is kept, control in the transport's buffer, audio here where it can still be taken back. No task of
ours runs per connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from roomkit.voice.wires._delivery import Delivery
from roomkit.voice.wires.limits import CLOSE_GRACE_S, StallPolicy, StallWatch
from roomkit.voice.wires.port import WireClosed, WireMessage

_TEXT, _BINARY, _CONTINUATION, _CLOSE = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION, WSMsgType.CLOSE


class PicowsWire(WSListener):
    """One picows connection, either side; a `WirePort`."""

    __slots__ = (
        "_abort_timer", "_accepted", "_audio", "_audio_bytes", "_delivery", "_end", "_fragments", "_fragments_bytes",
        "_fragments_type", "_is_paused", "_max_buffered_bytes", "_max_message_bytes", "_transport", "_watch",
    )  # fmt: skip

    _transport: WSTransport
    _watch: StallWatch

    def __init__(self, max_message_bytes: int, max_buffered_bytes: int, accepted: Callable[[PicowsWire], None]) -> None:
        self._max_message_bytes = max_message_bytes
        self._max_buffered_bytes = max_buffered_bytes
        self._accepted = accepted
        self._delivery = Delivery(self.close)
        self._fragments: list[bytes] = []
        self._fragments_type = _TEXT
        self._fragments_bytes = 0
        self._audio: list[WireMessage] = []  # a lead at most; an empty deque would take 760 bytes of every wire
        self._audio_bytes = 0
        self._is_paused = False
        self._end: WireClosed | None = None
        self._abort_timer: asyncio.TimerHandle | None = None

    # The wire port

    def start(self, on_message: Callable[[WireMessage], None], on_close: Callable[[WireClosed], None]) -> None:
        """See `WirePort.start`."""
        self._delivery.start(on_message, on_close)

    def send(self, message: WireMessage) -> None:
        """See `WirePort.send`."""
        if self._end is None:
            self._transport.send(_TEXT if type(message) is str else _BINARY, message)
            if self._is_paused:
                self._watch.check()

    def send_audio(self, message: WireMessage) -> None:
        """See `WirePort.send_audio`."""
        if self._end is not None:
            return
        if not self._is_paused:
            self._transport.send(_TEXT if type(message) is str else _BINARY, message)
            if self._is_paused:
                self._watch.check()
        else:
            self._audio.append(message)
            self._audio_bytes += len(message)
            self._watch.check()

    def clear_audio(self) -> None:
        """See `WirePort.clear_audio`."""
        self._audio.clear()
        self._audio_bytes = 0

    @property
    def peer_name(self) -> tuple[str, int] | None:
        """The peer's address and port, once connected."""
        peer = self._transport.underlying_transport.get_extra_info("peername")
        return (str(peer[0]), int(peer[1])) if isinstance(peer, tuple) else None

    @property
    def buffered_bytes(self) -> int:
        """See `WirePort.buffered_bytes`."""
        if not self._is_paused:
            return 0
        size_bytes: int = self._transport.underlying_transport.get_write_buffer_size()
        return size_bytes + self._audio_bytes

    def close(self, code: int = 1000, reason: str = "") -> None:
        """See `WirePort.close`."""
        if self._end is None:
            self._finish(WireClosed(code, reason, by_us=True))
            self._send_close(code, reason)

    # picows calls these

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The upgrade is done."""
        self._transport = transport
        # High water of zero: "paused" then means exactly that the kernel has not taken everything.
        transport.underlying_transport.set_write_buffer_limits(high=0)
        policy = StallPolicy(max_buffered_bytes=self._max_buffered_bytes)
        self._watch = StallWatch(policy, lambda: self.buffered_bytes, self._give_up)
        self._accepted(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """One frame, in the parser's own buffer: taken out before this returns."""
        kind = frame.msg_type
        if transport.is_close_frame_sent and kind is not _CLOSE:
            return  # picows refused a frame (too big, against the protocol), yet hands over what follows and the rest
        if frame.fin and not self._fragments and (kind is _BINARY or kind is _TEXT):
            message: WireMessage  # every audio frame comes here: no call of ours between the parser and the owner
            if kind is _BINARY:
                message = frame.get_payload_as_bytes()
            else:
                try:
                    message = frame.get_payload_as_utf8_text()
                except UnicodeDecodeError:
                    self.close(1007, "text that is not UTF-8")
                    return
            try:
                self._delivery.on_message(message)
            except Exception:  # noqa: BLE001 -- the owner's code; logged there
                self._delivery.owner_failed()
        elif kind is _CLOSE:
            self._take_close(frame.get_payload_as_bytes())
        elif kind in (_TEXT, _BINARY, _CONTINUATION):
            self._take_fragment(frame)

    def on_ws_disconnected(self, _: WSTransport) -> None:
        """The socket is gone."""
        self._watch.cancel()
        if self._abort_timer is not None:
            self._abort_timer.cancel()
        self._delivery.closed(self._end or _own_end(self._transport))
        self.clear_audio()

    def pause_writing(self) -> None:
        """The kernel did not take everything."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """Everything is written: audio that waited goes next, until the kernel is full again."""
        self._is_paused = False
        while self._audio and not self._is_paused:
            message = self._audio.pop(0)
            self._audio_bytes -= len(message)
            self.send(message)

    # Inside

    def _take_fragment(self, frame: WSFrame) -> None:
        kind = frame.msg_type
        is_first = not self._fragments
        if is_first is (kind is _CONTINUATION):
            self.close(1002, "fragments out of order")
            return
        if is_first:
            self._fragments_type, self._fragments_bytes = kind, 0
        self._fragments.append(frame.get_payload_as_bytes())
        self._fragments_bytes += frame.payload_size
        if self._fragments_bytes > self._max_message_bytes:
            self._fragments = []
            self.close(1009, "message too big")
        elif frame.fin:
            whole, self._fragments = b"".join(self._fragments), []
            self._take_whole(whole)

    def _take_whole(self, whole: bytes) -> None:
        if self._fragments_type is _BINARY:
            self._delivery.message(whole)
            return
        try:
            text = whole.decode()
        except UnicodeDecodeError:
            self.close(1007, "text that is not UTF-8")
            return
        self._delivery.message(text)

    def _take_close(self, payload: bytes) -> None:
        if self._end is None:
            code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
            self._finish(WireClosed(code, payload[2:].decode(errors="replace")))
            self._send_close(1000 if code == 1005 else code, "")
        self._transport.disconnect()

    def _send_close(self, code: int, reason: str) -> None:
        # Its stub knows the registered codes only; at run time any number goes through, 4401 included.
        self._transport.send_close(cast("WSCloseCode", code), reason)

    def _finish(self, end: WireClosed) -> None:
        self._end = end
        if end.by_us:
            self._delivery.stop()
        self._watch.cancel()
        self.clear_audio()
        loop = asyncio.get_running_loop()
        self._abort_timer = loop.call_later(CLOSE_GRACE_S, self._transport.underlying_transport.abort)

    def _give_up(self, reason: str) -> None:
        self.close(1013, reason)
        # It does not read, so it will not read our close frame either.
        self._transport.underlying_transport.abort()


def _own_end(transport: WSTransport) -> WireClosed:
    """What picows itself closed with (a protocol error, a message too big, no pong), or a link that just broke."""
    handshake = transport.close_handshake
    if handshake is not None and handshake.sent is not None:
        return WireClosed(int(cast("int", handshake.sent.code)), handshake.sent.reason or "")
    return WireClosed()
