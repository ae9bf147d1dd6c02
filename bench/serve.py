"""The servers under test: ``python -m bench.serve KIND PORT PROVIDER_PORT``, each on uvloop, one process, one core.

Imports stand in the functions: the time to start is measured, and each kind pays for its own only.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import uvloop

if TYPE_CHECKING:
    from roomkit.channels.realtime_voice import RealtimeVoiceChannel
    from roomkit.voice.realtime import WebSocketRealtimeTransport

KINDS = ("websockets", "picows", "own", "asgi")


def _server(kind: str, port: int, provider_url: str) -> Coroutine[Any, Any, None]:
    if kind in ("websockets", "picows"):
        from bench import relays

        serve = relays.serve_websockets if kind == "websockets" else relays.serve_picows
        return serve(port, provider_url)
    return _own(port, provider_url) if kind == "own" else _asgi(port, provider_url)


async def _own(port: int, provider_url: str) -> None:
    """RoomKit on its own listener."""
    from roomkit.voice.realtime import WebSocketRealtimeTransport

    transport = WebSocketRealtimeTransport(audio_format="binary", max_sessions=10_000)
    _channel = await _room_for(transport, provider_url)
    async with transport.listen(port=port):
        await asyncio.Future()


async def _asgi(port: int, provider_url: str) -> None:
    """RoomKit mounted in a Starlette application on uvicorn."""
    import uvicorn
    from starlette.applications import Starlette

    from roomkit.voice.realtime import WebSocketRealtimeTransport

    transport = WebSocketRealtimeTransport(audio_format="binary", max_sessions=10_000)
    _channel = await _room_for(transport, provider_url)
    app = Starlette()
    app.mount("/", transport.asgi)
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, ws="websockets-sansio", ws_per_message_deflate=False, log_level="warning"
    )
    await uvicorn.Server(config).serve()


async def _room_for(transport: WebSocketRealtimeTransport, provider_url: str) -> RealtimeVoiceChannel:
    """A kit with one voice channel; each caller gets a session in a room of its own."""
    from roomkit import RoomKit
    from roomkit.channels.realtime_voice import RealtimeVoiceChannel
    from roomkit.voice.realtime.providers.openai import OpenAIRealtimeProvider

    kit = RoomKit()
    provider = OpenAIRealtimeProvider(api_key="bench", base_url=provider_url)
    channel = RealtimeVoiceChannel(
        "voice", provider=provider, transport=transport, input_sample_rate=24_000, output_sample_rate=24_000
    )
    kit.register_channel(channel)
    callers = iter(range(1_000_000))

    async def begin(connection: Any) -> None:
        number = next(callers)
        await channel.start_session(f"room-{number}", f"caller-{number}", connection=connection)

    transport.on_client_connected = begin
    return channel


if __name__ == "__main__":
    # The probe that waits for the port connects and leaves, which a server may find worth a traceback.
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    _kind, _port, _provider_port = sys.argv[1:4]
    uvloop.run(_server(_kind, int(_port), f"ws://127.0.0.1:{_provider_port}"))
