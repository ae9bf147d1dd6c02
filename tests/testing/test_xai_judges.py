"""Clients that are not ours talk to the simulated xAI server: the `openai` SDK, and the AI SDK's model of xAI.

xAI has no realtime client of its own; its users take OpenAI's with another address, or one of the frameworks.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter, ValidationError

from roomkit.testing import Script, XAISimulator, call_tool, expect, expect_tool_result, hear, say, transcribe
from roomkit.testing.simulators.sound import tone

ANSWER_TIMEOUT_S = 10.0
SERVER_EVENT: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
AI_SDK = Path(__file__).parent / "ai_sdk"

TOLERATED = {
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "response.content_part.added",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.delta",
    "response.function_call_arguments.done",
}
"""Events of ours that OpenAI's strict models take too, although they carry more."""

REJECTED = {
    "session.created",
    "session.updated",
    "ping",
    "conversation.item.input_audio_transcription.updated",
    "conversation.item.input_audio_transcription.completed",
    "response.created",
    "response.content_part.done",
    "response.done",
}
"""What those models refuse, as they refuse the real server's (``response.output_item.added`` for a message, too)."""


async def until(connection: AsyncRealtimeConnection, type_: str) -> list[dict[str, Any]]:
    """Every event up to the one wanted, through the SDK's own lenient parser."""
    events: list[dict[str, Any]] = []
    async with asyncio.timeout(ANSWER_TIMEOUT_S):
        while not events or events[-1]["type"] != type_:
            data = await connection.recv_bytes()
            connection.parse_event(data)
            events.append(json.loads(data))
            assert events[-1]["type"] != "error", events[-1]
    return events


async def test_the_openai_sdk_with_another_address_holds_a_conversation() -> None:
    script = Script(
        expect("session.update", session={"voice": "rex"}),
        hear("speech"), transcribe("any slot"), say("Let me look."), call_tool("look", {"day": "Fri"}, together=True),
        expect_tool_result("10:30"), say("Half past ten."),
    )  # fmt: skip
    seen: list[dict[str, Any]] = []
    async with (
        XAISimulator(script).serve() as server,
        AsyncOpenAI(api_key="xai-test", base_url=server.base_url) as client,
        client.realtime.connect(model="grok-voice-latest") as connection,
    ):
        session = {
            "voice": "rex",
            "turn_detection": {"type": "server_vad"},
            "audio": {"input": {"transcription": {"model": "grok-transcribe"}}},
        }
        await connection.send({"type": "session.update", "session": session})  # type: ignore[arg-type]  # xAI's shape
        seen += await until(connection, "session.updated")
        for at in range(0, 48 * 1_500, 960):
            pcm = (tone(600) + bytes(48 * 900))[at : at + 960]
            await connection.input_audio_buffer.append(audio=base64.b64encode(pcm).decode())
        seen += await until(connection, "response.done")
        output = {
            "type": "function_call_output",
            "call_id": seen[-1]["response"]["output"][1]["call_id"],
            "output": "10:30",
        }
        await connection.conversation.item.create(item=output)  # type: ignore[arg-type]  # a dict is what users pass
        await connection.response.create()
        seen += await until(connection, "response.done")

    assert seen[-1]["response"]["output"][0]["content"] == [{"type": "audio", "transcript": "Half past ten."}]
    assert {event["type"] for event in seen if is_strictly_openais(event)} & REJECTED == set()
    assert {event["type"] for event in seen if not is_strictly_openais(event)} & TOLERATED == set()
    assert {event["type"] for event in seen} >= REJECTED | TOLERATED


def is_strictly_openais(event: dict[str, Any]) -> bool:
    try:
        SERVER_EVENT.validate_python(event)
    except ValidationError:
        return False
    return True


@pytest.fixture(scope="session")
def node() -> str:
    """The Node.js that can run the AI SDK; installs the SDK beside this file where it can."""
    program = shutil.which("node")
    if program is not None:
        subprocess.run([AI_SDK.parents[2] / "tools" / "ai_sdk.sh"], check=True, timeout=300)
    if program is None or not (AI_SDK / "node_modules" / "@ai-sdk" / "xai").is_dir():
        if os.environ.get("CI"):
            pytest.fail("no Node.js with the AI SDK; see tools/ai_sdk.sh")
        pytest.skip("no Node.js with the AI SDK; see tools/ai_sdk.sh")
    return program


async def test_the_ai_sdk_holds_a_conversation_with_a_tool(node: str) -> None:
    script = Script(
        expect("session.update", session={"voice": "eve", "turn_detection": {"silence_duration_ms": 300}}),
        hear("text"), say("Let me look."), call_tool("get_slot", {"day": "Fri"}, together=True),
        expect_tool_result("10:30"), say("Half past ten."),
    )  # fmt: skip
    simulator = XAISimulator(script, api_key="xai-judge")
    async with simulator.serve() as server, asyncio.timeout(30):
        call = await asyncio.create_subprocess_exec(
            node, AI_SDK / "call.mjs", server.url, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        told, complaints = await call.communicate()

    assert (call.returncode, complaints.decode()) == (0, "")
    events = [json.loads(line) for line in told.decode().splitlines()]
    simulator.assert_done()
    assert [event["transcript"] for event in events if event["type"] == "audio-transcript-done"] == [
        "Let me look.",
        "Half past ten.",
    ]
    (called,) = (event for event in events if event["type"] == "function-call-arguments-done")
    assert (called["name"], json.loads(called["arguments"])) == ("get_slot", {"day": "Fri"})
    assert {event["rawType"] for event in events if event["type"] == "custom"} == {"conversation.created", "ping"}
    assert [event for event in events if event["type"] == "error"] == []
    assert sum(len(base64.b64decode(event["delta"])) for event in events if event["type"] == "audio-delta") > 0
