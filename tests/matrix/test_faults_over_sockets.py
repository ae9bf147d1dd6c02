"""One fault of each kind over real sockets, with the adapter that is really used: the call goes on all the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from roomkit.clock import SYSTEM_CLOCK
from roomkit.providers.elevenlabs.realtime import ElevenLabsRealtimeProvider
from roomkit.providers.gemini.realtime import GeminiLiveProvider
from roomkit.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit.providers.xai.realtime import XAIRealtimeProvider
from roomkit.testing import (
    ElevenLabsSimulator,
    GeminiSimulator,
    OpenAISimulator,
    Script,
    XAISimulator,
    hear,
    say,
    transcribe,
)
from roomkit.voice.realtime.provider import RealtimeVoiceProvider
from roomkit.voice.wires import websockets
from tests.matrix.proxy import TEXT, Proxy
from tests.testing.phone_call import PhoneCall

WORDS = [("user", "one?"), ("assistant", "one"), ("user", "two?"), ("assistant", "two")]

Simulator = OpenAISimulator | GeminiSimulator | XAISimulator | ElevenLabsSimulator


def script() -> Script:
    return Script(
        hear("speech"), transcribe("one?"), say("one", seconds=0.1),
        hear("speech"), transcribe("two?"), say("two", seconds=0.1),
    )  # fmt: skip


VENDORS: dict[str, tuple[Callable[[Script], Simulator], Callable[[str], RealtimeVoiceProvider]]] = {
    "openai": (OpenAISimulator, lambda url: OpenAIRealtimeProvider("sk-test", base_url=url)),
    "gemini": (GeminiSimulator, lambda url: GeminiLiveProvider("key", base_url=url)),
    "xai": (XAISimulator, lambda url: XAIRealtimeProvider(api_key="xai-test", base_url=url)),
    "elevenlabs": (
        ElevenLabsSimulator,
        lambda url: ElevenLabsRealtimeProvider(
            api_key="xi-test", agent_id="agent_1", base_url=url, handshake_timeout_s=0.3
        ),
    ),
}


@asynccontextmanager
async def served(name: str) -> AsyncIterator[tuple[Proxy, RealtimeVoiceProvider]]:
    """A vendor's simulator behind a proxy, and its provider."""
    make_simulator, make_provider = VENDORS[name]
    async with make_simulator(script()).serve() as server, Proxy(server.url).listening() as proxy:
        yield proxy, make_provider(proxy.url(server.url))


def on_the_phone(*providers: RealtimeVoiceProvider) -> PhoneCall:
    return PhoneCall(*providers, clock=SYSTEM_CLOCK, rate_hz=16_000)


async def asks(call: PhoneCall, words: int) -> None:
    """The caller says something, faster than anybody can speak, until so many words are in the room."""
    await call.caller(speaks_ms=600, speed=20)
    async with asyncio.timeout(10):
        while len(await call.words()) < words:
            await call.caller(listens_ms=20)


def expired(proxy: Proxy) -> None:
    error = {"type": "invalid_request_error", "code": "session_expired"}
    proxy.says(TEXT, json.dumps({"type": "error", "error": error}).encode())
    proxy.closes(1001)


def rubbish(proxy: Proxy) -> None:
    for _ in range(20):
        proxy.says(TEXT, b"{")


FAULTS: dict[str, Callable[[Proxy], None]] = {
    "drop": Proxy.cut,
    "half-close": lambda proxy: proxy.closes(1001),
    "garbage": rubbish,
    "limit reached": expired,
}


@pytest.mark.parametrize(
    ("fault", "name"),
    [("drop", "openai"), ("half-close", "gemini"), ("half-close", "elevenlabs"), ("garbage", "xai"),
     ("limit reached", "openai")],
)  # fmt: skip
async def test_a_call_survives_it_between_two_turns(fault: str, name: str) -> None:
    async with served(name) as (proxy, provider), on_the_phone(provider) as call:
        await asks(call, 2)

        FAULTS[fault](proxy)
        await asks(call, 4)

        assert await call.words() == WORDS
        assert proxy.connection_count == 2
        assert [m["state"] for m in call.transport.messages(call.session, "link_state")] == ["recovering", "up"]


async def test_a_vendor_that_answers_the_door_and_says_nothing_is_given_up_in_time() -> None:
    async with served("elevenlabs") as (first, mute), served("openai") as (_, other):
        first.is_frozen = True
        async with on_the_phone(mute, other) as call, asyncio.timeout(3):
            await asks(call, 2)

            assert call.session.provider == "openai"
            assert first.connection_count == 1


async def test_a_key_that_is_refused_is_not_tried_again() -> None:
    _, make_provider = VENDORS["xai"]
    async with (
        XAISimulator(api_key="another").serve() as server,
        Proxy(server.url).listening() as proxy,
        served("openai") as (_, other),
        on_the_phone(make_provider(proxy.url(server.url)), other) as call,
    ):
        await asks(call, 2)

        assert call.session.provider == "openai"
        assert proxy.connection_count == 1


async def test_a_half_closed_socket_of_the_other_adapter_swallows_nothing_either() -> None:
    make_simulator, _ = VENDORS["openai"]
    async with make_simulator(script()).serve() as server, Proxy(server.url).listening() as proxy:
        provider = OpenAIRealtimeProvider("sk-test", base_url=proxy.url(server.url), dial=websockets.dial)
        async with on_the_phone(provider) as call:
            await asks(call, 2)

            proxy.closes(1001)
            await asks(call, 4)

            assert await call.words() == WORDS
