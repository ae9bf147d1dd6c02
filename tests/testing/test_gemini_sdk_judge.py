"""The official client as a judge: the `google-genai` SDK holds conversations with the simulated Gemini Live service.

It dials ``wss`` only, so it is pointed at a plain socket through two private attributes (tried with 3.4.0). Every
message that reaches it passed the vendor's own model of server messages.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from google import genai
from google.genai import types
from google.genai.errors import APIError
from google.genai.live import AsyncSession

from roomkit.testing import GeminiSimulator, Script, call_tool, expect, expect_tool_result, hear, say, transcribe
from roomkit.testing.simulators.sound import tone

MODEL = "gemini-2.5-flash-native-audio-preview-12-2025"
ANSWER_TIMEOUT_S = 10.0
FRAME_BYTES = 640
CONFIG: dict[str, Any] = {
    "response_modalities": ["AUDIO"],
    "system_instruction": "Be brief.",
    "speech_config": {"voice_config": {"prebuilt_voice_config": {"voice_name": "Puck"}}, "language_code": "en-US"},
    "input_audio_transcription": {},
    "output_audio_transcription": {},
    "session_resumption": {},
    "context_window_compression": {"sliding_window": {}},
    "realtime_input_config": {"automatic_activity_detection": {"silence_duration_ms": 400}},
    "tools": [
        {
            "function_declarations": [
                {
                    "name": "get_slot",
                    "description": "Find a slot",
                    "parameters": {"type": "OBJECT", "properties": {"day": {"type": "STRING"}}},
                }
            ]
        },
        {"google_search": {}},
    ],
}


@asynccontextmanager
async def sdk(simulator: GeminiSimulator, **changes: Any) -> AsyncIterator[AsyncSession]:
    """The vendor's client, connected over a real socket."""
    async with simulator.serve() as server:
        client = genai.Client(api_key="key")
        api: Any = client._api_client  # the SDK has no public way to dial without TLS
        api._websocket_base_url = lambda *_, **__: server.base_url.replace("http", "ws")
        api._websocket_ssl_ctx = {}
        async with client.aio.live.connect(model=MODEL, config={**CONFIG, **changes}) as session:  # type: ignore[arg-type]  # dicts are taken
            yield session


async def turn(session: AsyncSession) -> list[types.LiveServerMessage]:
    """Every message up to the end of a turn, or to a tool call."""
    messages: list[types.LiveServerMessage] = []
    async with asyncio.timeout(ANSWER_TIMEOUT_S):
        async for message in session.receive():
            messages.append(message)
            if message.tool_call:
                break
    return messages


async def speak(session: AsyncSession, duration_ms: int = 600) -> None:
    pcm = tone(duration_ms)[: duration_ms * 32] + bytes(600 * 32)
    for at in range(0, len(pcm), FRAME_BYTES):
        await session.send_realtime_input(
            audio=types.Blob(data=pcm[at : at + FRAME_BYTES], mime_type="audio/pcm;rate=16000")
        )


def audio_of(messages: list[types.LiveServerMessage]) -> bytes:
    return b"".join(message.data or b"" for message in messages)


def words_of(messages: list[types.LiveServerMessage], side: str) -> str:
    contents = [message.server_content for message in messages if message.server_content]
    found = (getattr(content, f"{side}_transcription") for content in contents)
    return "".join(words.text or "" for words in found if words)


async def test_the_sdk_holds_a_conversation_in_text_speech_and_tools() -> None:
    script = Script(
        expect("setup", systemInstruction={"parts": [{"text": "Be brief."}]}),
        hear("text"),
        say("Hello there.", seconds=0.2),
        hear("speech"),
        transcribe("Any slot on Friday?"),
        say("Let me look.", seconds=0.2),
        call_tool("get_slot", {"day": "Fri"}, together=True),
        expect_tool_result({"slot": "10:30"}),
        say("Half past ten.", seconds=0.2),
    )
    async with sdk(GeminiSimulator(script)) as session:
        await session.send_client_content(turns=types.Content(role="user", parts=[types.Part(text="Hi")]))
        greeting = await turn(session)
        await speak(session)
        asked = await turn(session)
        assert asked[-1].tool_call is not None
        (call,) = asked[-1].tool_call.function_calls or []
        await session.send_tool_response(
            function_responses=types.FunctionResponse(id=call.id, name=call.name, response={"slot": "10:30"})
        )
        answer = await turn(session)

    script.assert_done()
    assert (words_of(greeting, "output"), audio_of(greeting)) == ("Hello there.", tone(200))
    assert (words_of(asked, "input"), call.args) == ("Any slot on Friday?", {"day": "Fri"})
    assert words_of(answer, "output") == "Half past ten."
    assert answer[-1].usage_metadata is not None
    assert (answer[-1].usage_metadata.total_token_count or 0) > 0


