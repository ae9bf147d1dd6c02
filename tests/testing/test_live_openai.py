"""A live OpenAI simulator: the vendor's own clients talk to the local agent, by voice, in writing and with tools."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeRunner
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter
from websockets.asyncio.client import connect

from roomkit.errors import ConfigError
from roomkit.testing import OpenAISimulator, Script, hear, say
from roomkit.testing.simulators import connection as connection_module
from roomkit.testing.simulators.door import Serving
from roomkit.testing.simulators.sound import coded, decoded, tone
from roomkit.voice.audio.resample import Resampler
from tests.testing.live_speech import HOURS, WEATHER, is_audible, local_agent, noise, quieter, spoken

SERVER_EVENT: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
MODEL = "gpt-realtime-2.1"
ANSWER_TIMEOUT_S = 15.0
SESSION = {"type": "realtime", "audio": {"input": {"transcription": {"model": "gpt-transcribe"}}}}
WEATHER_TOOL = {"type": "function", "name": "get_weather", "parameters": {"type": "object"}}
PARIS = '{"city": "Paris", "temperature_c": 17, "conditions": "light rain"}'


@asynccontextmanager
async def live() -> AsyncIterator[Serving]:
    """A live simulator; nothing of it is left afterwards."""
    before = asyncio.all_tasks()
    async with OpenAISimulator(live=local_agent()).serve() as server:
        yield server
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before


@asynccontextmanager
async def client(server: Serving) -> AsyncIterator[AsyncRealtimeConnection]:
    async with (
        AsyncOpenAI(api_key="sk-test", base_url=server.base_url) as sdk,
        sdk.realtime.connect(model=MODEL) as connection,
    ):
        yield connection


async def until(connection: AsyncRealtimeConnection, type_: str) -> list[dict[str, Any]]:
    """Every event up to the one wanted, each checked against the vendor's model."""
    events: list[dict[str, Any]] = []
    async with asyncio.timeout(ANSWER_TIMEOUT_S):
        while not events or events[-1]["type"] != type_:
            events.append(json.loads(await connection.recv_bytes()))
            SERVER_EVENT.validate_python(events[-1])
            assert events[-1]["type"] != "error" or type_ == "error", events[-1]
    return events


async def speak(connection: AsyncRealtimeConnection, audio: bytes) -> None:
    for at in range(0, len(audio), 4_800):
        await connection.input_audio_buffer.append(audio=base64.b64encode(audio[at : at + 4_800]).decode())


async def send(connection: AsyncRealtimeConnection, type: str, **fields: Any) -> None:  # noqa: A002 -- the wire's own word
    await connection.send({"type": type, **fields})  # type: ignore[arg-type]  # built by hand, as rubbish is too


async def write(connection: AsyncRealtimeConnection, text: str) -> None:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    await send(connection, "conversation.item.create", item=item)
    await send(connection, "response.create")


def one(events: list[dict[str, Any]], type_: str) -> dict[str, Any]:
    (found,) = (event for event in events if event["type"] == type_)
    return found


def audio_of(events: list[dict[str, Any]]) -> bytes:
    return b"".join(base64.b64decode(one["delta"]) for one in events if one["type"] == "response.output_audio.delta")


def words_of(events: list[dict[str, Any]]) -> str:
    return str(one(events, "response.output_audio_transcript.done")["transcript"])


async def test_a_spoken_question_is_written_down_and_gets_the_right_answer_to_hear() -> None:
    async with live() as server, client(server) as connection:
        await send(connection, "session.update", session=SESSION)
        await speak(connection, await spoken(HOURS))
        turn = await until(connection, "response.done")

    heard = one(turn, "conversation.item.input_audio_transcription.completed")
    deltas = [event["delta"] for event in turn if event["type"] == "response.output_audio_transcript.delta"]
    assert "opening hours" in heard["transcript"]
    assert heard["item_id"] == one(turn, "input_audio_buffer.committed")["item_id"]
    assert "nine to six" in words_of(turn)
    assert "".join(deltas) == words_of(turn)
    assert turn[-1]["response"]["status"] == "completed"
    assert is_audible(audio_of(turn))


