"""The channel as its users meet it: sessions, settings, hand-over, permissions (RFC 0006)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.errors import ConfigError, NotFoundError, ProviderRefusedError
from roomkit.models.session import EndReason, SessionState
from roomkit.models.tool_call import Tool
from roomkit.testing.virtual_time import VirtualClock
from roomkit.voice.realtime.commands import LinkConfig
from roomkit.voice.realtime.mock import MockRealtimeProvider, MockRealtimeTransport
from roomkit.voice.realtime.profile import Profile

pytestmark = pytest.mark.virtual_time


def channel_on_mocks(**settings: Any) -> tuple[RealtimeVoiceChannel, MockRealtimeProvider, MockRealtimeTransport]:
    provider = settings.pop("provider", None) or MockRealtimeProvider()
    transport = MockRealtimeTransport()
    channel = RealtimeVoiceChannel("voice", provider=provider, transport=transport, clock=VirtualClock(), **settings)
    return channel, provider, transport


def link_config(provider: MockRealtimeProvider) -> LinkConfig:
    config: LinkConfig = [call for call in provider.calls if call.method == "connect"][-1].args["config"]
    return config


async def test_a_channel_without_a_kit_runs_sessions() -> None:
    channel, provider, transport = channel_on_mocks()

    session = await channel.start_session("room-1", "user-1")
    await provider.simulate_transcription(session, "Hello", role="user", is_final=True)
    await provider.simulate_audio(session, b"\x00\x01" * 100)
    await provider.simulate_tool_call(session, "call-1", "get_weather", {"city": "NYC"})

    assert session.state is SessionState.ACTIVE
    assert len(transport.sent_audio) > 0
    assert transport.messages(session, "transcription")[0]["text"] == "Hello"
    assert "error" in json.loads(provider.tool_results[0][2])
    await channel.close()
    assert session.end_reason is EndReason.SHUTDOWN


async def test_session_metadata_overrides_the_channel_by_top_level_key() -> None:
    channel, provider, _ = channel_on_mocks(
        system_prompt="Be kind.",
        voice="alloy",
        provider_config={"speed": 1.0, "turn_detection": {"type": "server_vad"}},
    )

    await channel.start_session(
        "room-1", "user-1", metadata={"voice": "echo", "provider_config": {"turn_detection": None}}
    )

    config = link_config(provider)
    assert (config.instructions, config.voice) == ("Be kind.", "echo")
    assert config.provider_config == {"speed": 1.0, "turn_detection": None}


async def test_only_the_reconfigured_session_changes_and_what_is_omitted_is_kept() -> None:
    channel, provider, _ = channel_on_mocks(system_prompt="Reception.", voice="alloy")
    first = await channel.start_session("room-1", "user-1")
    second = await channel.start_session("room-1", "user-2")

    await channel.reconfigure_session(first.id, system_prompt="Billing.", tools=[Tool("refund")])

    (update,) = [call for call in provider.calls if call.method == "update_session"]
    assert update.args["session_id"] == first.id
    assert (update.args["config"].instructions, update.args["config"].voice) == ("Billing.", "alloy")
    await provider.simulate_tool_call(second, "c1", "refund")
    assert "error" in provider.tool_results[0][2]


async def test_what_a_vendor_cannot_change_in_place_is_done_by_a_new_link_that_knows_the_conversation() -> None:
    channel, provider, transport = channel_on_mocks(provider=MockRealtimeProvider(profile=Profile("stiff")))
    session = await channel.start_session("room-1", "user-1")
    await provider.simulate_transcription(session, "are you open", role="user")

    await channel.reconfigure_session(session, voice="shimmer")
    await transport.simulate_client_audio(session, b"\x01\x00" * 320)

    assert link_config(provider).voice == "shimmer"
    assert provider.methods(session) == ["connect", "connect", "inject_text", "disconnect", "send_audio"]
    assert session.state is SessionState.ACTIVE


async def test_a_call_can_be_handed_to_another_provider_between_turns() -> None:
    channel, first, _ = channel_on_mocks()
    second = MockRealtimeProvider()
    session = await channel.start_session("room-1", "user-1")
    await first.simulate_response_start(session)
    handing_over = asyncio.get_running_loop().create_task(channel.reconfigure_session(session, provider=second))
    await asyncio.sleep(1)
    while_speaking = handing_over.done()
    await first.simulate_response_end(session)
    await handing_over
    await second.simulate_transcription(session, "hello, billing here")

    assert not while_speaking
    assert first.methods()[-1] == "disconnect"


async def test_a_refused_hand_over_leaves_the_old_link() -> None:
    channel, first, transport = channel_on_mocks()
    second = MockRealtimeProvider()
    second.refuse_with = [ProviderRefusedError("no such model")]
    session = await channel.start_session("room-1", "user-1")

    with pytest.raises(ProviderRefusedError):
        await channel.reconfigure_session(session, provider=second)
    await transport.simulate_client_audio(session, b"\x01\x00" * 320)

    assert first.sent_audio


async def test_a_tool_may_hand_over_its_own_call_and_its_result_goes_first() -> None:
    channel, first, _ = channel_on_mocks()
    second = MockRealtimeProvider()
    session = await channel.start_session("room-1", "user-1")

    async def transfer() -> str:
        await channel.reconfigure_session(session, provider=second, system_prompt="Billing.")
        return "transferred"

    await channel.reconfigure_session(session, tools=[Tool("transfer", handler=transfer)])
    await first.simulate_tool_call(session, "c1", "transfer")
    await asyncio.sleep(0.1)

    assert first.methods(session)[-2:] == ["tool_result", "disconnect"]
    assert link_config(second).instructions == "Billing."


async def test_the_same_callers_second_session_replaces_the_first() -> None:
    channel, _, transport = channel_on_mocks()
    first = await channel.start_session("room-1", "user-1")

    second = await channel.start_session("room-1", "user-1")

    assert (first.end_reason, second.state) == (EndReason.REPLACED, SessionState.ACTIVE)
    assert transport.messages(first, "session_ended")[0]["reason"] == "replaced"
    assert channel.get_room_sessions("room-1") == [second]


async def test_two_sessions_started_at_once_for_one_caller_leave_one() -> None:
    channel, _, _ = channel_on_mocks()

    await asyncio.gather(*(channel.start_session("room-1", "user-1") for _ in range(2)), return_exceptions=True)

    assert len(channel.get_room_sessions("room-1")) == 1


async def test_a_client_that_comes_back_in_time_keeps_its_session() -> None:
    channel, provider, transport = channel_on_mocks(client_grace_ms=5_000)
    session = await channel.start_session("room-1", "user-1")
    await transport.simulate_client_disconnect(session)
    await asyncio.sleep(3)

    again = await channel.start_session("room-1", "user-1")
    await asyncio.sleep(10)
    await provider.simulate_audio(session, b"\x01\x00" * 240)

    assert again is session
    assert session.state is SessionState.ACTIVE
    assert transport.sent_audio


async def test_ending_is_idempotent_and_an_unknown_session_is_no_error() -> None:
    channel, _, _ = channel_on_mocks()
    session = await channel.start_session("room-1", "user-1")

    await channel.end_session(session)
    await channel.end_session(session.id)
    await channel.end_session("vs_nobody")

    assert session.end_reason is EndReason.HANGUP


async def test_a_session_ended_while_it_connects_is_undone() -> None:
    channel, provider, _ = channel_on_mocks()
    hold = asyncio.Event()
    open_link = provider.open_link

    async def slow(*args: Any) -> Any:
        await hold.wait()
        return await open_link(*args)

    provider.open_link = slow  # type: ignore[assignment]  # the test makes this one provider slow
    starting = asyncio.get_running_loop().create_task(channel.start_session("room-1", "user-1"))
    await asyncio.sleep(1)
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    await channel.close()

    assert channel.get_room_sessions("room-1") == []


async def test_what_is_over_takes_nothing() -> None:
    channel, _, _ = channel_on_mocks()
    session = await channel.start_session("room-1", "user-1")
    await channel.end_session(session)

    with pytest.raises(NotFoundError, match="is over"):
        await channel.inject_text(session, "hello?")


async def test_images_and_manual_turns_fail_before_the_wire_where_the_vendor_has_none() -> None:
    channel, provider, _ = channel_on_mocks(provider=MockRealtimeProvider(profile=Profile("plain")))
    session = await channel.start_session("room-1", "user-1")

    with pytest.raises(ConfigError, match="no images"):
        await channel.inject_image(session, b"png")
    with pytest.raises(ConfigError, match="request_response"):
        await channel.begin_user_turn(session)
    assert provider.methods() == ["connect"]


@pytest.mark.parametrize("rate_hz", [0, -8_000, 3, 1_000_000])
def test_a_rate_that_cannot_be_is_refused_at_once(rate_hz: int) -> None:
    with pytest.raises(ConfigError, match="sample rate"):
        channel_on_mocks(input_sample_rate=rate_hz)


@pytest.mark.parametrize(
    "tool", ["weather", 7, {"type": "function"}, {"name": "x", "parameters": {"type": "nonsense"}}]
)
def test_what_is_no_tool_is_refused_at_once(tool: Any) -> None:
    with pytest.raises(ConfigError):
        channel_on_mocks(tools=[tool])
