"""The official client as the judge: ElevenLabs' Python SDK, asynchronous and threaded, talks with the simulator."""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from roomkit.testing import (
    ElevenLabsSimulator,
    Script,
    SimulatedAgent,
    call_tool,
    drop,
    expect,
    expect_tool_result,
    hear,
    say,
    transcribe,
)
from roomkit.testing.simulators.door import Serving
from roomkit.testing.simulators.elevenlabs.sound import in_format
from roomkit.testing.simulators.sound import tone

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the SDK names a class that websockets has retired
    from elevenlabs import ElevenLabs
    from elevenlabs.conversational_ai.conversation import (
        AsyncAudioInterface,
        AsyncConversation,
        AudioInterface,
        ClientTools,
        Conversation,
        ConversationInitiationData,
    )

ANSWER_TIMEOUT_S = 10.0
QUESTION = in_format(tone(600) + bytes(500 * 48), "pcm_16000")
SDK_CHUNK_BYTES = 8_000
"""250 ms, as the SDK's own microphone sends."""


async def eventually(is_true: Callable[[], bool]) -> None:
    """Return when it is so: half of what the SDK does, it tells nobody."""
    async with asyncio.timeout(ANSWER_TIMEOUT_S):
        while not is_true():  # noqa: ASYNC110 -- there is no event to wait for
            await asyncio.sleep(0.01)


def has_begun(simulator: ElevenLabsSimulator) -> bool:
    return bool(simulator.sessions) and simulator.sessions[0].is_begun


class Microphone(AsyncAudioInterface):
    """What the SDK plays and records through."""

    def __init__(self) -> None:
        self.send: Callable[[bytes], Awaitable[None]] | None = None
        self.played = bytearray()
        self.interruption_count = 0

    async def start(self, input_callback: Callable[[bytes], Awaitable[None]]) -> None:
        self.send = input_callback

    async def stop(self) -> None:
        return

    async def output(self, audio: bytes) -> None:
        self.played += audio

    async def interrupt(self) -> None:
        self.interruption_count += 1

    async def speak(self, pcm: bytes) -> None:
        assert self.send is not None
        for at in range(0, len(pcm), SDK_CHUNK_BYTES):
            await self.send(pcm[at : at + SDK_CHUNK_BYTES])


class Talk:
    """One conversation of the asynchronous SDK, and what it was told."""

    def __init__(self, server: Serving, *, requires_auth: bool, tools: ClientTools, data: dict[str, Any]) -> None:
        self.microphone = Microphone()
        self.told: list[tuple[str, str]] = []
        self.disconnected: list[Any] = []
        self.conversation = AsyncConversation(
            ElevenLabs(api_key="xi-test", base_url=server.base_url),
            "agent_1",
            requires_auth=requires_auth,
            audio_interface=self.microphone,
            config=ConversationInitiationData(**data),
            client_tools=tools,
            callback_agent_response=lambda text: self._note("agent", text),
            callback_agent_response_correction=lambda _, text: self._note("corrected", text),
            callback_user_transcript=lambda text: self._note("user", text),
            callback_disconnect=self._gone,
        )

    async def _note(self, who: str, text: str) -> None:
        self.told.append((who, text))

    async def _gone(self, details: Any) -> None:
        self.disconnected.append(details)


@asynccontextmanager
async def talking(
    simulator: ElevenLabsSimulator,
    *,
    requires_auth: bool = False,
    tools: ClientTools | None = None,
    **data: Any,
) -> AsyncIterator[Talk]:
    """The SDK, connected over a real socket."""
    tools = tools or ClientTools(loop=asyncio.get_running_loop())
    async with simulator.serve() as server:
        talk = Talk(server, requires_auth=requires_auth, tools=tools, data=data)
        await talk.conversation.start_session()  # type: ignore[no-untyped-call]  # the SDK says nothing of types here
        await eventually(lambda: has_begun(simulator))
        try:
            yield talk
        finally:
            await talk.conversation.end_session()  # type: ignore[no-untyped-call]  # the SDK says nothing of types here
            await talk.conversation.wait_for_session_end()


@pytest.mark.parametrize("requires_auth", [False, True])
async def test_the_sdk_holds_a_conversation_in_text_speech_and_tools(requires_auth: bool) -> None:
    script = Script(
        expect("conversation_initiation_client_data", dynamic_variables={"name": "Ana"}),
        hear("text"),
        say("Hello there."),
        hear("speech"),
        transcribe("Any slot on Friday?"),
        say("Let me look."),
        call_tool("get_slot", {"day": "Fri"}, together=True),
        expect_tool_result("10:30 on Fri"),
        say("Half past ten."),
    )
    tools = ClientTools(loop=asyncio.get_running_loop())
    seen: list[dict[str, Any]] = []

    async def get_slot(parameters: dict[str, Any]) -> str:
        seen.append(parameters)
        return f"10:30 on {parameters['day']}"

    tools.register("get_slot", get_slot, is_async=True)
    agent = SimulatedAgent(prompt="Talk to {{name}}.", is_private=requires_auth)
    simulator = ElevenLabsSimulator(script, agent=agent, api_key="xi-test")

    async with talking(simulator, requires_auth=requires_auth, tools=tools, dynamic_variables={"name": "Ana"}) as talk:
        await talk.conversation.send_user_message("Hi")
        await eventually(lambda: len(talk.microphone.played) == 600 * 32)
        simulator.sessions[0].voice.finish_playing()
        await talk.microphone.speak(QUESTION)
        await eventually(lambda: len(talk.microphone.played) == (600 + 900 + 900) * 32)

    script.assert_done()
    assert seen[0]["day"] == "Fri"
    assert talk.told == [
        ("agent", "Hello there."),
        ("user", "Any slot on Friday?"),
        ("agent", "Let me look."),
        ("agent", "Half past ten."),
    ]
    assert talk.microphone.interruption_count == 0


