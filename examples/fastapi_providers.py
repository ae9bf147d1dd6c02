"""A FastAPI app whose one voice endpoint talks through whichever provider the query names.

``/voice?provider=openai|gemini|grok|elevenlabs|local``: one channel a provider, all on one transport, in one kit. The
page at ``/`` offers those that can be had here. ``local`` needs no key; the others read theirs from the environment
(``OPENAI_API_KEY``, ``GEMINI_API_KEY``, ``XAI_API_KEY``, ``ELEVENLABS_API_KEY`` with ``ELEVENLABS_AGENT_ID``), and a
``..._BASE_URL`` beside it sends them elsewhere, to ``roomkit simulate`` for example.

Run it: ``python examples/fastapi_providers.py [--port N]``. Needs the extra ``demo`` and FastAPI.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import FastAPI, WebSocket
from fastapi.staticfiles import StaticFiles

from roomkit import ConfigError, RealtimeVoiceChannel, RoomKit, RoomKitError, Tool
from roomkit.app.server import STATIC_DIR, Door, address_of, bind, serving
from roomkit.providers.elevenlabs.realtime import ElevenLabsRealtimeProvider
from roomkit.providers.local.realtime import LocalRealtimeProvider
from roomkit.providers.xai.realtime import XAIRealtimeProvider
from roomkit.voice.realtime import WebSocketRealtimeTransport
from roomkit.voice.realtime.provider import RealtimeVoiceProvider
from roomkit.voice.realtime.providers.gemini import GeminiLiveProvider
from roomkit.voice.realtime.providers.openai import OpenAIRealtimeProvider

PAGE_DIR: Final = Path(__file__).with_suffix("")
PROMPT: Final = "You are the voice of a small demo. Answer in one or two short spoken sentences."
UNKNOWN_PROVIDER: Final = 4404
Environment = Mapping[str, str]


@dataclass(frozen=True)
class Choice:
    """One provider a caller may pick.

    Attributes:
        title: What the page calls it.
        needs: The environment variables without which it cannot be had.
        make: Builds it; its key and everything else come from the environment.
    """

    title: str
    needs: tuple[str, ...]
    make: Callable[[Environment], RealtimeVoiceProvider]

    def missing(self, environ: Environment) -> list[str]:
        """The variables that are not set."""
        return [name for name in self.needs if not environ.get(name)]


CHOICES: Final[Mapping[str, Choice]] = {
    "local": Choice("Local stack, no key", (), lambda environ: LocalRealtimeProvider()),
    "openai": Choice(
        "OpenAI Realtime",
        ("OPENAI_API_KEY",),
        lambda environ: OpenAIRealtimeProvider(
            environ["OPENAI_API_KEY"], base_url=environ.get("OPENAI_REALTIME_BASE_URL")
        ),
    ),
    "gemini": Choice(
        "Google Gemini Live",
        ("GEMINI_API_KEY",),
        lambda environ: GeminiLiveProvider(environ["GEMINI_API_KEY"], base_url=environ.get("GEMINI_BASE_URL")),
    ),
    "grok": Choice(
        "xAI Grok",
        ("XAI_API_KEY",),
        lambda environ: XAIRealtimeProvider(api_key=environ["XAI_API_KEY"], base_url=environ.get("XAI_BASE_URL")),
    ),
    "elevenlabs": Choice(
        "ElevenLabs",
        ("ELEVENLABS_API_KEY", "ELEVENLABS_AGENT_ID"),
        lambda environ: ElevenLabsRealtimeProvider(
            api_key=environ["ELEVENLABS_API_KEY"],
            agent_id=environ["ELEVENLABS_AGENT_ID"],
            base_url=environ.get("ELEVENLABS_BASE_URL"),
        ),
    ),
}


def opening_hours() -> str:
    """The one thing the agent can look up."""
    return "We are open from nine to five, Monday to Friday."


HOURS: Final = Tool("get_opening_hours", "When we are open.", {"type": "object", "properties": {}}, opening_hours)


def create_app(environ: Environment = os.environ) -> FastAPI:
    """The application: the page, what it may offer, and the voice endpoint."""
    kit = RoomKit()
    transport = WebSocketRealtimeTransport(audio_format="binary")
    channels = {
        name: RealtimeVoiceChannel(
            f"voice-{name}", provider=choice.make(environ), transport=transport, system_prompt=PROMPT, tools=[HOURS]
        )
        for name, choice in CHOICES.items()
        if not choice.missing(environ)
    }
    for channel in channels.values():
        kit.register_channel(channel)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with kit:
            yield

    app = FastAPI(title="RoomKit: pick a provider", lifespan=lifespan)
    app.add_middleware(Door, loopback_only=True)

    @app.get("/providers")
    async def providers() -> list[dict[str, object]]:
        """Every choice, and what it still needs here."""
        return [
            {"name": name, "title": choice.title, "missing": choice.missing(environ)}
            for name, choice in CHOICES.items()
        ]

    @app.websocket("/voice")
    async def voice(websocket: WebSocket, provider: str = "local") -> None:
        """One call, in a room of its own."""
        await websocket.accept()
        try:
            channel = picked(provider, channels, environ)
        except ConfigError as error:
            await websocket.send_json({"type": "error", "code": "unknown_provider", "message": str(error)})
            await websocket.close(UNKNOWN_PROVIDER, "no such provider here")
            return
        with contextlib.suppress(RoomKitError):  # the session has told the caller why, and hung up
            await channel.start_session(f"call-{uuid.uuid4()}", "caller", connection=websocket)
        await transport.wait_closed(websocket)

    app.mount("/roomkit", StaticFiles(directory=STATIC_DIR))
    app.mount("/", StaticFiles(directory=PAGE_DIR, html=True))
    return app


def picked(provider: str, channels: Mapping[str, RealtimeVoiceChannel], environ: Environment) -> RealtimeVoiceChannel:
    """The channel of the provider that was asked for.

    Raises:
        ConfigError: There is none: nobody knows it, or its key is not set.
    """
    if provider in channels:
        return channels[provider]
    choice = CHOICES.get(provider)
    if choice is None:
        raise ConfigError(f"provider is one of {', '.join(CHOICES)}")
    raise ConfigError(f"{choice.title} needs {' and '.join(choice.missing(environ))} in the server's environment")


async def main(port: int) -> None:
    listener = bind("127.0.0.1", port)
    print(f"Pick a provider and talk to it: http://{address_of(listener)}/", flush=True)
    async with serving(create_app(), listener) as server:
        await asyncio.wait([server])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8000)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(parser.parse_args().port))
