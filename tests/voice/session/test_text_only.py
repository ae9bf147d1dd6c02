"""A call that goes on in writing while nobody can speak for the agent (RFC 0006, R-0006-59)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit.channels.ai import AIChannel
from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.errors import ConfigError, ProviderLostError, ProviderRefusedError
from roomkit.kit import RoomKit
from roomkit.models.enums import ChannelCategory
from roomkit.models.framework import FrameworkEvent
from roomkit.models.session import EndReason, LinkState, SessionState, VoiceSession
from roomkit.providers.ai.mock import MockAIProvider
from roomkit.testing import VirtualClock
from roomkit.testing.call import tone
from roomkit.voice.realtime.mock import MockRealtimeProvider, MockRealtimeTransport

pytestmark = pytest.mark.virtual_time


def lost() -> ProviderLostError:
    """A fresh one each time: an exception that is kept keeps its traceback, and that the session."""
    return ProviderLostError("unreachable")


class Written:
    """A call whose provider has gone and cannot be had; a text agent is in the room, too."""

    def __init__(self, **channel: Any) -> None:
        self.provider, self.transport = MockRealtimeProvider(), MockRealtimeTransport()
        self.kit = RoomKit(clock=VirtualClock())
        self.channel = RealtimeVoiceChannel(
            "voice", provider=self.provider, transport=self.transport, **{"degrade_to": "text", **channel}
        )
        self.kit.register_channel(self.channel)

    async def __aenter__(self) -> Written:
        self.session: VoiceSession = await self.channel.start_session("room-1", "caller")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kit.close()

    async def goes_away(self) -> None:
        self.provider.refuse_with = [lost() for _ in range(9)]
        await self.provider.simulate_disconnect(self.session)
        await asyncio.sleep(31)

    def told(self, type_: str) -> list[Any]:
        key = {"degraded": "to", "link_state": "state", "transcription": "text"}[type_]
        return [message[key] for message in self.transport.messages(self.session, type_)]


async def test_a_call_nobody_can_speak_in_goes_on_in_writing_and_says_so() -> None:
    async with Written() as call:
        await call.goes_away()

        assert call.session.state is SessionState.ACTIVE
        assert call.session.link_states["provider"] is LinkState.DOWN
        assert call.told("degraded") == ["text"]
        assert call.told("link_state") == ["recovering", "down"]


async def test_what_is_typed_is_part_of_the_room_and_the_rooms_agents_are_read() -> None:
    async with Written() as call:
        call.kit.register_channel(AIChannel("agent", MockAIProvider(responses=["At six."])))
        await call.kit.attach_channel("room-1", "agent", category=ChannelCategory.INTELLIGENCE)
        await call.goes_away()

        await call.transport.simulate_client_text(call.session, "when do you close")
        await asyncio.sleep(1)

        assert [event.text for event in await call.kit.get_timeline("room-1")] == ["when do you close", "At six."]
        assert call.told("transcription") == ["when do you close", "At six."]


async def test_audio_comes_back_when_it_can_without_what_was_said_to_nobody() -> None:
    async with Written() as call:
        await call.goes_away()
        await call.transport.simulate_client_audio(call.session, tone(1))
        await call.transport.simulate_client_text(call.session, "hello")
        call.provider.refuse_with = [lost()]

        await asyncio.sleep(300)
        await call.transport.simulate_client_audio(call.session, b"\x01\x00" * 160)

        assert call.told("degraded") == ["text", "audio"]
        assert call.told("link_state") == ["recovering", "down", "up"]
        assert [pcm for _, pcm in call.provider.sent_audio] == [b"\x01\x00" * 160]
        assert call.provider.injected_texts == [(call.session.id, "hello", "user")]
        assert "ask_for_response" not in call.provider.methods()


async def test_who_refused_for_good_is_not_asked_again_but_another_provider_may_be_given() -> None:
    async with Written() as call:
        await call.provider.simulate_disconnect(call.session, code="http_401", reason="revoked", retryable=False)
        await asyncio.sleep(3_600)
        dials, another = call.provider.methods().count("connect"), MockRealtimeProvider()

        await call.channel.reconfigure_session(call.session, provider=another)

        assert dials == 1
        assert call.told("degraded") == ["text", "audio"]
        assert call.session.link_states["provider"] is LinkState.UP


async def test_a_call_that_is_not_to_be_written_ends() -> None:
    async with Written(degrade_to=None) as call:
        await call.goes_away()

        assert call.session.end_reason is EndReason.PROVIDER_LOST
        assert call.told("degraded") == []


async def test_a_written_call_can_be_hung_up_and_leaves_no_task() -> None:
    async with Written() as call:
        await call.goes_away()

        await call.channel.end_session(call.session)

        assert call.session.end_reason is EndReason.HANGUP


def test_there_is_nothing_else_to_degrade_to() -> None:
    with pytest.raises(ConfigError):
        Written(degrade_to="smoke signals")


class Absent(Written):
    """A call whose provider cannot be had from the start."""

    async def __aenter__(self) -> Absent:
        self.provider.refuse_with = [lost() for _ in range(9)]
        self.told_of: list[FrameworkEvent] = []
        self.kit.on("*")(self.told_of.append)
        self.session = await self.channel.start_session("room-1", "caller")
        return self


async def test_a_call_nobody_can_serve_begins_in_writing() -> None:
    """R-0006-59."""
    async with Absent() as call:
        assert call.session.state is SessionState.ACTIVE
        kinds = [message["type"] for message in call.transport.messages(call.session)]
        assert kinds == ["session_started", "degraded"]
        await call.transport.simulate_client_text(call.session, "hello")

        await asyncio.sleep(300)

        assert call.told("degraded") == ["text", "audio"]
        assert call.session.link_states["provider"] is LinkState.UP
        assert call.provider.injected_texts == [(call.session.id, "hello", "user")]


async def test_a_greeting_nobody_can_say_is_shown_once_and_remembered() -> None:
    """R-0006-59."""
    async with Absent(greeting="Good morning!") as call:
        await asyncio.sleep(300)

        assert call.told("transcription") == ["Good morning!"]
        assert [event.text for event in await call.kit.get_timeline("room-1")][:1] == ["Good morning!"]
        assert call.provider.injected_texts == [(call.session.id, "Good morning!", "assistant")]


async def test_what_the_room_has_said_word_for_word_is_shown_in_writing() -> None:
    """R-0006-59."""
    async with Written() as call:
        await call.goes_away()

        await call.channel.inject_text(call.session, "We will call you back.", role="assistant")
        await asyncio.sleep(300)

        assert call.told("transcription") == ["We will call you back."]
        assert "speak" not in call.provider.methods()


async def test_without_degrade_to_a_call_nobody_can_serve_does_not_begin() -> None:
    with pytest.raises(ProviderLostError):
        async with Absent(degrade_to=None):
            pass


async def test_who_said_no_to_the_first_dial_leaves_a_written_call_that_can_be_given_another_provider() -> None:
    call = Written()
    call.provider.refuse_with = [ProviderRefusedError("no such key", code="http_401")]
    async with call:
        await asyncio.sleep(3_600)
        assert call.told("degraded") == ["text"]

        await call.channel.reconfigure_session(call.session, provider=MockRealtimeProvider())

        assert call.told("degraded") == ["text", "audio"]


async def test_operators_are_told_of_every_change() -> None:
    """R-0006-63."""
    async with Absent() as call:
        await asyncio.sleep(300)

        told = [event for event in call.told_of if event.type in ("degraded", "audio_restored")]
        assert [(event.type, event.data["side"]) for event in told] == [
            ("degraded", "provider"),
            ("audio_restored", "provider"),
        ]
        assert {(event.room_id, event.channel_id) for event in told} == {("room-1", "voice")}
        assert {event.data["session_id"] for event in told} == {call.session.id}
