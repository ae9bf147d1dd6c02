"""A server that speaks RoomKit's WebSocket protocol with nothing behind it, so that clients are proved by themselves.

Typed words steer it: ``tone 3`` sends three seconds of tone, ``clear`` asks to clear, ``say`` holds a whole exchange.
"""

from __future__ import annotations

import asyncio
import base64
import json
import math
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from roomkit.app.server import address_of, bind, build_app, serving

INPUT_RATE_HZ = 16_000
OUTPUT_RATE_HZ = 24_000

CONFIG: dict[str, Any] = {
    "provider": "Local stack, no key",
    "phrases": ["What are your opening hours?", "Where is my order?", "Goodbye"],
    "limits": "It knows the lines above.",
    "switch": "Set `OPENAI_API_KEY`.",
    "sample_url": "samples/hello.wav",
}


def tone(seconds: float, rate_hz: int = OUTPUT_RATE_HZ, hz: float = 440.0) -> bytes:
    count = round(seconds * rate_hz)
    return struct.pack(f"<{count}h", *(round(8_000 * math.sin(2 * math.pi * hz * i / rate_hz)) for i in range(count)))


@dataclass
class FakeVoice:
    """The ASGI application behind ``/voice``; keeps everything that clients sent, of the newest connection."""

    audio_format: str = "binary"
    audio: bytearray = field(default_factory=bytearray)
    messages: list[dict[str, Any]] = field(default_factory=list)
    is_open: bool = False
    epoch: int = 0

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in list(self.messages) if message["type"] == kind]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        await socket.accept()
        self.audio.clear()
        self.messages.clear()
        self.is_open, self.epoch = True, 0
        await socket.send_json(
            {
                "type": "session_started",
                "session_id": "ses_fake",
                "room_id": "room_fake",
                "input_sample_rate": INPUT_RATE_HZ,
                "output_sample_rate": OUTPUT_RATE_HZ,
                "audio_format": self.audio_format,
                "provider": "fake",
            }
        )
        try:
            await self._converse(socket)
        except WebSocketDisconnect:
            pass
        finally:
            self.is_open = False

    async def _converse(self, socket: WebSocket) -> None:
        while True:
            received = await socket.receive()
            if received["type"] == "websocket.disconnect":
                return
            if received.get("bytes") is not None:
                self.audio += received["bytes"]
                continue
            message = json.loads(received["text"])
            self.messages.append(message)
            if message["type"] == "end":
                await socket.send_json({"type": "session_ended", "reason": "client_ended"})
                await socket.close()
                return
            if message["type"] == "interrupt":
                await self._clear(socket)
            elif message["type"] == "text":
                await self._obey(socket, message["text"])

    async def _obey(self, socket: WebSocket, text: str) -> None:
        order, _, argument = text.partition(" ")
        if order == "tone":
            await self._send_audio(socket, tone(float(argument)))
        elif order == "clear":
            await self._clear(socket)
        elif order == "bye":
            await socket.send_json({"type": "session_ended", "reason": "hangup"})
            await socket.close()
        elif order == "die":
            await socket.close(1011, "the server broke")
        elif order == "rave":
            await socket.send_text("<html>")
        elif order == "say":
            await self._exchange(socket)

    async def _send_audio(self, socket: WebSocket, pcm: bytes) -> None:
        if self.audio_format == "binary":
            await socket.send_bytes(pcm)
        else:
            await socket.send_json({"type": "audio", "data": base64.b64encode(pcm).decode()})

    async def _clear(self, socket: WebSocket) -> None:
        self.epoch += 1
        await socket.send_json({"type": "clear_audio", "epoch": self.epoch})

    async def _exchange(self, socket: WebSocket) -> None:
        call = {"type": "tool_call", "id": "c1", "name": "order_status", "arguments": {"number": "4711"}}
        for message in (
            {"type": "speaking", "speaking": True, "who": "user"},
            {"type": "transcription", "text": "Where is", "role": "user", "is_final": False, "item_id": "u1"},
            {"type": "speaking", "speaking": False, "who": "user"},
            {"type": "transcription", "text": "Where is my order?", "role": "user", "is_final": True, "item_id": "u1"},
            {**call, "result": None, "status": "running"},
            {**call, "result": {"status": "shipped"}, "status": "done"},
            {"type": "speaking", "speaking": True, "who": "assistant"},
            _agent("It was shipped today and comes on Monday.", is_final=False),
            {"type": "latency", "answer_ms": 241.4, "heard_ms": 310.0},
        ):
            await socket.send_json(message)
        await self._send_audio(socket, tone(1.0))
        await self._clear(socket)
        await socket.send_json({"type": "speaking", "speaking": False, "who": "assistant"})
        await socket.send_json(_agent("It was shipped today", is_final=True, interrupted=True))


def _agent(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "transcription", "text": text, "role": "assistant", "item_id": "a1", **more}


@contextmanager
def running(voice: FakeVoice, *, host: str = "127.0.0.1", loopback_only: bool = True) -> Iterator[str]:
    """Serve it from a thread with a loop of its own; yields ``host:port``."""
    listener = bind(host, 0)
    address = address_of(listener)
    app = build_app(voice=voice, config=CONFIG, loopback_only=loopback_only)
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def main() -> None:
        async with serving(app, listener):
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.Runner(loop_factory=lambda: loop).run(main()), daemon=True)
    thread.start()
    try:
        yield address
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
