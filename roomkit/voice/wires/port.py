"""The wire port: the one shape every WebSocket has here, whoever implements it.

Callback-shaped and synchronous: a message is handled before the next one is read, and sending never waits. Adapters
(`picows`, `websockets`, ASGI, in memory) live beside this file; nothing above this package names one of them. Not in
here: what the messages mean, reconnecting, pacing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

MAX_RETRY_AFTER_DIGITS: Final = 6
"""Up to eleven days; more digits are rubbish."""

WireMessage = str | bytes
"""One WebSocket message: ``str`` travels as a text message, ``bytes`` as a binary one."""

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""Largest message read by default: OpenAI allows 15 MiB of audio in one append (vendor page, 2026-11)."""


@dataclass(frozen=True, slots=True)
class WireClosed:
    """Why a wire is gone.

    Attributes:
        code: RFC 6455 close code; 1006 when there was no close frame.
        reason: The peer's words, or ours when we closed it; at most 123 bytes.
        by_us: Whether `WirePort.close` was called here.
    """

    code: int = 1006
    reason: str = ""
    by_us: bool = False


class WirePort(Protocol):
    """One live WebSocket, either side. All methods are called on the event loop's thread."""

    def start(self, on_message: Callable[[WireMessage], None], on_close: Callable[[WireClosed], None]) -> None:
        """Begin delivering. Messages that came before are delivered at once, in order.

        ``on_close`` is called exactly once, after the last ``on_message``; also when we closed. An exception out of
        ``on_message`` closes the wire with 1011 and is logged: it never reaches the loop.
        """

    def send(self, message: WireMessage) -> None:
        """Hand over a control message; never waits, never raises. After the close it is dropped."""

    def send_audio(self, message: WireMessage) -> None:
        """Like `send`, for messages that `clear_audio` may take back while they are still in our hands."""

    def clear_audio(self) -> None:
        """Drop audio messages that have not been given to the operating system (where the host lets us)."""

    @property
    def buffered_bytes(self) -> int:
        """Bytes handed over that the operating system has not taken yet."""

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye and drop the socket; idempotent; gives the peer at most 2 s for its half."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how to dial.

    Attributes:
        url: ``ws://`` or ``wss://``.
        headers: Extra request headers; secrets stay out of logs.
        subprotocols: RFC 6455 subprotocols offered, best first.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    subprotocols: Sequence[str] = ()
    max_message_bytes: int = MAX_MESSAGE_BYTES


class WireRefused(Exception):  # noqa: N818 -- it is an answer, mapped to our tree by whoever dialled
    """The upgrade was answered with something other than 101.

    Attributes:
        status: The HTTP status, or 0 when the connection could not be made at all.
        detail: One line: what the peer or the operating system said.
        retry_after_s: How long the peer wants to be left alone, if it said so.
    """

    def __init__(self, status: int, detail: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(f"HTTP {status}: {detail}" if status else detail)
        self.status = status
        self.detail = detail
        self.retry_after_s = retry_after_s


def retry_after_s(header: str | None) -> float | None:
    """``Retry-After`` in seconds (RFC 9110 10.2.3); ``None`` without one, or where it is a date."""
    text = (header or "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) <= MAX_RETRY_AFTER_DIGITS else None


class Dialler(Protocol):
    """Opens client wires. The default picks picows where it is installed, else `websockets`."""

    async def __call__(self, endpoint: Endpoint) -> WirePort:
        """Connect and upgrade within the caller's timeout.

        Raises:
            WireRefused: The peer said no, or nobody is there.
        """
