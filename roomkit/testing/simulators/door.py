"""How clients get into a simulated server, whoever's it is: over a real socket, or in memory. Same checks, same talk.

Who is let in and what is performed for them is told to it; the conversation is `connection`'s. On `VirtualTimeLoop`
with a `VirtualClock` two runs in memory give the same log.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from roomkit.clock import Clock
from roomkit.testing.simulators.connection import Connection, Director, HangUp, Send, Socket, in_memory
from roomkit.testing.simulators.record import Record
from roomkit.voice.wires.port import Endpoint, WirePort, WireRefused

if TYPE_CHECKING:
    import ssl

HttpAnswer = tuple[int, str]
"""An HTTP status and a text: what is answered in place of a conversation."""


@dataclass(frozen=True, slots=True)
class Serving:
    """A bound port. ``url`` is the WebSocket's, ``base_url`` what the official SDK takes."""

    url: str
    base_url: str


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What a client asks for when it connects.

    Attributes:
        origin: ``ws://host:port``, as the client names it.
        path: Of the URL; empty where there is none that can be read.
        query: The parameters, of each name the first.
        headers: By their names in lower case.
        subprotocols: Those offered, in order.
    """

    origin: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    subprotocols: Sequence[str]

    @classmethod
    def read(cls, url: str, headers: Iterable[tuple[str, str]], subprotocols: Sequence[str] = ()) -> Upgrade:
        """Read a whole URL and the headers, whose names may be in any case; never raises."""
        lower = {name.lower(): value for name, value in headers}
        offered = filter(None, map(str.strip, lower.get("sec-websocket-protocol", "").split(",")))
        try:
            parts = urlsplit(url)
        except ValueError:  # brackets that hold no address
            parts = urlsplit("")
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        return cls(
            f"{parts.scheme}://{parts.netloc}", parts.path, query, lower, (*subprotocols, *filter(None, offered))
        )


def _as_it_is(event: Mapping[str, Any]) -> Mapping[str, Any]:
    return event


@dataclass(frozen=True, slots=True)
class Manners:
    """How a vendor's server is reached, and how it writes.

    Attributes:
        path: Where a client dials.
        sdk_path: What the vendor's SDK wants behind the host.
        subprotocol: How the offered subprotocol begins that is chosen; a browser fails where none is. Empty: none.
        read_limit_bytes: Of one message.
        write: An event of the server's as a message.
        as_logged: An event of the server's as the record keeps it, with its ``type``.
        audio_bytes: How much audio an event carries, either side's; `None` for one that is not audio.
    """

    path: str
    sdk_path: str
    subprotocol: str
    read_limit_bytes: int
    audio_bytes: Callable[[Mapping[str, Any]], int | None]
    write: Callable[[Mapping[str, Any]], str | bytes] = json.dumps
    as_logged: Callable[[Mapping[str, Any]], Mapping[str, Any]] = _as_it_is

    def chooses(self, subprotocol: str) -> bool:
        """Whether an offered subprotocol is taken."""
        return bool(self.subprotocol) and subprotocol.startswith(self.subprotocol)


class Door:
    """Lets clients in.

    Args:
        refusal: What a client is answered in place of a conversation; `None`: it gets one.
        begin: Starts the performance for one that was let in, at a loop time.
        manners: The vendor's.
        record: Where everything is written.
        clock: Where times come from.
    """

    def __init__(
        self,
        refusal: Callable[[Upgrade], HttpAnswer | None],
        begin: Callable[[Upgrade, float], Director],
        *,
        manners: Manners,
        record: Record,
        clock: Clock,
    ) -> None:
        self._refusal = refusal
        self._begin = begin
        self._manners = manners
        self._record = record
        self._clock = clock

    async def dial(self, endpoint: Endpoint) -> WirePort:
        """Open a connection in memory; a `roomkit.voice.wires.port.Dialler`.

        Raises:
            WireRefused: The client is turned away.
        """
        upgrade = Upgrade.read(endpoint.url, endpoint.headers.items(), endpoint.subprotocols)
        if (refused := self._refusal(upgrade)) is not None:
            raise WireRefused(*refused)
        return in_memory(lambda send, hang_up: self._open(upgrade, send, hang_up), self._manners.read_limit_bytes)

    @asynccontextmanager
    async def serve(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> AsyncIterator[Serving]:
        """Listen on a real port (0: any free one) for as long as the block lasts.

        Raises:
            OSError: The address cannot be bound.
        """
        from websockets.asyncio.server import ServerConnection, serve
        from websockets.http11 import Request, Response

        manners, secure = self._manners, "s" if tls else ""

        def asked(request: Request) -> Upgrade:
            named = next(iter(request.headers.get_all("Host")), "localhost")
            return Upgrade.read(f"ws{secure}://{named}{request.path}", request.headers.raw_items())

        def answer(connection: ServerConnection, request: Request) -> Response | None:
            refused = self._refusal(asked(request))
            return connection.respond(HTTPStatus(refused[0]), f"{refused[1]}\n") if refused else None

        async def talk(connection: ServerConnection) -> None:
            if (request := connection.request) is not None:
                upgrade = asked(request)
                await Socket(connection).talk(lambda send, hang_up: self._open(upgrade, send, hang_up))

        listening = serve(
            talk,
            host,
            port,
            process_request=answer,
            select_subprotocol=lambda _, offered: next(filter(manners.chooses, offered), None),
            max_size=manners.read_limit_bytes,
            compression=None,
            ping_interval=None,
            ssl=tls,
        )
        async with listening as server:
            real_port = next(iter(server.sockets)).getsockname()[1]
            where = f"[{host}]:{real_port}" if ":" in host else f"{host}:{real_port}"
            yield Serving(f"ws{secure}://{where}{manners.path}", f"http{secure}://{where}{manners.sdk_path}")

    def _open(self, upgrade: Upgrade, send: Send, hang_up: HangUp) -> Connection:
        director = self._begin(upgrade, self._clock.now_ms())
        connection = Connection(
            director,
            self._record,
            self._clock,
            send,
            hang_up,
            write=self._manners.write,
            as_logged=self._manners.as_logged,
        )
        connection.flush()
        return connection