async def test_the_sdk_is_told_that_its_caller_interrupted() -> None:
    script = Script(hear("text"), say("A long story.", seconds=30), hear("speech"), say("Sorry.", seconds=0.1))
    async with sdk(GeminiSimulator(script)) as session:
        await session.send_client_content(turns=types.Content(role="user", parts=[types.Part(text="Tell me")]))
        await speak(session, 200)
        cut = await turn(session)
        sorry = await turn(session)

    script.assert_done()
    assert any(message.server_content and message.server_content.interrupted for message in cut)
    assert words_of(sorry, "output") == "Sorry."


async def test_the_sdk_takes_a_conversation_up_again() -> None:
    simulator = GeminiSimulator()
    async with sdk(simulator) as session:
        content = types.Content(role="user", parts=[types.Part(text="My name is Ada")])
        await session.send_client_content(turns=content, turn_complete=True)
        told = await turn(session)
        updates = [message.session_resumption_update for message in told]
        handle = next(update.new_handle for update in updates if update and update.resumable)
    async with sdk(simulator, session_resumption={"handle": handle}) as session:
        await session.send_realtime_input(text="What is my name?")
        answer = await turn(session)

    assert words_of(answer, "output") == "You said: What is my name?"
    assert simulator.sessions[0].history[0]["parts"] == [{"text": "My name is Ada"}]


async def test_the_sdk_marks_turns_by_hand_and_shows_a_picture() -> None:
    script = Script(hear("commit"), say("A cat.", seconds=0.1))
    manual = {"automatic_activity_detection": {"disabled": True}}
    async with sdk(GeminiSimulator(script), realtime_input_config=manual) as session:
        await session.send_realtime_input(activity_start=types.ActivityStart())
        await session.send_realtime_input(video=types.Blob(data=b"\xff\xd8", mime_type="image/jpeg"))
        await session.send_realtime_input(audio=types.Blob(data=bytes(640), mime_type="audio/pcm;rate=16000"))
        await session.send_realtime_input(activity_end=types.ActivityEnd())
        answer = await turn(session)

    script.assert_done()
    assert words_of(answer, "output") == "A cat."


async def test_the_sdk_is_hung_up_on_for_what_the_service_refuses() -> None:
    with pytest.raises(APIError) as refused:
        async with sdk(GeminiSimulator(), session_resumption={"handle": "stale"}) as session:
            await turn(session)

    assert refused.value.code == 1007
    assert "handle" in str(refused.value)


async def test_every_message_the_simulator_sends_is_one_the_vendor_knows() -> None:
    frames: list[bytes] = []
    script = Script(
        hear("text"), say("One.", seconds=0.1), call_tool("get_slot", together=True), hear("speech"),
        transcribe("Wait"), say("Two.", seconds=0.1),
    )  # fmt: skip
    async with sdk(GeminiSimulator(script), explicit_vad_signal=None) as session:
        receive = session._ws.recv

        async def recorded(**options: Any) -> Any:
            frames.append(await receive(**options))
            return frames[-1]

        session._ws.recv = recorded  # type: ignore[assignment]  # the same shape, for one test
        await session.send_client_content(turns=types.Content(role="user", parts=[types.Part(text="Hi")]))
        await turn(session)
        await speak(session)
        await turn(session)
        await turn(session)

    assert all(isinstance(frame, bytes) for frame in frames)
    kinds = {next(iter(json.loads(frame))) for frame in frames}
    assert kinds == {"serverContent", "toolCall", "toolCallCancellation", "sessionResumptionUpdate"}
    for frame in frames:
        types.LiveServerMessage.model_validate(json.loads(frame))