async def test_a_question_the_agent_needs_a_tool_for_is_answered_with_what_the_client_found_out() -> None:
    async with live() as server, client(server) as connection:
        await send(connection, "session.update", session=SESSION | {"tools": [WEATHER_TOOL]})
        await speak(connection, await spoken(WEATHER))
        call = one(await until(connection, "response.done"), "response.function_call_arguments.done")
        result = {"type": "function_call_output", "call_id": call["call_id"], "output": PARIS}
        await send(connection, "conversation.item.create", item=result)
        await send(connection, "response.create")
        answer = await until(connection, "response.done")

    assert (call["name"], json.loads(call["arguments"])) == ("get_weather", {"city": "Paris"})
    assert "17 degrees" in words_of(answer)
    assert is_audible(audio_of(answer))


async def test_speech_stops_a_running_answer_and_is_answered_itself() -> None:
    async with live() as server, client(server) as connection:
        await write(connection, "tell me a joke")  # the agent's longest answer: it is not all made at once
        item_id = (await until(connection, "response.output_audio.delta"))[-1]["item_id"]
        await speak(connection, await spoken(HOURS))
        await send(connection, "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=20)
        cut = await until(connection, "response.done")
        rest = await until(connection, "response.done")

    assert cut[-1]["response"]["status_details"]["reason"] == "turn_detected"
    assert "nine to six" in words_of(rest)


async def test_the_agents_sdk_talks_to_the_agent_and_runs_its_tool() -> None:
    asked: list[str] = []

    @function_tool
    def get_weather(city: str) -> str:
        """Today's weather."""
        asked.append(city)
        return PARIS

    agent = RealtimeAgent(name="Shop", instructions="Be brief.", tools=[get_weather])
    audio, ended = b"", 0
    async with live() as server:
        config: Any = {"api_key": "sk-test", "url": f"{server.url}?model={MODEL}"}
        async with await RealtimeRunner(agent).run(model_config=config) as session:
            await session.send_audio(await spoken(WEATHER))
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                async for event in session:
                    assert event.type != "error", event
                    audio += event.audio.data if event.type == "audio" else b""
                    ended += event.type == "agent_end"
                    if ended == 2:
                        break

    assert asked == ["Paris"]
    assert is_audible(audio)


async def test_two_clients_at_once_get_their_own_answers() -> None:
    async def ask(server: Serving, question: str) -> str:
        async with client(server) as connection:
            await speak(connection, await spoken(question))
            return words_of(await until(connection, "response.done"))

    async with live() as server:
        hours, weather = await asyncio.gather(ask(server, HOURS), ask(server, WEATHER))

    assert "nine to six" in hours
    assert "can't look up the weather" in weather  # this client declared no tool


async def test_a_client_that_vanishes_during_an_answer_leaves_nothing_behind_and_the_next_one_is_served() -> None:
    async with live() as server:
        headers = {"Authorization": "Bearer sk-test"}
        async with connect(f"{server.url}?model={MODEL}", additional_headers=headers, max_queue=None) as raw:
            item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "tell me a joke"}]}
            await raw.send(json.dumps({"type": "conversation.item.create", "item": item}))
            await raw.send('{"type": "response.create"}')
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                while b"output_audio.delta" not in await raw.recv(decode=False):
                    pass
            raw.transport.abort()
        async with client(server) as connection:
            await write(connection, "what are your opening hours")
            answer = await until(connection, "response.done")

    assert "nine to six" in words_of(answer)


async def test_the_line_to_a_client_that_reads_nothing_is_cut_before_memory_runs_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection_module, "MOST_UNSENT_BYTES", 400_000)
    is_cut = asyncio.Event()

    def note(line: str) -> None:
        if "closed 1006" in line:
            is_cut.set()

    simulator = OpenAISimulator(Script(hear("text"), say("A story.", seconds=600)), on_log=note)
    headers = {"Authorization": "Bearer sk-test"}
    async with (
        simulator.serve() as server,
        connect(f"{server.url}?model={MODEL}", additional_headers=headers, max_queue=1) as raw,
    ):
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a story"}]}
        await raw.send(json.dumps({"type": "conversation.item.create", "item": item}))
        await raw.send('{"type": "response.create"}')
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            await is_cut.wait()
        raw.transport.abort()

    assert is_cut.is_set()


