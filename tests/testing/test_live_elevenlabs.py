"""A live ElevenLabs simulator: the vendor's own SDK talks to the local agent, by voice, in writing and with a tool."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from roomkit.testing import ElevenLabsSimulator, SimulatedAgent
from roomkit.voice.realtime.commands import ToolSpec
from tests.testing.live_speech import HOURS, WEATHER, is_audible, local_agent, noise, quieter, spoken

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the SDK names a class that websockets has retired
    from elevenlabs import ElevenLabs
    from elevenlabs.conversational_ai.conversation import AsyncAudioInterface, AsyncConversation, ClientTools

ANSWER_TIMEOUT_S = 15.0
SDK_CHUNK_BYTES = 8_000
AGENT = SimulatedAgent(tools=(ToolSpec("get_weather", "Today's weather", {"type": "object"}),))


class Microphone(AsyncAudioInterface):
    """What the SDK plays and records through."""

    def __init__(self) -> None:
        self.send: Callable[[bytes], Awaitable[None]] | None = None
        self.played = bytearray()
        self.has_played = asyncio.Event()
        self.interruption_count = 0

    async def start(self, input_callback: Callable[[bytes], Awaitable[None]]) -> None:
        self.send = input_callback

    async def stop(self) -> None:
        return

    async def output(self, audio: bytes) -> None:
        self.played += audio
        self.has_played.set()

    async def interrupt(self) -> None:
        self.interruption_count += 1

    async def speak(self, pcm: bytes) -> None:
        assert self.send is not None
        for at in range(0, len(pcm), SDK_CHUNK_BYTES):
            await self.send(pcm[at : at + SDK_CHUNK_BYTES])


class Talk:
    """One conversation of the SDK, and what it was told."""

    def __init__(self, base_url: str, tools: ClientTools) -> None:
        self.microphone = Microphone()
        self.told: list[tuple[str, str]] = []
        self._has_news = asyncio.Event()
        self.conversation = AsyncConversation(
            ElevenLabs(api_key="xi-test", base_url=base_url),
            "agent_1",
            requires_auth=False,
            audio_interface=self.microphone,
            client_tools=tools,
            callback_agent_response=lambda text: self._note("agent", text),
            callback_agent_response_correction=lambda _, text: self._note("corrected", text),
            callback_user_transcript=lambda text: self._note("user", text),
        )

    async def _note(self, who: str, text: str) -> None:
        self.told.append((who, text))
        self._has_news.set()

    async def hears(self, who: str, words: str) -> None:
        """Return when somebody has said something with these words in it."""
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            while not any(one == who and words in text for one, text in self.told):
                self._has_news.clear()
                await self._has_news.wait()


@asynccontextmanager
async def talking(agent: SimulatedAgent = AGENT, tools: ClientTools | None = None) -> AsyncIterator[Talk]:
    """The SDK, connected to a live simulator."""
    async with ElevenLabsSimulator(agent=agent, live=local_agent()).serve() as server:
        talk = Talk(server.base_url, tools or ClientTools(loop=asyncio.get_running_loop()))
        await talk.conversation.start_session()  # type: ignore[no-untyped-call]  # the SDK says nothing of types here
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            while talk.microphone.send is None:  # noqa: ASYNC110 -- there is no event to wait for
                await asyncio.sleep(0.01)
        try:
            yield talk
        finally:
            await talk.conversation.end_session()  # type: ignore[no-untyped-call]  # the SDK says nothing of types here
            await talk.conversation.wait_for_session_end()


async def test_it_greets_and_a_quiet_question_after_a_loud_noise_gets_the_right_answer_to_hear() -> None:
    async with talking(SimulatedAgent(first_message="Welcome to the shop.")) as talk:
        await talk.hears("agent", "Welcome to the shop.")
        greeting_bytes = len(talk.microphone.played)
        await talk.microphone.speak(noise(16_000) + quieter(await spoken(HOURS, 16_000), by=13))
        await talk.hears("agent", "nine to six")

    assert ("user", "What are your opening hours?") in talk.told
    assert is_audible(bytes(talk.microphone.played[:greeting_bytes]), 16_000)
    assert is_audible(bytes(talk.microphone.played[greeting_bytes:]), 16_000)


async def test_a_question_the_agent_needs_a_tool_for_is_answered_with_what_the_client_found_out() -> None:
    asked: list[Any] = []

    async def get_weather(parameters: dict[str, Any]) -> str:
        asked.append(parameters["city"])
        return '{"city": "Paris", "temperature_c": 17, "conditions": "light rain"}'

    tools = ClientTools(loop=asyncio.get_running_loop())
    tools.register("get_weather", get_weather, is_async=True)
    async with talking(tools=tools) as talk:
        await talk.microphone.speak(await spoken(WEATHER, 16_000))
        await talk.hears("agent", "17 degrees")

    assert asked == ["Paris"]
    assert is_audible(bytes(talk.microphone.played), 16_000)


async def test_speech_interrupts_an_answer_of_which_nothing_was_heard_and_is_answered_itself() -> None:
    async with talking() as talk:
        await talk.conversation.send_user_message("tell me a joke")
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            await talk.microphone.has_played.wait()
        await talk.microphone.speak(await spoken(HOURS, 16_000))
        await talk.hears("agent", "nine to six")

    assert talk.microphone.interruption_count == 1
    assert talk.told[0][1].startswith("Sorry, that is not something I know.")
    assert talk.told[1] == ("corrected", "")


async def test_a_telephone_hears_the_answer_in_its_own_format() -> None:
    agent = SimulatedAgent(input_format="ulaw_8000", output_format="ulaw_8000")
    async with talking(agent) as talk:
        await talk.conversation.send_user_message("what are your opening hours")
        await talk.hears("agent", "nine to six")

    assert len(talk.microphone.played) > 2 * 8_000
