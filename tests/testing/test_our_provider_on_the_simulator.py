"""Our own OpenAI provider plays the scripts the official clients play: in memory (virtual time) and over a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from roomkit.errors import ProviderRefusedError
from roomkit.testing import (
    OpenAISimulator,
    Script,
    call_tool,
    drop,
    error,
    expect,
    expect_tool_result,
    hear,
    raw,
    say,
    transcribe,
    wait,
)
from roomkit.testing.simulators.sound import tone
from roomkit.voice.realtime.commands import (
    AskForResponse,
    CommitInput,
    InjectText,
    LinkConfig,
    SendAudio,
    ToolResult,
    ToolSpec,
    TruncateOutput,
)
from roomkit.voice.realtime.provider import ProviderLink
from roomkit.voice.realtime.provider_events import (
    Audio,
    LinkLost,
    LinkReady,
    ProviderFault,
    ResponseDone,
    SpeechStarted,
    ToolCall,
    Transcript,
)
from roomkit.voice.realtime.providers.openai import OpenAIRealtimeProvider
from tests.testing.sinks import Sink

SLOT = ToolSpec("get_slot", "Find a slot", {"type": "object", "properties": {"day": {"type": "string"}}})
CONFIG = LinkConfig("session", instructions="Be brief.", voice="marin", tools=(SLOT,))


@asynccontextmanager
async def linked(
    simulator: OpenAISimulator, over: str, config: LinkConfig = CONFIG
) -> AsyncIterator[tuple[ProviderLink, Sink]]:
    """Our provider, connected to the simulator in memory or over a socket."""
    async with AsyncExitStack() as undo:
        if over == "memory":
            provider = OpenAIRealtimeProvider("sk-test", dial=simulator.dial)
        else:
            server = await undo.enter_async_context(simulator.serve())
            provider = OpenAIRealtimeProvider("sk-test", base_url=server.url)
        sink = Sink()
        link = await provider.open_link(config, sink)
        undo.push_async_callback(link.close)
        yield link, sink


def speak(link: ProviderLink, pcm: bytes) -> None:
    for at in range(0, len(pcm), 960):
        link.send(SendAudio(pcm[at : at + 960]))


def utterance() -> bytes:
    return tone(600) + bytes(400 * 48)


async def holds_the_conversation(over: str) -> None:
    script = Script(
        expect("session.update", session={"instructions": "Be brief.", "audio": {"output": {"voice": "marin"}}}),
        hear("text"),
        say("Hello there."),
        hear("speech"),
        transcribe("Any slot on Friday?"),
        say("Let me look."),
        call_tool("get_slot", {"day": "Fri"}, together=True),
        expect_tool_result({"slot": "10:30"}),
        say("Half past ten."),
    )
    async with linked(OpenAISimulator(script), over) as (link, sink):
        link.send(InjectText("Hi"))
        await sink.next(ResponseDone)
        speak(link, utterance())
        call = await sink.next(ToolCall)
        link.send(ToolResult(call.call_id, call.name, '{"slot": "10:30"}'))
        await sink.next(ResponseDone)
        await sink.next(ResponseDone)

    script.assert_done()
    assert isinstance(sink.events[0], LinkReady)
    assert json.loads(call.arguments) == {"day": "Fri"}
    assert b"".join(event.pcm for event in sink.all(Audio)) == tone(600) + tone(900) + tone(900)
    finals = [(event.role, event.text) for event in sink.all(Transcript) if event.is_final]
    assert finals == [
        ("assistant", "Hello there."),
        ("user", "Any slot on Friday?"),
        ("assistant", "Let me look."),
        ("assistant", "Half past ten."),
    ]
    assert not sink.all(ProviderFault)


async def cuts_an_answer(over: str) -> None:
    script = Script(
        hear("text"),
        say("A long story.", seconds=30, pace="realtime"),
        expect("conversation.item.truncate", audio_end_ms=20),
        hear("speech"),
        say("Sorry."),
    )
    async with linked(OpenAISimulator(script), over) as (link, sink):
        link.send(InjectText("Tell me a story"))
        first = await sink.next(Audio)
        speak(link, tone(200))
        await sink.next(SpeechStarted)
        done = await sink.next(ResponseDone)
        link.send(TruncateOutput(first.item_id, audio_end_ms=20))
        speak(link, bytes(400 * 48))
        await sink.next(ResponseDone)

    script.assert_done()
    assert done.status == "cancelled"
    assert not sink.all(ProviderFault)


@pytest.mark.virtual_time
async def test_in_memory_it_holds_a_conversation_in_text_speech_and_tools() -> None:
    await holds_the_conversation("memory")


async def test_over_a_socket_it_holds_a_conversation_in_text_speech_and_tools() -> None:
    await holds_the_conversation("socket")


@pytest.mark.virtual_time
async def test_in_memory_it_cuts_an_answer() -> None:
    await cuts_an_answer("memory")


async def test_over_a_socket_it_cuts_an_answer() -> None:
    await cuts_an_answer("socket")


@pytest.mark.virtual_time
async def test_manual_turns_are_committed_and_answered() -> None:
    script = Script(hear("commit"), transcribe("Hello"), say("Hi."))
    manual = LinkConfig("session", provider_config={"turn_detection": None})
    async with linked(OpenAISimulator(script), "memory", manual) as (link, sink):
        speak(link, tone(300))
        link.send(CommitInput())
        link.send(AskForResponse())
        done = await sink.next(ResponseDone)

    script.assert_done()
    assert done.status == "completed"


@pytest.mark.virtual_time
async def test_a_response_asked_for_twice_is_asked_for_once_at_a_time() -> None:
    script = Script(hear("text"), say("One.", seconds=1, pace="realtime"), say("Two."))
    simulator = OpenAISimulator(script)
    async with linked(simulator, "memory") as (link, sink):
        link.send(InjectText("Hi"))
        link.send(AskForResponse())
        await sink.next(ResponseDone)
        await sink.next(ResponseDone)

    script.assert_done()
    assert not sink.all(ProviderFault)


@pytest.mark.virtual_time
async def test_a_lost_link_is_told_as_lost_and_worth_a_retry() -> None:
    async with linked(OpenAISimulator(Script(wait(1_000), drop())), "memory") as (_, sink):
        lost = await sink.next(LinkLost)

    assert lost.retryable


@pytest.mark.virtual_time
async def test_rubbish_from_the_vendor_does_not_end_the_call() -> None:
    script = Script(hear(), raw("{not json"), raw(b"\x00"), raw({"type": "brand.new"}), say("Still here."))
    async with linked(OpenAISimulator(script), "memory") as (link, sink):
        link.send(InjectText("Hi"))
        await sink.next(ResponseDone)

    assert not sink.all(LinkLost)


@pytest.mark.virtual_time
@pytest.mark.parametrize("bad_key", ["status", "close"])
async def test_a_wrong_key_is_refused_for_good(bad_key: str) -> None:
    simulator = OpenAISimulator(api_key="sk-right", bad_key="close" if bad_key == "close" else "status")

    with pytest.raises(ProviderRefusedError) as refused:
        await OpenAIRealtimeProvider("sk-wrong", dial=simulator.dial).open_link(CONFIG, Sink())

    assert not refused.value.retryable


@pytest.mark.virtual_time
async def test_no_money_at_the_start_is_refused_for_good() -> None:
    simulator = OpenAISimulator(Script(error("insufficient_quota", "You exceeded your quota.", fatal=True)))

    with pytest.raises(ProviderRefusedError) as refused:
        await OpenAIRealtimeProvider("sk-test", dial=simulator.dial).open_link(CONFIG, Sink())

    assert refused.value.code == "quota_exceeded"


@pytest.mark.virtual_time
async def test_the_hour_is_over_and_the_link_says_so() -> None:
    async with linked(OpenAISimulator(), "memory") as (_, sink):
        await asyncio.sleep(3_600)
        lost = await sink.next(LinkLost)

    assert lost.retryable
