"""What every adapter owes its owner: messages in order, then one close; and how it survives an owner that fails.

No socket and no loop in here. Invariant: ``on_close`` is called exactly once, after the last ``on_message``, and
nothing an owner raises reaches the adapter.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from roomkit.voice.wires.port import MAX_MESSAGE_BYTES, WireClosed, WireMessage

logger = logging.getLogger(__name__)

MAX_HELD_BYTES = 2 * MAX_MESSAGE_BYTES
"""Most that may wait before `Delivery.start`: an owner starts at once, so more means a peer that floods."""


class Delivery:
    """Hands one wire's messages to its owner, keeping what comes before there is one.

    Args:
        close: Closes the wire with a code and a reason, when the owner fails or too much waits.

    Attributes:
        on_message: Takes the next message. It may raise: `message` is the guarded way, an adapter that calls this
            itself for speed owes the same, `owner_failed`.
    """

    __slots__ = ("_close", "_closed", "_held", "_held_bytes", "_is_closing", "_on_close", "on_message")

    def __init__(self, close: Callable[[int, str], None]) -> None:
        self._close = close
        self.on_message: Callable[[WireMessage], None] = self._hold
        self._on_close: Callable[[WireClosed], None] | None = None
        self._held: list[WireMessage] = []
        self._held_bytes = 0
        self._is_closing = False
        self._closed: WireClosed | None = None

    @property
    def is_closed(self) -> bool:
        """Whether the end has come, told to the owner or not."""
        return self._closed is not None

    def start(self, on_message: Callable[[WireMessage], None], on_close: Callable[[WireClosed], None]) -> None:
        """Deliver what was held, then everything as it comes.

        Raises:
            RuntimeError: It was started before.
        """
        if self._on_close is not None:
            raise RuntimeError("this wire has been started: it has one owner")
        held, self._held = self._held, []
        self._on_close = on_close
        self.on_message = _drop if self._is_closing else on_message
        for message in held:
            self.message(message)
        if self._closed is not None:
            on_close(self._closed)

    def message(self, message: WireMessage) -> None:
        """One message came."""
        try:
            self.on_message(message)
        except Exception:  # noqa: BLE001 -- the owner's code, logged there: its failure ends this wire and no other
            self.owner_failed()

    def owner_failed(self) -> None:
        """The owner raised on a message (call from the ``except``): its failure ends this wire and no other."""
        logger.exception("the owner of a wire failed on a message; closing it")
        self._close(1011, "internal error")

    def stop(self) -> None:
        """We are closing: what still comes is dropped, and what was held too."""
        self._is_closing = True
        self.on_message = _drop

    def closed(self, closed: WireClosed) -> None:
        """The wire is gone; only the first call counts."""
        if self._closed is not None:
            return
        self._closed = closed
        if self._on_close is None:
            return
        try:
            self._on_close(closed)
        except Exception:  # the owner's code: nobody is left to tell
            logger.exception("the owner of a wire failed on its close")

    def _hold(self, message: WireMessage) -> None:
        self._held_bytes += len(message)
        if self._held_bytes > MAX_HELD_BYTES:
            self._close(1013, "nobody reads")
            return
        self._held.append(message)


def _drop(message: WireMessage) -> None:
    """Where messages go once we are closing."""
