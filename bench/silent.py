"""Both ends of a session that cost nothing: what is left when they are used is our own code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roomkit.voice.backends.base import ClientSetup, ClientSink, VoiceBackend
from roomkit.voice.realtime.commands import Command, LinkConfig
from roomkit.voice.realtime.profile import Profile
from roomkit.voice.realtime.provider import ProviderSink, RealtimeVoiceProvider
from roomkit.voice.realtime.provider_events import LinkReady


class SilentClient:
    """A client link that takes everything and plays nothing."""

    lead_ms = None
    buffered_ms = 0.0

    def __init__(self, setup: ClientSetup) -> None:
        self.input_rate_hz = setup.input_rate_hz
        self.output_rate_hz = setup.output_rate_hz

    def send_audio(self, pcm: bytes) -> None: ...

    def clear_audio(self, epoch: int) -> None: ...

    def send_message(self, message: Mapping[str, Any]) -> None: ...

    async def close(self, reason: str) -> None: ...


class SilentTransport(VoiceBackend):
    """Keeps where the last session takes the caller's audio."""

    sink: ClientSink

    async def open_link(self, connection: Any, setup: ClientSetup, sink: ClientSink) -> SilentClient:
        self.sink = sink
        return SilentClient(setup)


class SilentLink:
    """A provider link that takes every command and answers none."""

    buffered_bytes = 0

    def send(self, command: Command) -> None: ...

    async def close(self) -> None: ...


class SilentProvider(RealtimeVoiceProvider):
    """Keeps where the last session takes the agent's audio."""

    profile = Profile(name="silent")
    sink: ProviderSink

    async def open_link(self, config: LinkConfig, sink: ProviderSink) -> SilentLink:
        self.sink = sink
        sink.on_event(LinkReady(config.input_rate_hz, config.output_rate_hz))
        return SilentLink()