async def test_the_sdk_is_interrupted_and_told_what_was_heard() -> None:
    script = Script(
        hear("text"), say("One two three four five six seven eight.", seconds=30), hear("speech"), say("Ok.")
    )
    simulator = ElevenLabsSimulator(script)

    async with talking(simulator) as talk:
        await talk.conversation.send_user_message("Count")
        await eventually(lambda: bool(talk.microphone.played))
        await talk.microphone.speak(QUESTION)
        await eventually(lambda: ("agent", "Ok.") in talk.told)

    script.assert_done()
    assert talk.microphone.interruption_count == 1
    assert talk.told[1] == ("corrected", "")


async def test_the_sdk_takes_audio_of_every_answer_after_an_interruption() -> None:
    script = Script(hear("text"), say("A long story.", seconds=20), hear("speech"), say("Sorry.", seconds=1))
    simulator = ElevenLabsSimulator(script, agent=SimulatedAgent(chunk_ms=100))

    async with talking(simulator) as talk:
        await talk.conversation.send_user_message("Tell me")
        await eventually(lambda: len(talk.microphone.played) == 20_000 * 32)
        await talk.microphone.speak(QUESTION)
        await eventually(lambda: len(talk.microphone.played) == 21_000 * 32)

    script.assert_done()


async def test_the_sdk_without_audio_types_and_is_answered_in_text() -> None:
    script = Script(hear("text"), say("In writing, then."))
    simulator = ElevenLabsSimulator(script)
    answers: list[str] = []

    async def note(text: str) -> None:
        answers.append(text)

    async with simulator.serve() as server:
        conversation = AsyncConversation(
            ElevenLabs(api_key="xi-test", base_url=server.base_url),
            "agent_1",
            requires_auth=False,
            client_tools=ClientTools(loop=asyncio.get_running_loop()),
            callback_agent_response=note,
        )
        await conversation.start_session()  # type: ignore[no-untyped-call]  # the SDK says nothing of types here
        await eventually(lambda: has_begun(simulator))
        await conversation.send_user_message("Hi")
        await eventually(lambda: bool(answers))
        await conversation.end_session()  # type: ignore[no-untyped-call]  # the SDK says nothing of types here
        await conversation.wait_for_session_end()

    script.assert_done()
    assert answers == ["In writing, then."]
    assert simulator.sessions[0].is_text_only


async def test_the_sdk_sees_a_normal_end_when_the_agent_hangs_up() -> None:
    script = Script(hear("text"), say("Goodbye."), drop(1000, "ended"))

    async with talking(ElevenLabsSimulator(script)) as talk:
        await talk.conversation.send_user_message("Bye")
        await eventually(lambda: bool(talk.disconnected))

    assert ("agent", "Goodbye.") in talk.told


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_the_threaded_sdk_talks_too() -> None:
    script = Script(
        hear("speech"), transcribe("Any slot?"), call_tool("get_slot"), expect_tool_result("10:30"), say("Yes.")
    )
    simulator = ElevenLabsSimulator(script, agent=SimulatedAgent(first_message="Hi."))
    told: list[tuple[str, str]] = []

    class Loudspeaker(AudioInterface):
        send: Callable[[bytes], None]

        def start(self, input_callback: Callable[[bytes], None]) -> None:
            self.send = input_callback

        def stop(self) -> None:
            return

        def output(self, audio: bytes) -> None:
            told.append(("audio", str(len(audio))))

        def interrupt(self) -> None:
            told.append(("interrupt", ""))

    tools = ClientTools()
    tools.register("get_slot", lambda _: "10:30")
    async with simulator.serve() as server:
        interface = Loudspeaker()
        conversation = Conversation(
            ElevenLabs(api_key="xi-test", base_url=server.base_url),
            "agent_1",
            requires_auth=True,
            audio_interface=interface,
            client_tools=tools,
            callback_agent_response=lambda text: told.append(("agent", text)),
            callback_user_transcript=lambda text: told.append(("user", text)),
        )
        await asyncio.to_thread(conversation.start_session)
        await eventually(lambda: ("agent", "Hi.") in told)
        simulator.sessions[0].voice.finish_playing()
        for at in range(0, len(QUESTION), SDK_CHUNK_BYTES):
            await asyncio.to_thread(interface.send, QUESTION[at : at + SDK_CHUNK_BYTES])
        await eventually(lambda: ("agent", "Yes.") in told)
        await asyncio.to_thread(conversation.end_session)
        conversation_id = await asyncio.to_thread(conversation.wait_for_session_end)

    script.assert_done()
    assert conversation_id == simulator.sessions[0].id
    assert ("user", "Any slot?") in told


async def test_the_sdk_is_refused_an_override_the_agent_does_not_allow(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="elevenlabs")  # it logs the close as an error
    simulator = ElevenLabsSimulator(agent=SimulatedAgent(allowed_overrides=frozenset()))

    async with simulator.serve() as server:
        talk = Talk(
            server,
            requires_auth=False,
            tools=ClientTools(loop=asyncio.get_running_loop()),
            data={"conversation_config_override": {"tts": {"voice_id": "v1"}}},
        )
        await talk.conversation.start_session()  # type: ignore[no-untyped-call]  # the SDK says nothing of types here
        await eventually(lambda: bool(talk.disconnected))
        await talk.conversation.wait_for_session_end()

    assert simulator.received[0]["type"] == "conversation_initiation_client_data"
    assert any("closed 1008" in line for line in simulator.log)
