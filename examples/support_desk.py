"""A support desk in one room: a caller by voice, an agent on a text model, a supervisor by chat, and a moderator.

What the caller says enters the room as words; the agent answers in text, and the voice channel says that aloud. The
supervisor reads everything, whispers to the agent (the caller neither hears nor sees it), takes over and hands back. A
hook blocks secrets, insults and small talk, typed and spoken. All of it is in one SQLite file, also after a restart.

Without a key the local voice stack listens and speaks, and a rule book thinks; with OPENAI_API_KEY a model does both.
Run it: ``python examples/support_desk.py [--store FILE] [--port N]``. Needs the extra ``demo``; with a key also ``ai``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import os
import re
import tempfile
import wave
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from roomkit import (
    AIChannel,
    ChannelDirection,
    HookResult,
    HookTrigger,
    InboundMessage,
    RealtimeVoiceChannel,
    RoomContext,
    RoomEvent,
    RoomKit,
    TextContent,
    WebSocketChannel,
)
from roomkit.app.server import STATIC_DIR, Door, address_of, bind, serving
from roomkit.clock import SYSTEM_CLOCK
from roomkit.core.ports import TextModel
from roomkit.errors import ClientGoneError, NotFoundError, ProviderError
from roomkit.models.enums import EventStatus, EventType
from roomkit.models.framework import FrameworkEvent
from roomkit.providers.local.text import LocalTextModel
from roomkit.providers.local.tools import default_tools
from roomkit.voice.backends.websocket import WebSocketRealtimeTransport
from roomkit.voice.realtime.provider import RealtimeVoiceProvider
from roomkit.voice.tts.espeak import EspeakTts

ROOM: Final = "support"
VOICE, CHAT, DESK, AGENT = "voice", "chat", "desk", "agent"
CALLER, SUPERVISOR = "caller", "supervisor"
PEOPLE: Mapping[str, str] = {CHAT: CALLER, DESK: SUPERVISOR}
PAGE_DIR: Final = Path(__file__).with_suffix("")
SHOWN_EVENTS: Final = 200
SPOKEN: Final = (
    "What are your opening hours?",
    "Where is my order?",
    "What is the status of order 1 2 3 4?",
    "What is the weather in Paris?",
)
"""Sentences the page can say in the caller's place; the last one is blocked."""
PROMPT: Final = (
    "You are the agent of a shop's support desk. The caller hears you: answer in one or two short spoken sentences. "
    "What 'supervisor' writes is a whisper of your colleague: follow it in your next answer to the caller, and never "
    "mention it; answer the whisper itself with one word."
)

# --- moderation -------------------------------------------------------------------------------------------------------

SECRET = re.compile(
    r"\b(?:card|pin|code|password|number is)\b\D{0,12}\d(?:[ -]?\d){3}|\b\d(?:[ -]?\d){11}", re.IGNORECASE
)
INSULT = re.compile(r"\b(?:idiots?|stupid|morons?|shut up)\b", re.IGNORECASE)
OFF_TOPIC = re.compile(r"\b(?:weather|forecast|raining|football)\b", re.IGNORECASE)
RULES: Final = (
    (SECRET, "It holds a number like a PIN or a card's: those are not passed on."),
    (INSULT, "Insults are not passed on."),
    (OFF_TOPIC, "That is not what this desk is for."),
)


def objection(text: str) -> str | None:
    """Why a sentence may not enter the room, whoever says or types it; ``None`` if it may."""
    return next((reason for pattern, reason in RULES if pattern.search(text)), None)


async def moderate(event: RoomEvent, _context: RoomContext) -> HookResult | None:
    reason = objection(event.text)
    return None if reason is None else HookResult.block(reason)


SAID_AS: Final[Mapping[str, str]] = {AGENT: "assistant", DESK: "assistant", CHAT: "system"}
"""What the voice channel does with words: says them as the agent, or only knows of them."""


def arrange(event: RoomEvent, _context: RoomContext) -> HookResult | None:
    """The voice channel says what agent and supervisor write. What was heard of it, the agent need not read again."""
    source = event.source
    if source.channel_id in SAID_AS:
        metadata = {**event.metadata, "inject_role": SAID_AS[source.channel_id]}
        return HookResult.modify(event.model_copy(update={"metadata": metadata}))
    if source.channel_id == VOICE and source.direction is ChannelDirection.OUTBOUND:
        return HookResult.modify(event.model_copy(update={"visibility": f"{CHAT},{DESK}"}))
    return None


# --- who listens, speaks and thinks -----------------------------------------------------------------------------------


def choose_voice(environ: Mapping[str, str] = os.environ) -> RealtimeVoiceProvider:
    """OpenAI where there is a key, else the local stack."""
    if environ.get("OPENAI_API_KEY"):
        from roomkit.providers.openai.realtime import OpenAIRealtimeProvider

        return OpenAIRealtimeProvider(environ["OPENAI_API_KEY"])
    from roomkit.providers.local.realtime import LocalRealtimeProvider

    return LocalRealtimeProvider()


