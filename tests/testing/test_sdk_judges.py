"""The official clients as judges: the `openai` SDK and the OpenAI Agents SDK hold conversations with the simulator."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeRunner
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeErrorEvent, RealtimeServerEvent
from pydantic import TypeAdapter

from roomkit.testing import OpenAISimulator, Script, call_tool, expect, expect_tool_result, hear, say, transcribe
from roomkit.testing.simulators.sound import tone

SERVER_EVENT: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
MODEL = "gpt-realtime-2.1"
SILENCE = bytes(400 * 48)
ANSWER_TIMEOUT_S = 10.0


@asynccontextmanager
async def sdk(simulator: OpenAISimulator) -> AsyncIterator[AsyncRealtimeConnection]:
    """The vendor's client, connected over a real socket."""
    async with (
        simulator.serve() as server,
        AsyncOpenAI(api_key="sk-test", base_url=server.base_url) as client,
        client.realtime.connect(model=MODEL) as connection,
    ):
        yield connection


async def until(connection: AsyncRealtimeConnection, type_: str) -> list[dict[str, Any]]:
    """Every event up to the one wanted, each checked against the vendor's model."""
    events: list[dict[str, Any]] = []
    async with asyncio.timeout(ANSWER_TIMEOUT_S):
        while not events or events[-1]["type"] != type_:
            events.append(json.loads(await connection.recv_bytes()))
            SERVER_EVENT.validate_python(events[-1])
            assert events[-1]["type"] != "error", events[-1]
    return events


async def speak(connection: AsyncRealtimeConnection, pcm: bytes) -> None:
    for at in range(0, len(pcm), 960):
        await connection.input_audio_buffer.append(audio=base64.b64encode(pcm[at : at + 960]).decode())


def audio_of(events: list[dict[str, Any]]) -> bytes:
    return b"".join(base64.b64decode(one["delta"]) for one in events if one["type"] == "response.output_audio.delta")


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
    async with sdk(OpenAISimulator(script)) as connection:
        transcription = {"input": {"transcription": {"model": "gpt-transcribe"}}}
        await connection.session.update(
            session={"type": "realtime", "instructions": "Be brief.", "audio": transcription}  # type: ignore[typeddict-item]  # the SDK's nested TypedDicts want literals
        )
        await until(connection, "session.updated")
        await connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
        )
        await connection.response.create()
        greeting = await until(connection, "response.done")
        await speak(connection, tone(600) + SILENCE)
        turn = await until(connection, "response.done")
        call = turn[-1]["response"]["output"][1]
        await connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": call["call_id"], "output": '{"slot": "10:30"}'}
        )
        await connection.response.create()
        last = await until(connection, "response.done")

    assert audio_of(greeting) == tone(600)
    assert call["name"] == "get_slot"
    assert json.loads(call["arguments"]) == {"day": "Fri"}
    assert "conversation.item.input_audio_transcription.completed" in [event["type"] for event in turn]
    assert last[-1]["response"]["output"][0]["content"][0]["transcript"] == "Half past ten."
    script.assert_done()


async def test_the_openai_sdk_interrupts_an_answer_and_truncates_it() -> None:
    script = Script(
        hear("text"),
        say("A long story.", seconds=30, pace="realtime"),
        expect("conversation.item.truncate", audio_end_ms=20),
        hear("speech"),
        say("Sorry."),
    )
    async with sdk(OpenAISimulator(script)) as connection:
        await connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "A story"}]}
        )
        await connection.response.create()
        item_id = (await until(connection, "response.output_audio.delta"))[-1]["item_id"]
        await speak(connection, tone(200))
        cut = await until(connection, "response.done")
        await connection.conversation.item.truncate(item_id=item_id, content_index=0, audio_end_ms=20)
        truncated = await until(connection, "conversation.item.truncated")
        await speak(connection, SILENCE)
        last = await until(connection, "response.done")

    assert cut[-1]["response"]["status_details"]["reason"] == "turn_detected"
    assert truncated[-1]["item_id"] == item_id
    assert last[-1]["response"]["status"] == "completed"
    script.assert_done()


async def test_the_openai_sdk_reads_an_error_event() -> None:
    async with sdk(OpenAISimulator()) as connection:
        await connection.response.cancel(event_id="mine")
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            errors = [event.error async for event in up_to_an_error(connection)]

    assert (errors[-1].code, errors[-1].event_id) == ("response_cancel_not_active", "mine")


async def up_to_an_error(connection: AsyncRealtimeConnection) -> AsyncIterator[RealtimeErrorEvent]:
    async for event in connection:
        if isinstance(event, RealtimeErrorEvent):
            yield event
            return


async def test_the_agents_sdk_runs_a_session_with_a_tool() -> None:
    asked: list[str] = []

    @function_tool
    def get_slot(day: str) -> str:
        """Find a slot."""
        asked.append(day)
        return "10:30"

    script = Script(
        hear("text"),
        say("Let me look."),
        call_tool("get_slot", {"day": "Fri"}, together=True),
        expect_tool_result("10:30"),
        say("Half past ten."),
    )
    audio = b""
    agent = RealtimeAgent(name="Clerk", instructions="Be brief.", tools=[get_slot])
    async with OpenAISimulator(script).serve() as server:
        config: Any = {"api_key": "sk-test", "url": f"{server.url}?model={MODEL}"}
        async with await RealtimeRunner(agent).run(model_config=config) as session:
            await session.send_message("Any slot on Friday?")
            ended = 0
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                async for event in session:
                    assert event.type != "error", event
                    audio += event.audio.data if event.type == "audio" else b""
                    ended += event.type == "agent_end"
                    if ended == 2:
                        break

    assert asked == ["Fri"]
    assert audio == tone(900) * 2
    script.assert_done()
