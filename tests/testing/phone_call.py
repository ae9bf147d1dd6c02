"""A whole call for tests of any vendor: a caller on a paced mock transport, a provider, a room between them."""

from __future__ import annotations

import asyncio
from typing import Any, Self

from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.clock import Clock
from roomkit.kit import RoomKit
from roomkit.models.session import SessionState, VoiceSession
from roomkit.testing.call import tone
from roomkit.voice.realtime.mock import MockRealtimeTransport
from roomkit.voice.realtime.provider import RealtimeVoiceProvider

FRAME_MS = 20


class PhoneCall:
    """One call, on the line while its block lasts.

    Args:
        providers: The first one serves, the others stand in.
        clock: The simulator's too, so that both tell the same time.
        rate_hz: Of the caller's audio.
        channel: Keywords of the channel.
    """

    def __init__(self, *providers: RealtimeVoiceProvider, clock: Clock, rate_hz: int = 24_000, **channel: Any) -> None:
        self.speech = tone(FRAME_MS / 1000, rate_hz)
        self.transport = MockRealtimeTransport(lead_ms=200)
        self.kit = RoomKit(clock=clock)
        self.channel = RealtimeVoiceChannel(
            "voice", provider=providers, transport=self.transport, input_sample_rate=rate_hz, **channel
        )
        self.kit.register_channel(self.channel)
        self._out_hz: int = channel.get("output_sample_rate", 24_000)

    async def __aenter__(self) -> Self:
        self.session: VoiceSession = await self.channel.start_session("room-1", "caller")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kit.close()

    async def caller(self, *, speaks_ms: int = 0, listens_ms: int = 0, speed: int = 1) -> None:
        """The microphone, live: 20 ms frames of speech, then of silence; faster where the clock is a real one."""
        for pcm, duration_ms in ((self.speech, speaks_ms), (bytes(len(self.speech)), listens_ms)):
            for _ in range(duration_ms // FRAME_MS):
                if self.session.state is SessionState.ACTIVE:
                    await self.transport.simulate_client_audio(self.session, pcm)
                await asyncio.sleep(FRAME_MS / 1000 / speed)

    async def words(self) -> list[tuple[str, str]]:
        """Who said what, in the room's order."""
        timeline = await self.kit.get_timeline("room-1", limit=1_000)
        said = [(str(event.metadata.get("role")), event.text) for event in timeline]
        return [(role, text) for role, text in said if role in ("user", "assistant")]

    def heard_ms(self) -> float:
        return sum(len(pcm) for _, pcm in self.transport.sent_audio) / 2 / self._out_hz * 1000