def choose_model(environ: Mapping[str, str] = os.environ) -> TextModel | str:
    """The name of a model where there is a key (``SUPPORT_DESK_MODEL`` names another), else the local rule book."""
    return (
        environ.get("SUPPORT_DESK_MODEL", "openai:gpt-5.2")
        if environ.get("OPENAI_API_KEY")
        else LocalTextModel(notes_from=[SUPERVISOR])
    )


# --- the desk ---------------------------------------------------------------------------------------------------------


class SupportDesk:
    """The room, its channels and hooks, and the pages that look at it. `open` it before it is served."""

    def __init__(self, store: Path, voice: RealtimeVoiceProvider, model: TextModel | str) -> None:
        self.kit = RoomKit(store=store)
        self._transport = WebSocketRealtimeTransport(audio_format="binary")
        self._voice = RealtimeVoiceChannel(
            VOICE,
            provider=voice,
            transport=self._transport,
            greeting="Hello, this is the support desk. How can I help you?",
            provider_config={"create_response": False},  # it listens and speaks; the agent in the room thinks
        )
        self._chats = {CHAT: WebSocketChannel(CHAT), DESK: WebSocketChannel(DESK)}
        self._pages: dict[str, set[WebSocket]] = {CHAT: set(), DESK: set()}
        agent = AIChannel(AGENT, model, system_prompt=PROMPT, tools=default_tools())
        for channel in (self._voice, *self._chats.values(), agent):
            self.kit.register_channel(channel)
        self._add_hooks()

    async def open(self) -> None:
        """Make the room, or find it as it was left."""
        try:
            await self.kit.get_room(ROOM)
        except NotFoundError:
            await self.kit.create_room(ROOM)
        for channel_id in (VOICE, CHAT, DESK, AGENT):
            await self.kit.attach_channel(ROOM, channel_id)

    def app(self) -> Starlette:
        """What is served: the pages, their chat, and the caller's voice."""
        return Starlette(
            routes=[
                Route(
                    "/config.json",
                    lambda _request: JSONResponse({"spoken": SPOKEN, "voice": self._voice.provider.name}),
                ),
                Route("/spoken/{number:int}.wav", speak),
                WebSocketRoute("/chat/{channel_id}", self._chat),
                Mount("/voice", self._transport.asgi),
                Mount("/roomkit", StaticFiles(directory=STATIC_DIR)),
                Mount("/", StaticFiles(directory=PAGE_DIR, html=True)),
            ],
            middleware=[Middleware(Door, loopback_only=True)],
        )

    def _add_hooks(self) -> None:
        kit = self.kit
        kit.hook(HookTrigger.BEFORE_BROADCAST, name="moderation", directions=[ChannelDirection.INBOUND])(moderate)
        kit.hook(HookTrigger.BEFORE_BROADCAST, name="arrangement", priority=1)(arrange)
        for moment in (HookTrigger.ON_SESSION_STARTED, HookTrigger.ON_SESSION_ENDED):
            kit.hook(moment)(self._call_changed)
        kit.on("event_blocked")(self._show_blocked)

        @self._transport.on_client_connected
        async def take_call(connection: Any) -> None:
            with contextlib.suppress(ClientGoneError, ProviderError):  # the session has told the caller
                await self._voice.start_session(ROOM, CALLER, connection=connection)

    # --- a page -----------------------------------------------------------------------------------------------------

    async def _chat(self, page: WebSocket) -> None:
        """One page: what its channel may see, from the beginning, and what its person says."""
        channel_id = page.path_params["channel_id"]
        await page.accept()
        if channel_id not in self._chats:
            await page.close(4404, "there is no such side")
            return

        async def show(_connection_id: str, event: RoomEvent) -> None:
            await page.send_json(shown(event))

        connection_id = SYSTEM_CLOCK.new_id("page")
        self._chats[channel_id].register_connection(connection_id, show, room_id=ROOM)
        self._pages[channel_id].add(page)
        try:
            for event in await self._past(channel_id):
                await page.send_json(shown(event))
            await page.send_json(await self._state())
            async for text in page.iter_text():
                await self._take(channel_id, page, text)
        finally:
            self._pages[channel_id].discard(page)
            self._chats[channel_id].unregister_connection(connection_id)

    async def _past(self, channel_id: str) -> list[RoomEvent]:
        """What a page missed, blocked events included where they are its own to know of."""
        host = self._chats[channel_id].host
        seen = {event.id for event in await host.history(ROOM, limit=SHOWN_EVENTS)} if host else set()
        newest = await self.kit.get_timeline(ROOM, limit=SHOWN_EVENTS, newest_first=True)
        return [each for each in reversed(newest) if each.id in seen or _may_know(channel_id, each)]

    async def _take(self, channel_id: str, page: WebSocket, text: str) -> None:
        try:
            message = json.loads(text)
            what, words = str(message["type"]), str(message.get("text", "")).strip()[:2_000]
        except (ValueError, KeyError, TypeError, AttributeError):
            await page.send_json({"type": "error", "message": "That was no message of this page's."})
            return
        match what:
            case "take_over" if channel_id == DESK:
                await self.kit.take_over(ROOM, AGENT, SUPERVISOR)
                await self._tell_all()
            case "hand_back" if channel_id == DESK:
                await self.kit.hand_back(ROOM, AGENT)
                await self._tell_all()
            case "say" | "whisper" if words:
                await self._say(channel_id, page, words, is_whisper=what == "whisper")
            case _:
                await page.send_json({"type": "error", "message": "That cannot be done from here."})

    async def _say(self, channel_id: str, page: WebSocket, words: str, *, is_whisper: bool) -> None:
        ways: dict[str, Any] = {}
        if channel_id == DESK:
            if not is_whisper and not await self._is_taken_over():
                await page.send_json({"type": "error", "message": "Take over first: the agent is answering."})
                return
            ways = {"visibility": AGENT} if is_whisper else {"addressed_to": ()}
        host = self._chats[channel_id].host
        message = InboundMessage(
            channel_id=channel_id, sender_id=PEOPLE[channel_id], content=TextContent(body=words), **ways
        )
        if host is None:
            return
        result = await host.receive(message, room_id=ROOM, waits=False)
        if result.event is not None and not result.blocked:  # a channel is not shown its own (R-0002-7)
            await self._tell(channel_id, shown(result.event))

    # --- what pages are told ------------------------------------------------------------------------------------------

    async def _is_taken_over(self) -> bool:
        binding = await self.kit.get_binding(ROOM, AGENT)
        return binding is not None and binding.taken_over_by is not None

    async def _state(self) -> dict[str, Any]:
        sessions = self._voice.get_room_sessions(ROOM)
        return {"type": "state", "taken_over": await self._is_taken_over(), "on_call": bool(sessions)}

    async def _call_changed(self, _event: object, _context: RoomContext) -> None:
        await self._tell_all()

    async def _tell_all(self) -> None:
        state = await self._state()
        for channel_id in self._pages:
            await self._tell(channel_id, state)

    async def _show_blocked(self, report: FrameworkEvent) -> None:
        newest = await self.kit.get_timeline(ROOM, limit=SHOWN_EVENTS, newest_first=True)
        for event in (each for each in newest if each.id == report.event_id):
            for channel_id in (each for each in self._pages if _may_know(each, event)):
                await self._tell(channel_id, shown(event))

    async def _tell(self, channel_id: str, message: dict[str, Any]) -> None:
        for page in list(self._pages[channel_id]):
            with contextlib.suppress(RuntimeError, OSError):  # it has just gone; its own task tidies up
                await page.send_json(message)


