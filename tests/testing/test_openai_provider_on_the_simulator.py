"""What only OpenAI has, by our provider on its simulator; what holds for every vendor is tested for all at once."""

from __future__ import annotations

import asyncio

import pytest

from roomkit.errors import ProviderRefusedError
from roomkit.testing import (
    OpenAISimulator,
    Script,
    error,
    expect,
    hear,
    say,
    transcribe,
)
from roomkit.testing.simulators.sound import tone
from roomkit.voice.realtime.commands import (
    AskForResponse,
    CommitInput,
    InjectText,
    LinkConfig,
    TruncateOutput,
)
from roomkit.voice.realtime.provider_events import (
    Audio,
    LinkLost,
    ProviderFault,
    ResponseDone,
    SpeechStarted,
)
from roomkit.voice.realtime.providers.openai import OpenAIRealtimeProvider
from tests.testing.sinks import Sink
from tests.testing.vendors import linked, speak

CONFIG = LinkConfig("session", instructions="Be brief.", voice="marin")
RATE_HZ = 24_000


async def cuts_an_answer(over: str) -> None:
    script = Script(
        hear("text"),
        say("A long story.", seconds=30, pace="realtime"),
        expect("conversation.item.truncate", audio_end_ms=20),
        hear("speech"),
        say("Sorry."),
    )
    async with linked(OpenAISimulator(script), CONFIG, over) as (link, sink):
        link.send(InjectText("Tell me a story"))
        first = await sink.next(Audio)
        speak(link, tone(200), RATE_HZ)
        await sink.next(SpeechStarted)
        done = await sink.next(ResponseDone)
        link.send(TruncateOutput(first.item_id, audio_end_ms=20))
        speak(link, bytes(400 * 48), RATE_HZ)
        await sink.next(ResponseDone)

    script.assert_done()
    assert done.status == "cancelled"
    assert not sink.all(ProviderFault)


@pytest.mark.virtual_time
async def test_in_memory_it_cuts_an_answer() -> None:
    await cuts_an_answer("memory")


async def test_over_a_socket_it_cuts_an_answer() -> None:
    await cuts_an_answer("socket")


@pytest.mark.virtual_time
async def test_manual_turns_are_committed_and_answered() -> None:
    script = Script(hear("commit"), transcribe("Hello"), say("Hi."))
    manual = LinkConfig("session", provider_config={"turn_detection": None})
    async with linked(OpenAISimulator(script), manual) as (link, sink):
        speak(link, tone(300), RATE_HZ)
        link.send(CommitInput())
        link.send(AskForResponse())
        done = await sink.next(ResponseDone)

    script.assert_done()
    assert done.status == "completed"


@pytest.mark.virtual_time
async def test_a_response_asked_for_twice_is_asked_for_once_at_a_time() -> None:
    script = Script(hear("text"), say("One.", seconds=1, pace="realtime"), say("Two."))
    simulator = OpenAISimulator(script)
    async with linked(simulator, CONFIG) as (link, sink):
        link.send(InjectText("Hi"))
        link.send(AskForResponse())
        await sink.next(ResponseDone)
        await sink.next(ResponseDone)

    script.assert_done()
    assert not sink.all(ProviderFault)


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
    async with linked(OpenAISimulator(), CONFIG) as (_, sink):
        await asyncio.sleep(3_600)
        lost = await sink.next(LinkLost)

    assert lost.retryable
