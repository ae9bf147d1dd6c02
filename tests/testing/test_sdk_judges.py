"""The official clients as judges: the `openai` SDK and the OpenAI Agents SDK hold conversations with the simulator."""

from __future__ import annotations

import base64
import json
from typing import Any

from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from roomkit.testing import OpenAISimulator, Script, call_tool, expect, expect_tool_result, hear, say, transcribe
from roomkit.testing.simulators.sound import tone

SERVER_EVENT: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
SILENCE_MS = 400


async def until(connection: AsyncRealtimeConnection, type_: str) -> list[dict[str, Any]]:
    """Every event up to the one wanted, each checked against the vendor's model."""
    events = []
    while True:
        event = json.loads(await connection.recv_bytes())
        SERVER_EVENT.validate_python(event)
        events.append(event)
        if event["type"] == type_:
            return events
        assert event["type"] != "error", event


async def speak(connection: AsyncRealtimeConnection, duration_ms: int = 600) -> None:
    """A caller's utterance: tone for speech, then silence."""
    pcm = tone(duration_ms) + bytes(48 * SILENCE_MS)
    for at in range(0, len(pcm), 960):
        await connection.input_audio_buffer.append(audio=base64.b64encode(pcm[at : at + 960]).decode())


async def test_the_openai_sdk_holds_a_conversation_in_text_speech_and_tools() -> None:
    script = Script(
        expect("session.update", session={"instructions": "Be brief."}),
        hear("text"),
        say("Hello there."),
        hear("speech"),
        transcribe("Any slot on Friday?"),
        say("Let me look."),
        call_tool("get_slot", {"day": "Fri"}, together=True),
        expect_tool_result({"slot": "10:30"}),
        say("Half past ten."),
    )
    async with OpenAISimulator(script).serve() as server:
        client = AsyncOpenAI(api_key="sk-test", base_url=server.base_url)
        async with client.realtime.connect(model="gpt-realtime-2.1") as connection:
            await connection.session.update(
                session={
                    "type": "realtime",
                    "instructions": "Be brief.",
                    "audio": {"input": {"transcription": {"model": "gpt-transcribe"}}},
                }
            )
            await until(connection, "session.updated")
            await connection.conversation.item.create(
                item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
            )
            await connection.response.create()
            greeting = await until(connection, "response.done")
            await speak(connection)
            turn = await until(connection, "response.done")
            call = turn[-1]["response"]["output"][1]
            await connection.conversation.item.create(
                item={"type": "function_call_output", "call_id": call["call_id"], "output": '{"slot": "10:30"}'}
            )
            await connection.response.create()
            last = await until(connection, "response.done")
        await client.close()

    assert audio_of(greeting) == tone(600)
    assert call["name"] == "get_slot"
    assert json.loads(call["arguments"]) == {"day": "Fri"}
    assert "conversation.item.input_audio_transcription.completed" in [event["type"] for event in turn]
    assert last[-1]["response"]["output"][0]["content"][0]["transcript"] == "Half past ten."
    script.assert_done()


def audio_of(events: list[dict[str, Any]]) -> bytes:
    return b"".join(base64.b64decode(one["delta"]) for one in events if one["type"] == "response.output_audio.delta")
