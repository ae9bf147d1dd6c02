"""For tests of the simulated ElevenLabs server: a client in memory that checks whatever it is told."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any, Final

from roomkit.testing import ElevenLabsSimulator, Script, SimulatedAgent
from roomkit.testing.simulators.elevenlabs.server import PATH
from roomkit.testing.simulators.elevenlabs.sound import in_format
from roomkit.testing.simulators.sound import tone
from roomkit.voice.wires.port import Endpoint, WireClosed, WireMessage
from tests.wire.elevenlabs_messages import check_server

URL: Final = f"wss://simulated{PATH}?agent_id=agent_1"
BEGIN: Final = {"type": "conversation_initiation_client_data"}
SPEECH: Final = in_format(tone(400) + bytes(500 * 48), "pcm_16000")


class Client:
    """A client in memory that says what it likes, and checks every event it gets against the vendor's models."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.closed: WireClosed | None = None

    async def dial(self, simulator: ElevenLabsSimulator, url: str = URL, **headers: str) -> Client:
        self.wire = await simulator.dial(Endpoint(url, headers))
        self.wire.start(self._on_message, self._on_close)
        return self

    def _on_message(self, message: WireMessage) -> None:
        event = json.loads(message)
        check_server(event)
        self.events.append(event)
        if event["type"] == "ping":
            self.says({"type": "pong", "event_id": event["ping_event"]["event_id"]})

    def _on_close(self, closed: WireClosed) -> None:
        self.closed = closed

    def says(self, *messages: dict[str, Any] | str | bytes) -> None:
        for message in messages:
            self.wire.send(json.dumps(message) if isinstance(message, dict) else message)

    def speaks(self, audio: bytes = SPEECH) -> None:
        self.says({"user_audio_chunk": base64.b64encode(audio).decode()})

    def of(self, type_: str) -> list[dict[str, Any]]:
        """The bodies of all events of a type."""
        found = [event for event in self.events if event["type"] == type_]
        return [next(body for key, body in event.items() if key != "type") for event in found]

    def types(self) -> list[str]:
        return [event["type"] for event in self.events if event["type"] != "ping"]


async def begun(script: Script | None = None, agent: SimulatedAgent | None = None, **begin: Any) -> Client:
    client = await Client().dial(ElevenLabsSimulator(script, agent=agent))
    client.says({**BEGIN, **begin})
    await asyncio.sleep(0.01)
    return client
