"""What operators, who watch all rooms, are told of the calls in them (RFC 0006, R-0006-63; RFC 0005)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.errors import ProviderRefusedError
from roomkit.kit import RoomKit
from roomkit.models.framework import FrameworkEvent
from roomkit.models.session import VoiceSession
from roomkit.testing import VirtualClock
from roomkit.voice.realtime.mock import MOCK_PROFILE, MockRealtimeProvider, MockRealtimeTransport

pytestmark = pytest.mark.virtual_time


class Watched:
    """A kit with a voice channel on two vendors, and somebody who listens to everything."""

    def __init__(self) -> None:
        self.primary, self.secondary = vendor("primary"), vendor("secondary")
        self.transport = MockRealtimeTransport()
        self.kit = RoomKit(clock=VirtualClock())
        self.channel = RealtimeVoiceChannel(
            "voice", provider=[self.primary, self.secondary], transport=self.transport, degrade_to="text"
        )
        self.kit.register_channel(self.channel)
        self.events: list[FrameworkEvent] = []
        self.kit.on("*")(self.events.append)

    async def call(self) -> VoiceSession:
        return await self.channel.start_session("room-1", "caller")

    def told(self, type_: str) -> list[dict[str, Any]]:
        events = [event for event in self.events if event.type == type_]
        assert {(event.room_id, event.channel_id) for event in events} <= {("room-1", "voice")}
        return [dict(event.data) for event in events]


def vendor(name: str) -> MockRealtimeProvider:
    return MockRealtimeProvider(profile=replace(MOCK_PROFILE, name=name))


def no() -> ProviderRefusedError:
    return ProviderRefusedError("the key was revoked", code="http_401", retryable=False)


async def test_another_provider_serves() -> None:
    watched = Watched()
    session = await watched.call()

    await watched.primary.simulate_disconnect(session, code="http_401", reason="revoked", retryable=False)
    await asyncio.sleep(1)

    assert watched.told("provider_changed") == [
        {"session_id": session.id, "provider": "secondary", "previous": "primary"}
    ]
    assert watched.told("degraded") == []
    await watched.kit.close()


async def test_the_preferred_provider_was_not_to_be_had_at_the_start() -> None:
    watched = Watched()
    watched.primary.refuse_with = [no()]

    session = await watched.call()

    assert watched.told("provider_changed") == [
        {"session_id": session.id, "provider": "secondary", "previous": "primary"}
    ]
    await watched.kit.close()


async def test_a_listener_that_fails_does_not_harm_the_call() -> None:
    watched = Watched()

    @watched.kit.on("degraded")
    def fails(event: FrameworkEvent) -> None:
        raise ValueError(event.type)

    session = await watched.call()
    await watched.transport.simulate_client_capabilities(session, speaker=False)

    assert not session.has_speaker
    assert watched.told("degraded") == [
        {"session_id": session.id, "side": "client", "microphone": True, "speaker": False}
    ]
    await watched.kit.close()
