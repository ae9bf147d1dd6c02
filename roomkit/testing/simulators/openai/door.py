"""How clients get into a simulator of this protocol: over a real socket, or in memory. Same checks, same conversation.

Who is let in and what is performed for them is told to it; the conversation is `connection`'s. On `VirtualTimeLoop`
with a `VirtualClock` two runs in memory give the same log.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from roomkit.clock import Clock
from roomkit.testing.simulators.connection import Connection, Director, HangUp, Send, Socket, in_memory
from roomkit.testing.simulators.openai.dialled import Dialled
from roomkit.testing.simulators.openai.rules import Record as Rules
from roomkit.testing.simulators.record import Record
from roomkit.voice.wires.port import Endpoint, WirePort, WireRefused

PATH: Final = "/v1/realtime"
READ_LIMIT_BYTES: Final = 64 * 1024 * 1024
"""Above the vendor's limit on an append, so that too much audio is refused in words and not by a dead socket."""

Refusal = tuple[int, str]
"""An HTTP status and a line of text."""


@dataclass(frozen=True, slots=True)
class Serving:
    """A bound port. ``url`` is the WebSocket's, ``base_url`` what the official SDK takes."""

    url: str
    base_url: str


@dataclass(frozen=True, slots=True)
class Manners:
    """What differs between the vendors of this protocol before the first event.

    Attributes:
        events: The client events that are known, with their rules.
        key_subprotocol: How a browser, which cannot set headers, begins the subprotocol that holds its key.
        subprotocol: The start of the offered subprotocol that is chosen; a browser fails where none is.
    """

    events: Mapping[str, Rules]
    key_subprotocol: str
    subprotocol: str


class Door:
    """Lets clients in.

    Args:
        refusal: Why a client is turned away at the upgrade; `None`: it is not.
        begin: Starts the performance for one that was let in, at a loop time.
        manners: The vendor's.
        record: Where everything is written.
        clock: Where times come from.
    """

    def __init__(
        self,
        refusal: Callable[[Dialled], Refusal | None],
        begin: Callable[[Dialled, float], Director],
        *,
        manners: Manners,
        record: Record,
        clock: Clock,
    ) -> None:
        self._refusal_of = refusal
        self._begin = begin
        self._manners = manners
        self._record = record
        self._clock = clock

    async def dial(self, endpoint: Endpoint) -> WirePort:
        """Open a connection in memory; a `roomkit.voice.wires.port.Dialler`.

        Raises:
            WireRefused: The client is turned away.
        """
        dialled = self._dialled(endpoint.url, endpoint.headers, endpoint.subprotocols)
        if (refused := self._refusal(dialled)) is not None:
            raise WireRefused(*refused)
        return in_memory(lambda send, hang_up: self._open(dialled, send, hang_up), READ_LIMIT_BYTES)

    @asynccontextmanager
    async def serve(self, host: str, port: int) -> AsyncIterator[Serving]:
        """Listen on a real port (0: any free one) for as long as the block lasts.

        Raises:
            OSError: The address cannot be bound.
        """
        from websockets.asyncio.server import ServerConnection, serve
        from websockets.http11 import Request, Response

        def upgrade(connection: ServerConnection, request: Request) -> Response | None:
            refused = self._refusal(self._dialled(request.path, request.headers))
            return connection.respond(HTTPStatus(refused[0]), f"{refused[1]}\n") if refused else None

        async def talk(connection: ServerConnection) -> None:
            if (request := connection.request) is not None:
                dialled = self._dialled(request.path, request.headers)
                await Socket(connection).talk(lambda send, hang_up: self._open(dialled, send, hang_up))

        server = await serve(
            talk,
            host,
            port,
            process_request=upgrade,
            select_subprotocol=lambda _, offered: next(
                (one for one in offered if one.startswith(self._manners.subprotocol)), None
            ),
            max_size=READ_LIMIT_BYTES,
            compression=None,
            ping_interval=None,
        )
        async with server:
            real_port = next(iter(server.sockets)).getsockname()[1]
            where = f"[{host}]:{real_port}" if ":" in host else f"{host}:{real_port}"
            yield Serving(url=f"ws://{where}{PATH}", base_url=f"http://{where}/v1")

    def _dialled(self, url: str, headers: Mapping[str, str], subprotocols: Sequence[str] = ()) -> Dialled:
        return Dialled.read(url, headers, subprotocols, self._manners.key_subprotocol)

    def _refusal(self, dialled: Dialled) -> Refusal | None:
        if dialled.path.rstrip("/") != PATH:
            return 404, f"the simulator answers at {PATH}"
        if not dialled.key:
            return 401, "Missing bearer authentication in header"
        return self._refusal_of(dialled)

    def _open(self, dialled: Dialled, send: Send, hang_up: HangUp) -> Connection:
        director = self._begin(dialled, self._clock.now_ms())
        connection = Connection(
            director, self._record, self._clock, send, hang_up, write=json.dumps, as_logged=lambda event: event
        )
        connection.flush()
        return connection
