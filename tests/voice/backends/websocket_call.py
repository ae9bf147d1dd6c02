"""A WebSocket client and the session's side of its call, over a wire in memory: what the transport's tests hold."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

from roomkit.voice.backends.base import ClientEvent, ClientSetup
from roomkit.voice.backends.websocket import WebSocketRealtimeTransport
from roomkit.voice.backends.websocket_link import WebSocketLink
from roomkit.voice.wires.memory import MemoryWire, memory_pair
from roomkit.voice.wires.port import WireClosed, WireMessage

SETUP = ClientSetup("s1", "r1", "p1", input_rate_hz=16_000, output_rate_hz=24_000)
AUDIO = b"\x01\x00" * 320


class Heard:
    """The session's side: what a link delivered, in order."""

    def __init__(self) -> None:
        self.items: list[bytes | ClientEvent] = []

    def on_audio(self, pcm: bytes) -> None:
        self.items.append(pcm)

    def on_event(self, event: ClientEvent) -> None:
        self.items.append(event)

    async def settled(self) -> None:
        return None


class Client:
    """The far end of a wire in memory."""

    def __init__(self, wire: MemoryWire) -> None:
        self.wire = wire
        self.received: list[WireMessage] = []
        self.closed: WireClosed | None = None
        wire.start(self.received.append, self._on_close)

    def sends(self, message: dict[str, Any] | bytes | str) -> None:
        self.wire.send(json.dumps(message) if isinstance(message, dict) else message)

    def says(self, pcm: bytes = AUDIO) -> None:
        self.sends({"type": "audio", "data": base64.b64encode(pcm).decode()})

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(message) for message in self.received if isinstance(message, str)]

    @property
    def error_codes(self) -> list[str]:
        return [message["code"] for message in self.messages if message["type"] == "error"]

    def _on_close(self, closed: WireClosed) -> None:
        self.closed = closed


async def delivered() -> None:
    """Let everything that is on its way arrive."""
    await asyncio.sleep(0.01)


async def call(**options: Any) -> tuple[Client, WebSocketLink, Heard]:
    far, near = memory_pair()
    client, heard = Client(far), Heard()
    link = await WebSocketRealtimeTransport(**options).open_link(near, SETUP, heard)
    return client, link, heard
