"""The floor: the least a server between this client and this provider wire can do, written straight.

No session, no room, no hook, no pacing, no barge-in rules, no limits: a caller's frame becomes an append, a delta
becomes a frame, speech-started becomes ``clear_audio``. One on `websockets`, one on
picows; compression is off everywhere.
"""

from __future__ import annotations

import asyncio
import json

import pybase64 as base64
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_connect, ws_create_server
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

CLEAR_AUDIO = '{"type":"clear_audio"}'


def append_message(pcm: bytes) -> str:
    """The provider's message for a frame of the caller."""
    return f'{{"type":"input_audio_buffer.append","audio":"{base64.b64encode(pcm).decode()}"}}'


def client_message(message: str | bytes) -> bytes | str | None:
    """What the client gets for a message of the provider: a frame, a control message, nothing."""
    event = json.loads(message)
    match event["type"]:
        case "response.output_audio.delta":
            return base64.b64decode(event["delta"])
        case "input_audio_buffer.speech_started":
            return CLEAR_AUDIO
    return None


async def serve_websockets(port: int, provider_url: str) -> None:
    """Relay on the `websockets` library."""

    async def relay(client: ServerConnection) -> None:
        async with connect(provider_url, compression=None) as provider, asyncio.TaskGroup() as both:
            both.create_task(up(client, provider))
            both.create_task(down(client, provider))

    async def up(client: ServerConnection, provider: ClientConnection) -> None:
        async for pcm in client:
            assert isinstance(pcm, bytes)
            await provider.send(append_message(pcm))
        await provider.close()

    async def down(client: ServerConnection, provider: ClientConnection) -> None:
        async for message in provider:
            if (reply := client_message(message)) is not None:
                await client.send(reply)
        await client.close()

    async with serve(relay, "127.0.0.1", port, compression=None):
        await asyncio.Future()


class _ProviderSide(WSListener):
    def __init__(self, client: WSTransport) -> None:
        self._client = client

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != WSMsgType.TEXT:
            return
        reply = client_message(frame.get_payload_as_bytes())
        if isinstance(reply, bytes):
            self._client.send(WSMsgType.BINARY, reply)
        elif reply is not None:
            self._client.send(WSMsgType.TEXT, reply.encode())

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._client.disconnect()


class _ClientSide(WSListener):
    def __init__(self, provider_url: str) -> None:
        self._provider_url = provider_url
        self._provider: WSTransport | None = None
        self._dialling: asyncio.Task[None] | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._dialling = asyncio.create_task(self._dial(transport))

    async def _dial(self, client: WSTransport) -> None:
        self._provider, _ = await ws_connect(lambda: _ProviderSide(client), self._provider_url)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.BINARY and self._provider is not None:
            self._provider.send(WSMsgType.TEXT, append_message(frame.get_payload_as_bytes()).encode())

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if self._provider is not None:
            self._provider.disconnect()


async def serve_picows(port: int, provider_url: str) -> None:
    """Relay on picows."""

    def accept(_request: WSUpgradeRequest) -> _ClientSide:
        return _ClientSide(provider_url)

    server = await ws_create_server(accept, "127.0.0.1", port)
    await server.serve_forever()