@pytest.mark.parametrize("audio_type", ["audio/pcmu", "audio/pcma"])
async def test_a_telephone_is_understood_and_hears_the_answer_in_its_own_format(audio_type: str) -> None:
    audio = {"input": {"format": {"type": audio_type}}, "output": {"format": {"type": audio_type}}}
    async with live() as server, client(server) as connection:
        await send(connection, "session.update", session={"type": "realtime", "audio": audio})
        await speak(connection, coded(await spoken("what can you do", 8_000), audio_type))
        turn = await until(connection, "response.done")

    assert "You can ask for our opening hours" in words_of(turn)
    assert is_audible(decoded(audio_of(turn), audio_type), 8_000)


async def test_turns_by_hand_are_answered_when_asked_and_cleared_audio_is_forgotten() -> None:
    by_hand = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
    async with live() as server, client(server) as connection:
        await send(connection, "session.update", session=by_hand)
        await speak(connection, await spoken(WEATHER))
        await send(connection, "input_audio_buffer.clear")
        await speak(connection, await spoken(HOURS))
        await send(connection, "input_audio_buffer.commit")
        await send(connection, "response.create")
        turn = await until(connection, "response.done")
        await write(connection, "and in London")
        followed = await until(connection, "response.done")

    assert "nine to six" in words_of(turn)
    assert "weather" in words_of(followed)  # London out of the blue, for the first question was taken back


async def test_an_answer_in_writing_has_no_sound() -> None:
    async with live() as server, client(server) as connection:
        await send(connection, "session.update", session={"type": "realtime", "output_modalities": ["text"]})
        await write(connection, "what are your opening hours")
        turn = await until(connection, "response.done")

    assert "nine to six" in one(turn, "response.output_text.done")["text"]
    assert not audio_of(turn)


async def test_words_the_agent_does_not_know_are_admitted_not_to_be_understood() -> None:
    async with live() as server, client(server) as connection:
        await send(connection, "session.update", session=SESSION)
        await speak(connection, await spoken("my grandmother sold her bicycle"))
        turn = await until(connection, "response.done")

    assert one(turn, "conversation.item.input_audio_transcription.failed")
    assert "not something I know" in words_of(turn)


async def test_loud_noise_is_no_turn_and_a_question_too_quiet_for_a_level_meter_is_one() -> None:
    async with live() as server, client(server) as connection:
        await speak(connection, noise())
        await speak(connection, quieter(await spoken(HOURS), by=13))
        turn = await until(connection, "response.done")

    assert one(turn, "input_audio_buffer.speech_started")["audio_start_ms"] > 1_000
    assert "nine to six" in words_of(turn)


async def test_rubbish_is_refused_and_the_conversation_goes_on() -> None:
    rubbish: list[dict[str, Any]] = [
        {"type": "session.update", "session": {"type": "realtime", "tools": [{"type": "function"}]}},
        {"type": "input_audio_buffer.append", "audio": "§§"},
        {"type": "input_audio_buffer.commit"},
        {"type": "response.cancel"},
        {"type": "conversation.item.truncate", "item_id": "no", "content_index": 0, "audio_end_ms": 5},
        {"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "x", "output": ""}},
        {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": 5}},
    ]
    async with live() as server, client(server) as connection:
        for event in rubbish:
            await send(connection, **event)
            await until(connection, "error")
        await write(connection, "what are your opening hours")
        answer = await until(connection, "response.done")

    assert "nine to six" in words_of(answer)


def test_a_simulator_has_a_script_or_an_agent() -> None:
    with pytest.raises(ConfigError, match="not both"):
        OpenAISimulator(Script(), live=local_agent())


def test_eight_kilohertz_survives_the_codes() -> None:
    pcm = Resampler(24_000, 8_000).feed(tone(600))

    assert is_audible(decoded(coded(pcm, "audio/pcmu"), "audio/pcmu"), 8_000)
