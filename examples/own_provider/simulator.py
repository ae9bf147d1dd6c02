"""Parrot's server on a real socket: hears a turn, ends it at 200 ms of silence, says it back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from examples.own_provider.dialect import RATE_HZ

KEY = "parrot-key"
SILENCE_BYTES = RATE_HZ * 2 // 5


@asynccontextmanager
async def parrot_server() -> AsyncIterator[str]:
    """Serve on a free port of this machine; its URL."""
    async with serve(lambda socket: Parrot(socket).talk(), "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


class Parrot:
    """One caller's parrot."""

    def __init__(self, socket: ServerConnection) -> None:
        self._socket = socket
        self._heard = b""
        self._times = 1

    async def talk(self) -> None:
        request = self._socket.request
        if request is None or request.headers.get("Authorization") != KEY:
            await self._socket.close(4001, "wrong key")
        async for message in self._socket:
            if isinstance(message, bytes):
                await self._hear(message)
            else:
                await self._obey(json.loads(message))

    async def _hear(self, pcm: bytes) -> None:
        if not self._heard and not any(pcm):
            return
        if not self._heard:
            await self._say(is_="listening")
        self._heard += pcm
        if not any(self._heard[-SILENCE_BYTES:]):
            await self._end_turn()

    async def _obey(self, order: dict[str, Any]) -> None:
        match order["do"]:
            case "begin":
                self._times = order["times"]
                await self._say(is_="ready", call="call-1")
            case "read" if order["answer"]:
                await self._answer(order["text"], b"\x00\x10" * (RATE_HZ // 2))
            case "end_turn" if self._heard:
                await self._end_turn()
            case "answer":
                await self._answer("Say something!", b"\x00\x10" * (RATE_HZ // 2))

    async def _end_turn(self) -> None:
        heard, self._heard = self._heard.rstrip(b"\x00"), b""
        await self._say(is_="heard", text=f"{len(heard) / 2 / RATE_HZ:.1f} s of sound")
        await self._answer("You said: this.", heard + bytes(len(heard) % 2))

    async def _answer(self, text: str, pcm: bytes) -> None:
        await self._say(is_="answering", text=text)
        await self._socket.send(pcm * self._times)
        await self._say(is_="answered", seconds=len(pcm) * self._times / 2 / RATE_HZ)

    async def _say(self, *, is_: str, **fields: Any) -> None:
        await self._socket.send(json.dumps({"is": is_, **fields}))
