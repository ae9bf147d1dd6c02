"""Our provider of each vendor plays one script on that vendor's simulator: in memory (virtual time) and over a socket.

What only one vendor has stands in the vendor's own file.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from roomkit.errors import ProviderRefusedError
from roomkit.testing import (
    Script,
    call_tool,
    drop,
    expect,
    expect_tool_result,
    hear,
    raw,
    say,
    transcribe,
    wait,
)
from roomkit.testing.call import tone
from roomkit.voice.realtime.commands import InjectText, LinkConfig, ToolResult, ToolSpec
from roomkit.voice.realtime.provider_events import Audio, LinkLost, LinkReady, ProviderFault, ResponseDone, ToolCall
from tests.testing.sinks import Sink
from tests.testing.vendors import EACH_VENDOR, linked, provider_on, simulator_of, speak

SLOT = ToolSpec("get_slot", "Find a slot", {"type": "object", "properties": {"day": {"type": "string"}}})
VOICES = {"openai": "marin", "gemini": "Puck", "xai": "ara", "elevenlabs": "v1"}
FIRST_MESSAGES = {
    "openai": expect("session.update", session={"instructions": "Be brief.", "audio": {"output": {"voice": "marin"}}}),
    "gemini": expect(
        "setup",
        systemInstruction={"parts": [{"text": "Be brief."}]},
        generationConfig={"speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Puck"}}}},
    ),
    "xai": expect("session.update", session={"instructions": "Be brief.", "voice": "ara"}),
    "elevenlabs": expect(
        "conversation_initiation_client_data",
        conversation_config_override={"agent": {"prompt": {"prompt": "Be brief."}}, "tts": {"voice_id": "v1"}},
    ),
}


def config_of(vendor: str) -> LinkConfig:
    return LinkConfig("session", instructions="Be brief.", voice=VOICES[vendor], tools=(SLOT,))


async def holds_the_conversation(vendor: str, over: str) -> None:
    script = Script(
        FIRST_MESSAGES[vendor],
        hear("text"),
        say("Hello there."),
        hear("speech"),
        transcribe("Any slot on Friday?"),
        say("Let me look."),
        call_tool("get_slot", {"day": "Fri"}, together=True),
        expect_tool_result({"slot": "10:30"}),
        say("Half past ten."),
    )
    async with linked(simulator_of(vendor, script), config_of(vendor), over) as (link, sink):
        ready = await sink.next(LinkReady)
        link.send(InjectText("Hi"))
        await sink.next(ResponseDone)
        await asyncio.sleep(0.7)  # where the vendor takes us for a loudspeaker, the answer is still to be heard
        rate_hz = ready.input_rate_hz
        speak(link, tone(0.6, rate_hz) + bytes(rate_hz * 2 * 6 // 10), rate_hz)
        call = await sink.next(ToolCall)
        link.send(ToolResult(call.call_id, call.name, '{"slot": "10:30"}'))
        while not sink.finals() or not sink.finals()[-1][1].endswith("ten."):
            await sink.next(ResponseDone)

    script.assert_done()
    assert sink.events[0] == ready
    assert json.loads(call.arguments) == {"day": "Fri"}
    heard_ms = sum(len(event.pcm) for event in sink.all(Audio)) / 2 / ready.output_rate_hz * 1000
    assert heard_ms == pytest.approx(600 + 900 + 900, abs=1)
    assert sink.finals() == [
        ("assistant", "Hello there."),
        ("user", "Any slot on Friday?"),
        ("assistant", "Let me look."),
        ("assistant", "Half past ten."),
    ]
    assert not sink.all(ProviderFault)


@pytest.mark.virtual_time
@EACH_VENDOR
async def test_in_memory_it_holds_a_conversation_in_text_speech_and_tools(vendor: str) -> None:
    await holds_the_conversation(vendor, "memory")


@EACH_VENDOR
async def test_over_a_socket_it_holds_a_conversation_in_text_speech_and_tools(vendor: str) -> None:
    await holds_the_conversation(vendor, "socket")


@pytest.mark.virtual_time
@EACH_VENDOR
async def test_a_lost_link_is_told_as_lost_and_worth_a_retry(vendor: str) -> None:
    async with linked(simulator_of(vendor, Script(wait(1_000), drop())), config_of(vendor)) as (_, sink):
        lost = await sink.next(LinkLost)

    assert lost.retryable


@pytest.mark.virtual_time
@EACH_VENDOR
@pytest.mark.parametrize("rubbish", ["{not json", b"\x00", b"\xff", {"type": "brand.new"}, {"brandNew": {}}, "[]", "5"])
async def test_rubbish_from_the_vendor_does_not_end_the_call(vendor: str, rubbish: Any) -> None:
    script = Script(hear("text"), raw(rubbish), say("Still here."))
    async with linked(simulator_of(vendor, script), config_of(vendor)) as (link, sink):
        link.send(InjectText("Hi"))
        await sink.next(ResponseDone)

    assert sink.finals() == [("assistant", "Still here.")]
    assert not sink.all(LinkLost)


@pytest.mark.virtual_time
@EACH_VENDOR
async def test_a_wrong_key_is_refused_for_good(vendor: str) -> None:
    provider = provider_on(simulator_of(vendor, api_key="right"), api_key="wrong")

    with pytest.raises(ProviderRefusedError) as refused:
        await provider.open_link(config_of(vendor), Sink())

    assert not refused.value.retryable