def _may_know(channel_id: str, event: RoomEvent) -> bool:
    """Whether a page is told of a blocked event: the supervisor of all, the caller of their own."""
    is_callers = event.source.channel_id in (VOICE, CHAT)
    return event.status is EventStatus.BLOCKED and (channel_id == DESK or is_callers)


def shown(event: RoomEvent) -> dict[str, Any]:
    """An event as the page draws it."""
    source, is_spoken = event.source, event.source.channel_id == VOICE
    who = {VOICE: CALLER, CHAT: CALLER, DESK: SUPERVISOR, AGENT: "agent"}.get(source.channel_id, "room")
    is_heard = is_spoken and source.direction is ChannelDirection.OUTBOUND
    is_private = source.channel_id in (DESK, AGENT) and VOICE not in event.visibility and event.visibility != "all"
    return {
        "type": "event",
        "id": event.id,
        "index": event.index,
        "at": event.created_at.isoformat(),
        "who": "agent" if is_heard else who,
        "kind": "heard" if is_heard else "note" if event.type is EventType.SYSTEM else "words",
        "is_spoken": is_spoken,
        "is_private": is_private,
        "is_cut": bool(event.metadata.get("interrupted")),
        "blocked": event.block_reason if event.status is EventStatus.BLOCKED else None,
        "text": event.text,
    }


async def speak(request: Request) -> Response:
    """One of the `SPOKEN` sentences as a WAV file, for callers without a microphone."""
    number = request.path_params["number"]
    if number >= len(SPOKEN):
        return Response(status_code=404)
    tts = EspeakTts("en-us")
    pcm = b"".join([piece async for piece in tts.synthesize(SPOKEN[number])])
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setparams((1, 2, tts.rate_hz, 0, "NONE", ""))
        file.writeframes(pcm)
    return Response(content.getvalue(), media_type="audio/wav")


async def main(store: Path, port: int) -> None:
    listener = bind("127.0.0.1", port)
    desk = SupportDesk(store, choose_voice(), choose_model())
    async with desk.kit:
        await desk.open()
        async with serving(desk.app(), listener) as server:
            print(
                f"The support desk is open at http://{address_of(listener)}/ and keeps its timeline in {store}.",
                flush=True,
            )
            await server


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="One room: a caller, an agent, a supervisor, a moderator.")
    parser.add_argument("--store", type=Path, default=Path(tempfile.gettempdir()) / "support-desk.sqlite3")
    parser.add_argument("--port", type=int, default=8700)
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(options.store, options.port))
