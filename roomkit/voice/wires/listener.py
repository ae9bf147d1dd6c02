"""The server side of the wire port: what a client asked for, and who decides. Hosts: `picows.py`, `websockets.py`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from roomkit._extras import installed
from roomkit.voice.wires.port import MAX_MESSAGE_BYTES, WirePort

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UpgradeRequest:
    """What a client sent to open its WebSocket.

    Attributes:
        path: Path without the query.
        query_string: What follows the ``?``, still encoded.
        headers: By lower-case name; repeated headers are joined with ", ".
        client: ``(host, port)``, or ``None`` where the host does not tell.
    """

    path: str
    query_string: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    client: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """An upgrade answered with an HTTP error instead of 101."""

    status: int
    detail: str


@dataclass(frozen=True, slots=True)
class ListenOptions:
    """How a listener treats everyone.

    Attributes:
        host: Address to bind.
        port: ``0`` picks a free one.
        max_message_bytes: Longer messages close the connection with 1009.
        subprotocols: The first of the client's subprotocols that is in here is chosen.
    """

    host: str = "127.0.0.1"
    port: int = 0
    max_message_bytes: int = MAX_MESSAGE_BYTES
    subprotocols: tuple[str, ...] = ()


Admit = Callable[[UpgradeRequest], Refusal | None]
"""Decides, without waiting, whether an upgrade is answered with 101."""

Accept = Callable[[WirePort, UpgradeRequest], None]
"""Takes over a new wire; is to `WirePort.start` it soon."""


class Listener(Protocol):
    """A bound port that accepts WebSockets."""

    @property
    def url(self) -> str:
        """``ws://host:port``, the port being the real one."""

    async def close(self) -> None:
        """Stop accepting. Wires already accepted live on; close them first."""


def admit_all(_: UpgradeRequest) -> None:
    """Let everyone in."""


def choose_subprotocol(offered: str, known: tuple[str, ...]) -> str | None:
    """The first of a ``Sec-WebSocket-Protocol`` header's entries that is ``known``."""
    return next((name for part in offered.split(",") if (name := part.strip()) in known), None)


async def listen(options: ListenOptions, accept: Accept, admit: Admit = admit_all) -> Listener:
    """Bind a port: with picows where it is installed, else with `websockets`.

    Raises:
        OSError: The address cannot be bound.
    """
    if installed("picows"):
        from roomkit.voice.wires import picows

        return await picows.listen(options, _guarded(accept), admit)
    from roomkit.voice.wires import websockets

    return await websockets.listen(options, _guarded(accept), admit)


def _guarded(accept: Accept) -> Accept:
    """The libraries would keep to themselves what goes wrong here."""

    def take(wire: WirePort, request: UpgradeRequest) -> None:
        try:
            accept(wire, request)
        except Exception:  # the owner's code, whatever it raises: it ends this connection and no other
            logger.exception("the owner of a listener failed on a new connection; closing it")
            wire.close(1011, "internal error")

    return take
