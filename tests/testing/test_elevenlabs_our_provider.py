"""Our own ElevenLabs provider plays the official client's scripts: in memory (virtual time) and over a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import pytest

from roomkit.providers.elevenlabs.realtime import ElevenLabsRealtimeProvider
from roomkit.testing import (
    ElevenLabsSimulator,
    Script,
    SimulatedAgent,
    call_tool,
    expect,
    expect_tool_result,
    hear,
    say,
    transcribe,
)
from roomkit.testing.simulators.elevenlabs.sound import in_format
from roomkit.testing.simulators.sound import tone
from roomkit.voice.realtime.commands import InjectText, LinkConfig, SendAudio, ToolResult
from roomkit.voice.realtime.provider import ProviderLink
from roomkit.voice.realtime.provider_events import (
    Audio,
    LinkReady,
    ProviderEvent,
    ProviderFault,
    ResponseDone,
    ResponseStarted,
    ToolCall,
    Transcript,
)

E = TypeVar("E")

ANSWER_TIMEOUT_S = 10.0
CONFIG = LinkConfig("session", instructions="Be brief.", voice="v1")


@dataclass
class Sink:
    """Keeps what a link delivers and lets a test wait for it."""

    events: list[ProviderEvent] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _read: int = 0

    def on_event(self, event: ProviderEvent) -> None:
        self.events.append(event)
        self._news.set()

    async def settled(self) -> None:
        return

    async def next(self, kind: type[E]) -> E:
        """The next event of a kind; those before it count as read."""
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            while True:
                while self._read < len(self.events):
                    event = self.events[self._read]
                    self._read += 1
                    if isinstance(event, kind):
                        return event
                self._news.clear()
                await self._news.wait()

    def all(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def finals(self) -> list[tuple[str, str]]:
        return [(event.role, event.text) for event in self.all(Transcript) if event.is_final]


@asynccontextmanager
async def linked(
    simulator: ElevenLabsSimulator, over: str = "memory", config: LinkConfig = CONFIG, *, signed: bool = False
) -> AsyncIterator[tuple[ProviderLink, Sink]]:
    """Our provider, connected to the simulator in memory or over a socket."""
    async with AsyncExitStack() as undo:
        if over == "memory":
            provider = ElevenLabsRealtimeProvider(
                api_key="xi-test", agent_id="agent_1", requires_auth=signed, dial=simulator.dial, sign=simulator.sign
            )
        else:
            server = await undo.enter_async_context(simulator.serve())
            provider = ElevenLabsRealtimeProvider(
                api_key="xi-test", agent_id="agent_1", requires_auth=signed, base_url=server.base_url
            )
        sink = Sink()
        link = await provider.open_link(config, sink)
        undo.push_async_callback(link.close)
        yield link, sink


def speak(link: ProviderLink, pcm_24k: bytes, format_name: str = "pcm_16000") -> None:
    pcm = in_format(pcm_24k, format_name)
    for at in range(0, len(pcm), 640):
        link.send(SendAudio(pcm[at : at + 640]))


UTTERANCE = tone(600) + bytes(500 * 48)


async def holds_the_conversation(over: str, *, signed: bool = False) -> None:
    script = Script(
        expect(
            "conversation_initiation_client_data",
            conversation_config_override={"agent": {"prompt": {"prompt": "Be brief."}}, "tts": {"voice_id": "v1"}},
        ),
        hear("text"),
        say("Hello there."),
        hear("speech"),
        transcribe("Any slot on Friday?"),
        say("Let me look."),
        call_tool("get_slot", {"day": "Fri"}, together=True),
        expect_tool_result({"slot": "10:30"}),
        say("Half past ten."),
    )
    simulator = ElevenLabsSimulator(script, agent=SimulatedAgent(is_private=True), api_key="xi-test")
    async with linked(simulator, over, signed=signed) as (link, sink):
        link.send(InjectText("Hi"))
        await sink.next(ResponseDone)
        await asyncio.sleep(0.7)
        speak(link, UTTERANCE)
        call = await sink.next(ToolCall)
        link.send(ToolResult(call.call_id, call.name, '{"slot": "10:30"}'))
        await sink.next(Audio)
        await sink.next(ResponseDone)

    script.assert_done()
    assert isinstance(sink.events[0], LinkReady)
    assert json.loads(call.arguments) == {"day": "Fri"}
    assert sum(len(event.pcm) for event in sink.all(Audio)) == (600 + 900 + 900) * 32
    assert sink.finals() == [
        ("assistant", "Hello there."),
        ("user", "Any slot on Friday?"),
        ("assistant", "Let me look."),
        ("assistant", "Half past ten."),
    ]
    assert len(sink.all(ResponseStarted)) == len(sink.all(ResponseDone)) == 3
    assert not sink.all(ProviderFault)


@pytest.mark.virtual_time
@pytest.mark.parametrize("signed", [False, True])
async def test_in_memory_it_holds_a_conversation_in_text_speech_and_tools(signed: bool) -> None:
    await holds_the_conversation("memory", signed=signed)
