"""The demo put together: a kit with a SQLite store, one realtime voice channel, and the hooks that tell the page.

What a reader should take from here is how little an application needs. Not in here: the web server (`server`), and
what the local agent knows (`roomkit.providers.local`). Invariant: every connection gets a room of its own.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roomkit.app.server import SAMPLES_DIR, build_app
from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.clock import SYSTEM_CLOCK
from roomkit.errors import ClientGoneError, ConfigError, ProviderError
from roomkit.kit import RoomKit
from roomkit.models.enums import HookExecution, HookTrigger
from roomkit.models.tool_call import Tool, ToolCallEvent
from roomkit.models.voice import SessionEvent, TurnEvent
from roomkit.providers.local.tools import default_tools
from roomkit.store.sqlite import SQLiteStore
from roomkit.voice.backends.websocket import WebSocketRealtimeTransport
from roomkit.voice.realtime.provider import RealtimeVoiceProvider

if TYPE_CHECKING:
    from starlette.applications import Starlette

logger = logging.getLogger(__name__)

CHANNEL_ID = "voice"

SYSTEM_PROMPT = (
    "You are the voice of a small shop, on the phone. Answer in one or two short spoken sentences. "
    "The shop is open Monday to Saturday from nine to six. "
    "Use order_status for orders and get_weather for the weather; say so when you do not know."
)

LOCAL_LIMITS = (
    "The local agent recognises its own phrases only, in English, spoken without much noise around; it takes no "
    "dictation. What it does not know, it says."
)
LOCAL_SWITCH = "To talk to a real model, stop the server and run `OPENAI_API_KEY=sk-… make demo`."
MODEL_LIMITS = "A model answers, over the network and on your account; it can be wrong."
MODEL_SWITCH = "To talk to the local agent, which needs no key, run `make demo` without `OPENAI_API_KEY`."


@dataclass(frozen=True, slots=True)
class Agent:
    """Who answers, and what the page says of it."""

    provider: RealtimeVoiceProvider
    label: str
    greeting: str | None
    phrases: tuple[str, ...]
    limits: str
    switch: str


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo ready to be served."""

    app: Starlette
    kit: RoomKit
    agent: Agent


def choose_agent(environ: Mapping[str, str] = os.environ) -> Agent:
    """OpenAI where the environment holds a key, else the local stack.

    Raises:
        MissingExtraError: No key, and the local stack is not installed.
    """
    from roomkit.providers.local.phrases import PHRASES

    if environ.get("OPENAI_API_KEY"):
        from roomkit.providers.openai.config import DEFAULT_MODEL
        from roomkit.providers.openai.realtime import OpenAIRealtimeProvider

        provider = OpenAIRealtimeProvider(environ["OPENAI_API_KEY"], base_url=environ.get("OPENAI_BASE_URL"))
        return Agent(provider, f"OpenAI {DEFAULT_MODEL}", None, PHRASES, MODEL_LIMITS, MODEL_SWITCH)

    from roomkit.providers.local.realtime import LocalRealtimeProvider

    greeting = "Hello, how can I help you?"
    return Agent(LocalRealtimeProvider(), "Local stack, no key", greeting, PHRASES, LOCAL_LIMITS, LOCAL_SWITCH)


def build_demo(*, store_path: Path | None = None, agent: Agent | None = None, loopback_only: bool = True) -> Demo:
    """Put the demo together; nothing is started yet.

    Args:
        store_path: The SQLite file of the conversations; default: `default_store_path`.
        agent: Who answers; default: `choose_agent`.
        loopback_only: Answer pages and programs of this machine only.

    Raises:
        MissingExtraError: Something optional is not installed.
        ConfigError: The store's folder cannot be made.
    """
    agent = agent or choose_agent()
    kit = RoomKit(store=SQLiteStore(_with_folder(store_path or default_store_path())))
    transport = WebSocketRealtimeTransport(audio_format="binary")
    channel = RealtimeVoiceChannel(
        CHANNEL_ID,
        provider=agent.provider,
        transport=transport,
        system_prompt=SYSTEM_PROMPT,
        greeting=agent.greeting,
        tools=[Tool(tool.name, tool.description, tool.parameters, tool.handler) for tool in default_tools()],
    )
    kit.register_channel(channel)
    _add_hooks(kit, channel)

    @transport.on_client_connected
    async def take_call(connection: Any) -> None:
        try:
            await channel.start_session(SYSTEM_CLOCK.new_id("room"), "caller", connection=connection)
        except ClientGoneError:
            return  # hung up while we were dialling
        except ProviderError as problem:  # the session has told the caller
            logger.warning("no session: %s", problem)

    app = build_app(voice=transport.asgi, config=page_config(agent), loopback_only=loopback_only, on_stop=kit.close)
    return Demo(app, kit, agent)


def _add_hooks(kit: RoomKit, channel: RealtimeVoiceChannel) -> None:
    """The page is told of tools as they run and of how long answers took; a room ends with its call."""

    @kit.hook(HookTrigger.BEFORE_TOOL_USE, execution=HookExecution.ASYNC)
    async def tool_begins(event: ToolCallEvent, _context: object) -> None:
        _send(channel, event, status="running", result=None)

    @kit.hook(HookTrigger.ON_TOOL_CALL, execution=HookExecution.ASYNC)
    async def tool_ends(event: ToolCallEvent, _context: object) -> None:
        has_failed = isinstance(event.result, Mapping) and "error" in event.result
        _send(channel, event, status="failed" if has_failed else "done", result=event.result)

    @kit.hook(HookTrigger.ON_TURN_COMPLETE, execution=HookExecution.ASYNC)
    async def turn_ends(event: TurnEvent, _context: object) -> None:
        latency = event.latency
        message = {
            "type": "latency",
            "answer_ms": latency.get("first_audio_sent_ms"),
            "heard_ms": latency.get("first_audio_heard_ms"),
            **latency,
        }
        channel.send_client_message(event.session, message)

    @kit.hook(HookTrigger.ON_SESSION_ENDED, execution=HookExecution.ASYNC)
    async def call_ends(event: SessionEvent, _context: object) -> None:
        await kit.close_room(event.room_id)  # it was this call's own; the store keeps what was said


def _send(channel: RealtimeVoiceChannel, event: ToolCallEvent, *, status: str, result: Any) -> None:
    if event.session is None:
        return
    message = {"type": "tool_call", "id": event.tool_call_id, "name": event.name, "arguments": event.arguments}
    channel.send_client_message(event.session, {**message, "status": status, "result": result})


def page_config(agent: Agent) -> dict[str, Any]:
    """What the page is told of the agent."""
    sample = bundled_sample()
    return {
        "provider": agent.label,
        "phrases": list(agent.phrases),
        "limits": agent.limits,
        "switch": agent.switch,
        "sample_url": f"samples/{sample.name}" if sample else None,
    }


def bundled_sample() -> Path | None:
    """The spoken sample that comes with the package: the first of its WAV files by name."""
    return next(iter(sorted(SAMPLES_DIR.glob("*.wav"))), None)


def default_store_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Where this operating system keeps a program's data: ``…/roomkit/demo.sqlite3``."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "roomkit" / "demo.sqlite3"


def _with_folder(path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{path.parent}: cannot be made ({error.strerror}); choose another with --store") from error
    return path
