"""The support desk, served on a free port, and its two sides as programs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from examples.support_desk import SupportDesk, choose_model, choose_voice
from roomkit.app.server import address_of, bind, serving

Message = dict[str, Any]


class Side:
    """One side's chat socket: what it was told, and what it says."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.told: list[Message] = []

    async def does(self, what: str, text: str = "") -> None:
        await self._socket.send(json.dumps({"type": what, "text": text}))

    async def sends(self, raw: str) -> None:
        await self._socket.send(raw)

    async def sees(self, fits: Callable[[Message], bool], seconds: float = 20.0) -> Message:
        """The first message that fits, told already or to come."""
        for message in self.told:
            if fits(message):
                return message
        async with asyncio.timeout(seconds):
            while True:
                self.told.append(json.loads(await self._socket.recv()))
                if fits(self.told[-1]):
                    return self.told[-1]

    async def reads(self, text: str) -> Message:
        return await self.sees(lambda message: text in message.get("text", ""))

    def events(self) -> list[Message]:
        return [message for message in self.told if message["type"] == "event"]


@asynccontextmanager
async def open_desk(store: Path) -> AsyncIterator[str]:
    """A desk that needs no key; yields its address."""
    listener = bind("127.0.0.1", 0)
    desk = SupportDesk(store, choose_voice({}), choose_model({}))
    async with desk.kit:
        await desk.open()
        async with serving(desk.app(), listener):
            yield address_of(listener)


@asynccontextmanager
async def side(address: str, name: str) -> AsyncIterator[Side]:
    """One side, once it was told how things stand."""
    async with connect(f"ws://{address}/chat/{name}", proxy=None) as socket:
        joined = Side(socket)
        await joined.sees(lambda message: message["type"] == "state")
        yield joined
