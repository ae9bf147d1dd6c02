"""The user guide's own code, as its readers paste it, and what each piece promises them.

`guide/` holds the snippets word for word; names the guide leaves to its reader (``my_tool``, ``webrtc_id``) are given
here. Gemini, xAI and ElevenLabs are in `test_guide_providers`; WebRTC, SIP and the sound card are not here yet.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from roomkit import RoomKit, Tool
from roomkit.channels import RealtimeVoiceChannel
from roomkit.models.session import SessionState
from roomkit.testing import OpenAISimulator
from roomkit.voice.realtime.mock import MockRealtimeProvider, MockRealtimeTransport
from roomkit.voice.realtime.providers.openai import OpenAIRealtimeProvider
from tests import snippets

GUIDE = Path(__file__).parent / "guide"
WEATHER = {"temperature": 72, "condition": "sunny", "city": "Oslo"}

Paste = Callable[..., Awaitable[snippets.Namespace]]


@pytest.fixture
async def paste() -> AsyncIterator[Paste]:
    """Run snippets of the guide in one namespace; whatever they opened is closed after the test."""
    opened: list[snippets.Namespace] = []

    async def run(*names: str, **given: Any) -> snippets.Namespace:
        pieces = [snippets.whole(GUIDE / f"{name}.txt") for name in names]
        opened.append(await snippets.run(*pieces, **given))
        return opened[-1]

    yield run
    for namespace in opened:
        await snippets.close(namespace)


@pytest.fixture
def provider() -> MockRealtimeProvider:
    return MockRealtimeProvider()


@pytest.fixture
def transport() -> MockRealtimeTransport:
    return MockRealtimeTransport()


async def look_up(city: str) -> str:
    return json.dumps({"city": city})


def a_tool(name: str) -> Tool:
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    return Tool(name=name, description="Looks something up", parameters=parameters, handler=look_up)


async def test_quick_start_registers_a_voice_channel_with_a_kit(paste: Paste) -> None:
    names = await paste("quick_start")

    assert names["kit"].get_channel("voice-realtime") is names["channel"]


async def test_every_parameter_of_the_configuration_is_taken(
    paste: Paste, provider: MockRealtimeProvider, transport: MockRealtimeTransport
) -> None:
    async def my_tool_handler(name: str, arguments: dict[str, Any]) -> str:
        return name

    names = await paste(
        "configuration",
        RealtimeVoiceChannel=RealtimeVoiceChannel,
        provider=provider,
        transport=transport,
        my_tool=a_tool("my_tool"),
        my_tool_handler=my_tool_handler,
    )
    session = await names["channel"].start_session("room-1", "user-1")

    assert session.state is SessionState.ACTIVE


async def test_an_openai_provider_is_made_from_a_key_and_a_model(paste: Paste) -> None:
    names = await paste("openai_provider")

    assert names["provider"].name == "openai"


async def opening_of(channel: RealtimeVoiceChannel, openai: OpenAISimulator) -> dict[str, Any]:
    """The session with which a call of this channel opens its link to OpenAI."""
    await channel.start_session("room-1", "user-1")
    session: dict[str, Any] = next(event["session"] for event in openai.received if event["type"] == "session.update")
    return session


@pytest.mark.parametrize(
    ("name", "turn_detection"),
    [
        (
            "vad_server",
            {
                "type": "server_vad",
                "threshold": 0.5,
                "silence_duration_ms": 800,
                "prefix_padding_ms": 300,
                "interrupt_response": True,
                "create_response": True,
            },
        ),
        ("vad_semantic", {"type": "semantic_vad", "eagerness": "high"}),
        ("vad_manual", None),
    ],
)
async def test_turn_detection_reaches_openai_as_it_was_configured(
    paste: Paste, name: str, turn_detection: dict[str, Any] | None, transport: MockRealtimeTransport
) -> None:
    openai = OpenAISimulator()
    provider = OpenAIRealtimeProvider(api_key="sk-test", dial=openai.dial)
    names = await paste(name, RealtimeVoiceChannel=RealtimeVoiceChannel, provider=provider, transport=transport)

    told = await opening_of(names["channel"], openai)

    assert told["audio"]["input"]["turn_detection"] == turn_detection


async def test_the_model_that_writes_down_the_caller_is_chosen_in_the_provider_config(
    paste: Paste, transport: MockRealtimeTransport
) -> None:
    names = await paste("input_transcription")
    openai = OpenAISimulator()
    provider = OpenAIRealtimeProvider(api_key="sk-test", dial=openai.dial)
    channel = RealtimeVoiceChannel(
        "voice", provider=provider, transport=transport, provider_config=names["provider_config"]
    )

    told = await opening_of(channel, openai)
    await channel.close()

    assert told["audio"]["input"]["transcription"]["model"] == "gpt-4o-transcribe"


async def test_a_tool_object_answers_the_call_with_its_handler(
    paste: Paste, provider: MockRealtimeProvider, transport: MockRealtimeTransport
) -> None:
    names = await paste("tool_objects", provider=provider, transport=transport)
    session = await names["channel"].start_session("room-1", "user-1")

    await provider.simulate_tool_call(session, "call-1", "get_weather", {"city": "Oslo"})

    assert [json.loads(result) for _, _, result in provider.tool_results] == [WEATHER]


async def test_a_tool_handler_answers_calls_of_the_tools_it_is_given(
    paste: Paste, provider: MockRealtimeProvider, transport: MockRealtimeTransport
) -> None:
    names = await paste(
        "tool_handler", RealtimeVoiceChannel=RealtimeVoiceChannel, json=json, provider=provider, transport=transport
    )
    session = await names["channel"].start_session("room-1", "user-1")

    await provider.simulate_tool_call(session, "call-1", "get_weather", {"city": "Oslo"})
    await provider.simulate_tool_call(session, "call-2", "launch_rocket", {})

    weather, refusal = (json.loads(result) for _, _, result in provider.tool_results)
    assert weather == WEATHER
    assert "launch_rocket" in refusal["error"]


async def test_a_hook_answers_a_tool_call_through_its_metadata(
    paste: Paste, provider: MockRealtimeProvider, transport: MockRealtimeTransport
) -> None:
    async def fetch_weather(city: str) -> dict[str, Any]:
        return {**WEATHER, "city": city}

    names = await paste("tool_hook", fetch_weather=fetch_weather)
    channel = RealtimeVoiceChannel("voice", provider=provider, transport=transport)
    names["kit"].register_channel(channel)
    session = await channel.start_session("room-1", "user-1")

    await provider.simulate_tool_call(session, "call-1", "get_weather", {"city": "Oslo"})

    assert [json.loads(result) for _, _, result in provider.tool_results] == [WEATHER]


async def test_a_session_is_started_with_overrides_reconfigured_and_ended(
    paste: Paste, provider: MockRealtimeProvider, transport: MockRealtimeTransport
) -> None:
    channel = RealtimeVoiceChannel(
        "voice", provider=provider, transport=transport, system_prompt="The channel's prompt"
    )
    kit = RoomKit()
    kit.register_channel(channel)

    names = await paste(
        "session_lifecycle", kit=kit, channel=channel, webrtc_id="rtc-1", new_tools=[a_tool("new_tool")]
    )

    assert names["session"].state is SessionState.ENDED
    told = [str(call.args) for call in provider.calls]
    assert any("Override prompt" in args and "echo" in args for args in told)
    assert any("New prompt" in args and "shimmer" in args and "new_tool" in args for args in told)
    assert not any("The channel's prompt" in args for args in told)


async def test_hooks_of_the_guide_hear_what_is_said_and_when(
    paste: Paste,
    provider: MockRealtimeProvider,
    transport: MockRealtimeTransport,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = await paste("hooks")
    channel = RealtimeVoiceChannel("voice", provider=provider, transport=transport)
    names["kit"].register_channel(channel)
    session = await channel.start_session("room-1", "user-1")

    await provider.simulate_speech_start(session)
    await provider.simulate_transcription(session, "Hello", role="user", is_final=True)

    assert capsys.readouterr().out.splitlines() == ["User started speaking", "[user] Hello"]


async def test_the_websocket_transport_takes_an_authentication_callback(paste: Paste) -> None:
    from roomkit.voice.realtime import WebSocketRealtimeTransport

    def my_auth_callback(connection: object) -> bool:
        return False

    names = await paste("websocket_transport", my_auth_callback=my_auth_callback)

    assert isinstance(names["transport"], WebSocketRealtimeTransport)


async def test_testing_with_mocks_runs_as_written(paste: Paste) -> None:
    names = await paste("testing_with_mocks")

    assert names["transport"].sent_audio == [(names["session"].id, b"\x00\x01" * 100)]
    assert [call_id for _, call_id, _ in names["provider"].tool_results] == ["call-1"]


def test_no_snippet_of_the_guide_is_left_out() -> None:
    text = "".join(tests.read_text(encoding="utf-8") for tests in Path(__file__).parent.glob("test_guide_*.py"))

    assert [path.stem for path in GUIDE.glob("*.txt") if f'"{path.stem}"' not in text] == []
