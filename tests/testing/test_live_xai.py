"""A live xAI simulator: a client asks aloud, has words said as given, and hears both in the local agent's voice."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from roomkit.testing import XAISimulator
from tests.testing.live_speech import HOURS, is_audible, local_agent, spoken

ANSWER_TIMEOUT_S = 15.0
RATE_HZ = 16_000
SESSION = {
    "turn_detection": {"type": "server_vad"},
    "audio": {side: {"format": {"type": "audio/pcm", "rate": RATE_HZ}} for side in ("input", "output")},
}


async def until_done(wire: ClientConnection) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    async with asyncio.timeout(ANSWER_TIMEOUT_S):
        while not events or events[-1]["type"] != "response.done":
            events.append(json.loads(await wire.recv()))
            assert events[-1]["type"] != "error", events[-1]
    return events


def said(events: list[dict[str, Any]]) -> tuple[str, bytes]:
    words = [event["delta"] for event in events if event["type"] == "response.output_audio_transcript.delta"]
    sound = [event["delta"] for event in events if event["type"] == "response.output_audio.delta"]
    return "".join(words), b"".join(map(base64.b64decode, sound))


async def test_a_question_is_answered_and_words_are_said_as_given_at_the_clients_rate() -> None:
    item = {"type": "force_message", "content": [{"type": "output_text", "text": "Please hold the line."}]}
    headers = {"Authorization": "Bearer xai-test"}
    async with (
        XAISimulator(live=local_agent()).serve() as server,
        connect(f"{server.url}?model=grok-voice-latest", additional_headers=headers) as wire,
    ):
        await wire.send(json.dumps({"type": "session.update", "session": SESSION}))
        audio = base64.b64encode(await spoken(HOURS, RATE_HZ)).decode()
        await wire.send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))
        answer = said(await until_done(wire))
        await wire.send(json.dumps({"type": "conversation.item.create", "item": item}))
        given = said(await until_done(wire))

    assert "nine to six" in answer[0]
    assert is_audible(answer[1], RATE_HZ)
    assert given[0] == "Please hold the line."
    assert is_audible(given[1], RATE_HZ)
