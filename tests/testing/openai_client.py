"""For tests of the simulator in memory: a client that says what it is told and keeps what it hears, with the time."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

from roomkit.testing import OpenAISimulator
from roomkit.testing.simulators.sound import tone
from roomkit.voice.wires.port import Endpoint, WireClosed, WireMessage, WirePort

ENDPOINT = Endpoint("wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1", {"Authorization": "Bearer sk-test"})
SILENCE = bytes(400 * 48)


class Client:
    """A client on the in-memory wire that keeps what it hears, with the loop time in ms."""

    def __init__(self, wire: WirePort) -> None:
        self._wire = wire
        self.heard: list[tuple[float, Any]] = []
        self.closed: WireClosed | None = None
        wire.start(self._on_message, self._on_close)

    @classmethod
    async def dial(cls, simulator: OpenAISimulator, endpoint: Endpoint = ENDPOINT) -> Client:
        client = cls(await simulator.dial(endpoint))
        await settle()
        return client

    async def says(self, type_: str, **fields: Any) -> None:
        self._wire.send(json.dumps({"type": type_, **fields}))
        await settle()

    async def speaks(self, duration_ms: int = 600) -> None:
        await self.says("input_audio_buffer.append", audio=base64.b64encode(tone(duration_ms) + SILENCE).decode())

    async def types(self, text: str) -> None:
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        await self.says("conversation.item.create", item=item)
        await self.says("response.create")

    def times_of(self, type_: str) -> list[float]:
        return [at_ms for at_ms, event in self.heard if isinstance(event, dict) and event["type"] == type_]

    def last(self, type_: str) -> dict[str, Any]:
        return next(event for _, event in reversed(self.heard) if isinstance(event, dict) and event["type"] == type_)

    def _on_message(self, message: WireMessage) -> None:
        now_ms = asyncio.get_running_loop().time() * 1000
        try:
            self.heard.append((now_ms, json.loads(message)))
        except ValueError:
            self.heard.append((now_ms, message))

    def _on_close(self, closed: WireClosed) -> None:
        self.closed = closed


async def settle(duration_ms: float = 0) -> None:
    """Let messages in flight arrive, and so much time pass."""
    await asyncio.sleep(duration_ms / 1000)
    for _ in range(6):
        await asyncio.sleep(0)
