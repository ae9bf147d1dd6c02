"""The provider picker: the same endpoint, a client that is a program, and each vendor's simulator behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from examples.fastapi_providers import CHOICES, UNKNOWN_PROVIDER, create_app
from roomkit.app.server import address_of, bind, serving
from roomkit.testing import ElevenLabsSimulator, GeminiSimulator, OpenAISimulator, Script, XAISimulator, hear, say

ANSWER = "We are open from nine to five."
SIMULATORS: Mapping[str, tuple[type[Any], dict[str, str], str]] = {
    "openai": (OpenAISimulator, {"OPENAI_API_KEY": "k"}, "OPENAI_REALTIME_BASE_URL"),
    "gemini": (GeminiSimulator, {"GEMINI_API_KEY": "k"}, "GEMINI_BASE_URL"),
    "grok": (XAISimulator, {"XAI_API_KEY": "k"}, "XAI_BASE_URL"),
    "elevenlabs": (ElevenLabsSimulator, {"ELEVENLABS_API_KEY": "k", "ELEVENLABS_AGENT_ID": "a"}, "ELEVENLABS_BASE_URL"),
}


@asynccontextmanager
async def served(environ: Mapping[str, str]) -> AsyncIterator[str]:
    listener = bind("127.0.0.1", 0)
    async with serving(create_app(environ), listener):
        yield address_of(listener)


async def told(call: ClientConnection, type_: str, **fields: Any) -> dict[str, Any]:
    """The next message of that type with those fields."""
    async with asyncio.timeout(20):
        while True:
            message = await call.recv()
            if isinstance(message, str):
                read: dict[str, Any] = json.loads(message)
                if read["type"] == type_ and fields.items() <= read.items():
                    return read


@pytest.mark.parametrize("name", SIMULATORS)
async def test_the_provider_of_the_query_answers_the_caller(name: str) -> None:
    simulator, key, base_url = SIMULATORS[name]
    async with (
        simulator(lambda: Script(hear("text"), say(ANSWER))).serve() as vendor,
        served({**key, base_url: vendor.url}) as address,
        connect(f"ws://{address}/voice?provider={name}") as call,
    ):
        started = await told(call, "session_started")
        await call.send(json.dumps({"type": "text", "text": "When are you open?"}))
        answer = await told(call, "transcription", role="assistant", is_final=True)

    assert started["provider"] in (name, "xai")
    assert answer["text"] == ANSWER


async def test_without_a_key_the_local_stack_answers() -> None:
    async with served({}) as address, connect(f"ws://{address}/voice") as call:
        started = await told(call, "session_started")
        await call.send(json.dumps({"type": "text", "text": "what time is it"}))
        answer = await told(call, "transcription", role="assistant", is_final=True)

    assert started["provider"] == "local"
    assert answer["text"]


async def test_the_page_is_told_which_providers_need_what() -> None:
    async with served({"XAI_API_KEY": "k"}) as address, httpx.AsyncClient(trust_env=False) as client:
        choices = (await client.get(f"http://{address}/providers")).json()

    missing = {choice["name"]: choice["missing"] for choice in choices}
    assert missing["local"] == missing["grok"] == []
    assert missing["elevenlabs"] == ["ELEVENLABS_API_KEY", "ELEVENLABS_AGENT_ID"]
    assert missing.keys() == CHOICES.keys()


@pytest.mark.parametrize(
    ("asked_for", "says"),
    [
        ("?provider=nobody", "one of local, openai"),
        ("?provider=grok", "needs XAI_API_KEY"),
        ("?provider=", "one of local"),
        ("?provider=%00%ff&provider=x", "one of local"),
    ],
)
async def test_a_provider_that_cannot_be_had_is_an_answer_and_not_a_silence(asked_for: str, says: str) -> None:
    async with served({}) as address, connect(f"ws://{address}/voice{asked_for}") as call:
        error = await told(call, "error", code="unknown_provider")
        with pytest.raises(ConnectionClosed) as closed:
            await call.recv()

    assert says in error["message"]
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == UNKNOWN_PROVIDER


async def test_a_provider_that_refuses_the_key_is_told_to_the_caller() -> None:
    async with (
        OpenAISimulator(api_key="right").serve() as vendor,
        served({"OPENAI_API_KEY": "wrong", "OPENAI_REALTIME_BASE_URL": vendor.url}) as address,
        connect(f"ws://{address}/voice?provider=openai") as call,
    ):
        ended = await told(call, "session_ended")

    assert ended["reason"] == "provider_refused"


async def test_a_page_of_another_site_may_not_call() -> None:
    async with served({}) as address:
        with pytest.raises(InvalidStatus):
            await connect(f"ws://{address}/voice", origin="https://elsewhere.example")  # type: ignore[arg-type]  # a str
