"""The user guide's code about Gemini, xAI and ElevenLabs, as its readers paste it, and what reaches each vendor.

The snippets are in `guide/` word for word. The vendors are their simulators, in memory.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from roomkit import Tool
from roomkit.channels import RealtimeVoiceChannel
from roomkit.models.session import SessionState
from roomkit.providers.elevenlabs.config import ElevenLabsRealtimeConfig
from roomkit.providers.elevenlabs.realtime import ElevenLabsRealtimeProvider
from roomkit.providers.xai.realtime import XAIRealtimeProvider
from roomkit.testing import (
    ElevenLabsSimulator,
    GeminiSimulator,
    Script,
    XAISimulator,
    call_tool,
    expect_tool_result,
    hear,
)
from roomkit.voice.realtime.mock import MockRealtimeTransport
from roomkit.voice.realtime.providers.gemini import GeminiLiveProvider
from tests import snippets

GUIDE = Path(__file__).parent / "guide"

Paste = Callable[..., Awaitable[snippets.Namespace]]


@pytest.fixture
async def paste() -> AsyncIterator[Paste]:
    """Run snippets of the guide in one namespace; whatever they opened is closed after the test."""
    opened: list[snippets.Namespace] = []

    async def run(*names: str, **given: Any) -> snippets.Namespace:
        pieces = [snippets.whole(GUIDE / f"{name}.txt") for name in names]
        opened.append(await snippets.run(*pieces, RealtimeVoiceChannel=RealtimeVoiceChannel, **given))
        return opened[-1]

    yield run
    for namespace in opened:
        await snippets.close(namespace)


@pytest.fixture
def transport() -> MockRealtimeTransport:
    return MockRealtimeTransport()


def a_tool(name: str) -> Tool:
    return Tool(name, "Looks something up", {"type": "object", "properties": {}}, lambda: "found")


# --- Gemini -------------------------------------------------------------------------------------------------------


async def test_a_gemini_provider_is_made_from_a_key_and_a_model(paste: Paste) -> None:
    names = await paste("gemini_provider")

    assert names["provider"].name == "gemini"


async def test_the_guides_whole_gemini_configuration_opens_a_session(
    paste: Paste, transport: MockRealtimeTransport
) -> None:
    gemini = GeminiSimulator()
    provider = GeminiLiveProvider("k", "gemini-2.5-flash-native-audio-preview-12-2025", dial=gemini.dial)
    names = await paste("gemini_configuration", provider=provider, transport=transport)

    session = await names["channel"].start_session("room-1", "user-1")

    setup = gemini.received[0]
    generation, realtime = setup["generationConfig"], setup["realtimeInputConfig"]
    detection = realtime["automaticActivityDetection"]
    assert session.state is SessionState.ACTIVE
    assert generation["speechConfig"]["voiceConfig"]["prebuiltVoiceConfig"]["voiceName"] == "Aoede"
    assert detection["startOfSpeechSensitivity"] == "START_SENSITIVITY_HIGH"
    assert "endOfSpeechSensitivity" not in detection, "MEDIUM is the server's default: nothing is sent"
    assert detection["silenceDurationMs"] == 500
    assert setup["proactivity"] == {"proactiveAudio": True}
    assert generation["enableAffectiveDialog"] is True
    assert generation["thinkingConfig"]["thinkingBudget"] == 1024
    assert (generation["topP"], generation["topK"], generation["maxOutputTokens"]) == (0.8, 40, 2048)
    assert realtime["activityHandling"] == "NO_INTERRUPTION"
    assert "en-US" in json.dumps(setup["systemInstruction"]), "this family takes no languageCode"


async def test_a_gemini_session_is_handed_to_a_specialist_and_goes_on(
    paste: Paste, transport: MockRealtimeTransport
) -> None:
    gemini = GeminiSimulator()
    channel = RealtimeVoiceChannel("voice", provider=GeminiLiveProvider("k", dial=gemini.dial), transport=transport)
    names = await paste(
        "gemini_handoff", channel=channel, room_id="r", participant_id="p", billing_tools=[a_tool("find_invoice")]
    )

    *_, told = [message for message in gemini.received if message["type"] == "setup"]
    assert names["session"].state is SessionState.ACTIVE
    assert told["systemInstruction"]["parts"] == [{"text": "You are a billing specialist."}]
    assert told["generationConfig"]["speechConfig"]["voiceConfig"]["prebuiltVoiceConfig"]["voiceName"] == "Kore"
    assert "find_invoice" in json.dumps(told["tools"])


# --- xAI ----------------------------------------------------------------------------------------------------------


async def test_an_xai_provider_is_made_from_a_config_or_from_keywords(paste: Paste) -> None:
    names = await paste("xai_provider")

    assert names["provider"].name == "xai"


async def told_to_xai(channel: RealtimeVoiceChannel, xai: XAISimulator) -> dict[str, Any]:
    """The session with which a call of this channel opens its link."""
    await channel.start_session("room-1", "user-1")
    session: dict[str, Any] = next(event["session"] for event in xai.received if event["type"] == "session.update")
    return session


async def test_flat_turn_detection_reaches_xai_where_it_reads_it(
    paste: Paste, transport: MockRealtimeTransport
) -> None:
    xai = XAISimulator()
    provider = XAIRealtimeProvider(api_key="k", dial=xai.dial)
    names = await paste("xai_vad", provider=provider, transport=transport)

    told = await told_to_xai(names["channel"], xai)

    wanted = {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 800, "prefix_padding_ms": 300}
    assert wanted.items() <= told["turn_detection"].items()
    assert told["voice"] == "eve"


async def test_xais_own_tools_stand_beside_functions(paste: Paste, transport: MockRealtimeTransport) -> None:
    xai = XAISimulator()
    provider = XAIRealtimeProvider(api_key="k", dial=xai.dial)
    names = await paste("xai_native_tools", provider=provider, transport=transport, weather_tool=a_tool("get_weather"))

    told = await told_to_xai(names["channel"], xai)

    assert sorted(tool["type"] for tool in told["tools"]) == ["function", "web_search", "x_search"]


async def test_a_dead_transcription_model_becomes_todays(paste: Paste, transport: MockRealtimeTransport) -> None:
    names = await paste("xai_transcription")
    xai = XAISimulator()
    channel = RealtimeVoiceChannel(
        "voice",
        provider=XAIRealtimeProvider(api_key="k", dial=xai.dial),
        transport=transport,
        provider_config=names["provider_config"],
    )

    told = await told_to_xai(channel, xai)
    await channel.close()

    assert told["audio"]["input"]["transcription"]["model"] == "grok-transcribe"


# --- ElevenLabs ---------------------------------------------------------------------------------------------------


async def test_an_elevenlabs_provider_is_made_from_a_config(paste: Paste) -> None:
    names = await paste("elevenlabs_provider")

    assert names["provider"].name == "elevenlabs"


async def test_overrides_of_channel_and_session_reach_elevenlabs(
    paste: Paste, transport: MockRealtimeTransport
) -> None:
    elevenlabs = ElevenLabsSimulator()
    provider = ElevenLabsRealtimeProvider(api_key="k", agent_id="agent_abc123", dial=elevenlabs.dial)

    names = await paste("elevenlabs_overrides", provider=provider, transport=transport)

    opening = elevenlabs.received[0]
    override = opening["conversation_config_override"]
    assert names["session"].state is SessionState.ACTIVE
    assert override["agent"]["prompt"]["prompt"] == "You are a helpful assistant."
    assert override["agent"]["language"] == "fr"
    assert override["agent"]["first_message"] == "Bonjour!"
    assert override["tts"]["voice_id"] == "voice-id-from-elevenlabs"
    assert opening["dynamic_variables"] == {"user_name": "Alice", "account_id": "12345"}
    assert "0.7" in json.dumps(opening)


@pytest.mark.parametrize(
    ("name", "requires_auth", "base_url"),
    [
        ("elevenlabs_key", False, None),
        ("elevenlabs_signed_url", True, None),
        ("elevenlabs_region", False, "wss://api.eu.residency.elevenlabs.io"),
    ],
)
async def test_the_ways_to_reach_an_elevenlabs_agent_are_configurations(
    paste: Paste, name: str, requires_auth: bool, base_url: str | None
) -> None:
    names = await paste(name, ElevenLabsRealtimeConfig=ElevenLabsRealtimeConfig)

    config = names["config"]
    assert (config.requires_auth, config.base_url) == (requires_auth, base_url)
    assert "xi-..." not in repr(config)


@pytest.mark.virtual_time
async def test_a_client_tool_of_an_elevenlabs_agent_is_answered_by_the_tool_handler(
    paste: Paste, transport: MockRealtimeTransport
) -> None:
    elevenlabs = ElevenLabsSimulator(
        Script(
            hear("text"),
            call_tool("check_order", {"number": 7}),
            expect_tool_result({"status": "shipped", "eta": "Tomorrow"}),
        )
    )
    provider = ElevenLabsRealtimeProvider(api_key="k", agent_id="agent_abc123", dial=elevenlabs.dial)
    names = await paste("elevenlabs_tools", provider=provider, transport=transport, json=json)
    channel = names["channel"]
    session = await channel.start_session("room-1", "user-1")

    await channel.inject_text(session, "Where is my order?")

    await asyncio.sleep(1)
    elevenlabs.scripts[0].assert_done()
