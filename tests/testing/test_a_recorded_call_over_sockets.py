"""A recorded call on the real clock: a WebSocket client, our provider and the simulator, joined by real sockets."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import wave
from pathlib import Path
from typing import Any

import websockets

from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.kit import RoomKit
from roomkit.models.enums import HookTrigger
from roomkit.models.recording import Recording, RecordingEvent
from roomkit.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit.testing import OpenAISimulator, Script, hear, say
from roomkit.voice.backends.websocket import WebSocketRealtimeTransport

ANSWER_TIMEOUT_S = 10.0
COUNTED = range(1, 7_201)
"""300 ms at 24 kHz, each sample telling where it is."""


async def test_what_came_through_the_sockets_is_in_the_file(tmp_path: Path) -> None:
    answer = struct.pack(f"<{len(COUNTED)}h", *COUNTED)
    simulator = OpenAISimulator(Script(hear("text"), say("noon", audio=answer, pace="fast")))
    transport = WebSocketRealtimeTransport()
    stopped: list[RecordingEvent] = []
    is_over = asyncio.Event()
    async with RoomKit() as kit, simulator.serve() as vendor, transport.listen() as door:
        provider = OpenAIRealtimeProvider("sk-test", base_url=vendor.url)
        channel = RealtimeVoiceChannel(
            "voice", provider=provider, transport=transport, recording=Recording(directory=tmp_path)
        )
        kit.register_channel(channel)

        @kit.hook(HookTrigger.ON_RECORDING_STOPPED)
        def is_complete(event: RecordingEvent, _: object) -> None:
            stopped.append(event)
            is_over.set()

        @transport.on_client_connected
        async def answer_the_call(connection: Any) -> None:
            await channel.start_session("room", "ada", connection)

        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            heard = await call(door.url)
            await is_over.wait()

    [event] = stopped
    caller, agent = tracks(event.path)
    assert heard == answer
    first = agent.index(1)
    assert agent[first : first + len(COUNTED)] == list(COUNTED)
    assert not any(agent[:first] + agent[first + len(COUNTED) :])
    assert 9_000 <= sum(abs(sample - 1_000) < 50 for sample in caller) <= 9_600  # 400 ms of 1,000
    assert [line["type"] for line in log(event.log_path)][-2:] == ["session_ended", "recording_stopped"]
    assert event.reason == "client_ended"


async def call(url: str) -> bytes:
    """Type a question, listen until the answer is final, speak, hang up. Returns the audio that came."""
    speech = base64.b64encode(struct.pack("<320h", *[1_000] * 320)).decode()
    heard, is_final = b"", False
    async with websockets.connect(url) as client:
        await client.recv()  # session_started
        await client.send(json.dumps({"type": "text", "text": "what time is it"}))
        while not is_final:
            message = json.loads(await client.recv())
            if message["type"] == "audio":
                heard += base64.b64decode(message["data"])
            is_final = message["type"] == "transcription" and message["role"] == "assistant" and message["is_final"]
        for _ in range(20):
            await client.send(json.dumps({"type": "audio", "data": speech}))
            await asyncio.sleep(0.02)
        await client.send(json.dumps({"type": "end"}))
    return heard


def tracks(path: str) -> tuple[list[int], list[int]]:
    with wave.open(path) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 24_000)
        both = struct.unpack(f"<{2 * file.getnframes()}h", file.readframes(file.getnframes()))
    return list(both[0::2]), list(both[1::2])


def log(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
