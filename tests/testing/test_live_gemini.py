"""A live Gemini simulator: the vendor's own SDK talks to the local agent, by voice, in writing and with a tool."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from google import genai
from google.genai import types
from google.genai.live import AsyncSession

from roomkit.testing import GeminiSimulator
from tests.testing.live_speech import HOURS, WEATHER, is_audible, local_agent, noise, quieter, spoken

MODEL = "gemini-2.5-flash-native-audio-preview-12-2025"
ANSWER_TIMEOUT_S = 15.0
CONFIG: dict[str, Any] = {
    "response_modalities": ["AUDIO"],
    "input_audio_transcription": {},
    "output_audio_transcription": {},
    "tools": [{"function_declarations": [{"name": "get_weather", "description": "Today's weather"}]}],
}
PARIS = {"city": "Paris", "temperature_c": 17, "conditions": "light rain"}
Messages = list[types.LiveServerMessage]


@asynccontextmanager
async def live(**changes: Any) -> AsyncIterator[AsyncSession]:
    """The vendor's client, connected to a live simulator of which nothing is left afterwards."""
    before = asyncio.all_tasks()
    async with GeminiSimulator(live=local_agent()).serve() as server:
        client = genai.Client(api_key="key")
        api: Any = client._api_client  # the SDK has no public way to dial without TLS
        api._websocket_base_url = lambda *_, **__: server.base_url.replace("http", "ws")
        api._websocket_ssl_ctx = {}
        async with client.aio.live.connect(model=MODEL, config={**CONFIG, **changes}) as session:  # type: ignore[arg-type]  # dicts are taken
            yield session
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before


async def until(session: AsyncSession, is_last: Callable[[types.LiveServerMessage], object]) -> Messages:
    """Every message up to the one wanted."""
    messages: Messages = []
    async with asyncio.timeout(ANSWER_TIMEOUT_S):
        while not messages or not is_last(messages[-1]):
            messages.append(await session._receive())  # `receive` waits until an answer could have been played
    return messages


async def speak(session: AsyncSession, pcm: bytes) -> None:
    for at in range(0, len(pcm), 6_400):
        piece = types.Blob(data=pcm[at : at + 6_400], mime_type="audio/pcm;rate=16000")
        await session.send_realtime_input(audio=piece)


def is_made(message: types.LiveServerMessage) -> bool:
    """The answer is complete, if not played."""
    return bool(message.server_content and message.server_content.generation_complete)


def audio_of(messages: Messages) -> bytes:
    return b"".join(message.data or b"" for message in messages)


def words_of(messages: Messages, side: str = "output") -> str:
    contents = [message.server_content for message in messages if message.server_content]
    found = (getattr(content, f"{side}_transcription") for content in contents)
    return "".join(words.text or "" for words in found if words)


async def test_a_spoken_question_is_written_down_and_gets_the_right_answer_to_hear() -> None:
    async with live() as session:
        await speak(session, await spoken(HOURS, 16_000))
        turn = await until(session, is_made)

    assert "opening hours" in words_of(turn, "input")
    assert "nine to six" in words_of(turn)
    assert is_audible(audio_of(turn))


async def test_a_question_the_agent_needs_a_tool_for_is_answered_with_what_the_client_found_out() -> None:
    async with live() as session:
        await speak(session, await spoken(WEATHER, 16_000))
        asked = (await until(session, lambda message: message.tool_call))[-1].tool_call
        assert asked is not None
        (call,) = asked.function_calls or []
        response = types.FunctionResponse(id=call.id, name=call.name, response=PARIS)
        await session.send_tool_response(function_responses=response)
        answer = await until(session, is_made)

    assert (call.name, call.args) == ("get_weather", {"city": "Paris"})
    assert "17 degrees" in words_of(answer)
    assert is_audible(audio_of(answer))


async def test_of_an_answer_that_is_interrupted_as_it_begins_next_to_nothing_counts_as_said() -> None:
    async with live() as session:
        await session.send_client_content(turns=types.Content(role="user", parts=[types.Part(text="what can you do")]))
        first = words_of(await until(session, is_made))
        await speak(session, await spoken("repeat that", 16_000))
        cut = await until(session, lambda message: message.server_content and message.server_content.interrupted)
        again = words_of(await until(session, is_made))

    assert cut
    # a slow machine may take a word's time from the first sound to the interruption
    is_beginning = first.strip().startswith(again.strip()) and len(again.split()) <= 3
    assert "I have not said anything yet" in again or is_beginning


async def test_loud_noise_is_no_turn_and_a_question_too_quiet_for_a_level_meter_is_one() -> None:
    async with live() as session:
        await speak(session, noise(16_000))
        await speak(session, quieter(await spoken(HOURS, 16_000), by=13))
        turn = await until(session, is_made)

    assert "nine to six" in words_of(turn)


async def test_turns_by_hand_are_answered_too() -> None:
    by_hand = {"automatic_activity_detection": {"disabled": True}}
    async with live(realtime_input_config=by_hand) as session:
        await session.send_realtime_input(activity_start=types.ActivityStart())
        await speak(session, await spoken(HOURS, 16_000))
        await session.send_realtime_input(activity_end=types.ActivityEnd())
        turn = await until(session, is_made)

    assert "nine to six" in words_of(turn)
