"""A caller who reads, on the real clock: a WebSocket client, our provider and the simulator (R-0006-64 to 66)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import websockets

from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.kit import RoomKit
from roomkit.models.framework import FrameworkEvent
from roomkit.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit.testing import OpenAISimulator, Script, hear, say
from roomkit.voice.backends.websocket import WebSocketRealtimeTransport
from roomkit.voice.session.client_audio import CANNOT_HEAR

CALL_TIMEOUT_S = 10.0


class Caller:
    """A program at the far end of a socket."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self._socket = socket
        self.messages: list[dict[str, Any]] = []

    async def sends(self, **message: object) -> None:
        await self._socket.send(json.dumps(message))

    async def until(self, **fields: object) -> dict[str, Any]:
        """Read up to the first message that has these fields."""
        while True:
            message: dict[str, Any] = json.loads(await self._socket.recv())
            self.messages.append(message)
            if fields.items() <= message.items():
                return message

    def count(self, type_: str) -> int:
        return sum(message["type"] == type_ for message in self.messages)


async def test_a_caller_who_says_so_at_once_reads_and_hears_again_when_it_can() -> None:
    script = Script(hear("text"), say("It is noon.", seconds=0.3), hear("text"), say("It still is.", seconds=0.3))
    simulator, transport = OpenAISimulator(script), WebSocketRealtimeTransport()
    told: list[FrameworkEvent] = []
    async with RoomKit() as kit, simulator.serve() as vendor, transport.listen() as door:
        provider = OpenAIRealtimeProvider("sk-test", base_url=vendor.url)
        channel = RealtimeVoiceChannel("voice", provider=provider, transport=transport)
        kit.register_channel(channel)
        kit.on("degraded")(told.append)
        kit.on("audio_restored")(told.append)

        @transport.on_client_connected
        async def answer_the_call(connection: Any) -> None:
            await channel.start_session("room", "ada", connection)

        async with asyncio.timeout(CALL_TIMEOUT_S), websockets.connect(door.url) as socket:
            caller = Caller(socket)
            await caller.sends(type="capabilities", microphone=False, speaker=False)
            await caller.until(type="capabilities", microphone=False, speaker=False)
            await caller.sends(type="text", text="what time is it")
            read = await caller.until(type="transcription", role="assistant", is_final=True)
            audio_while_reading = caller.count("audio")

            await caller.sends(type="capabilities", microphone=True, speaker=True)
            await caller.until(type="capabilities", microphone=True, speaker=True)
            await caller.sends(type="text", text="and now")
            heard = await caller.until(type="transcription", role="assistant", is_final=True)
            await caller.sends(type="end")

    assert [message["text"] for message in (read, heard)] == ["It is noon.", "It still is."]
    assert audio_while_reading == 0
    assert caller.count("audio") > 0
    assert caller.messages[0]["type"] == "session_started"
    assert [(event.type, event.data["side"]) for event in told] == [
        ("degraded", "client"),
        ("audio_restored", "client"),
    ]
    assert CANNOT_HEAR in json.dumps(simulator.received)
