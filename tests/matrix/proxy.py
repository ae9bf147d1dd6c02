"""A TCP proxy in front of a simulator on a real port, with a hand on the cable: it can cut, freeze and talk rubbish.

It knows no more of WebSocket than how a server writes a short frame.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

TEXT, CLOSE = 0x1, 0x8


class Proxy:
    """One listening port towards one server.

    Attributes:
        port: Where it listens.
        is_frozen: Nothing of the connections that come from now on passes, either way.
        connection_count: How many there have been.
    """

    def __init__(self, server_url: str) -> None:
        parts = urlsplit(server_url)
        self._server = (parts.hostname, parts.port)
        self._clients: list[asyncio.StreamWriter] = []
        self._frozen: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.is_frozen = False
        self.connection_count = 0

    def url(self, url: str) -> str:
        """The same address through the proxy."""
        return urlsplit(url)._replace(netloc=f"127.0.0.1:{self.port}").geturl()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Proxy]:
        """Listen for as long as the block lasts."""
        server = await asyncio.start_server(self._client, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in self._clients:
                writer.transport.abort()

    # --- the faults, on the newest connection -----------------------------------------------------------------------

    def cut(self) -> None:
        """Reset it."""
        self._clients[-1].transport.abort()

    def says(self, opcode: int, payload: bytes) -> None:
        """A frame that the server never sent."""
        assert len(payload) < 126
        self._clients[-1].write(bytes((0x80 | opcode, len(payload))) + payload)

    def closes(self, code: int) -> None:
        """The server's close frame; then nothing is read or sent, and the socket stays."""
        self.says(CLOSE, code.to_bytes(2, "big"))
        self._frozen.add(self._clients[-1])

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.append(writer)
        self.connection_count += 1
        if self.is_frozen:
            self._frozen.add(writer)
        upstream, upwriter = await asyncio.open_connection(*self._server)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pump(reader, upwriter, writer))
                tasks.create_task(self._pump(upstream, writer, writer))
        except* ConnectionError:
            pass  # it was cut: that is what it is for
        finally:
            upwriter.close()
            writer.close()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, client: asyncio.StreamWriter
    ) -> None:
        while client not in self._frozen and (data := await reader.read(65_536)):
            if client not in self._frozen:
                writer.write(data)
        if client not in self._frozen:
            raise ConnectionError
