"""A transport without a network, for tests: what it was told is there to read, what a client would do is simulated.

Unpaced unless given ``lead_ms``: audio counts as heard when it is sent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from roomkit.errors import NotFoundError
from roomkit.models.session import VoiceSession
from roomkit.voice.backends.base import (
    ClientCapabilities,
    ClientDigit,
    ClientEvent,
    ClientGone,
    ClientInterrupt,
    ClientPlayback,
    ClientSetup,
    ClientSink,
    ClientText,
    TransportLink,
    VoiceBackend,
)

NONE: frozenset[str] = frozenset()
"""No capability beyond carrying audio."""


@dataclass(frozen=True, slots=True)
class MockCall:
    """One thing a mock was told: ``method`` and its arguments by name."""

    method: str
    args: dict[str, Any] = field(default_factory=dict)


class _MockLink:
    """The transport link of one mock client."""

    def __init__(self, backend: MockVoiceBackend, setup: ClientSetup, sink: ClientSink) -> None:
        self._backend = backend
        self.setup = setup
        self.sink = sink
        self.is_closed = False

    @property
    def input_rate_hz(self) -> int:
        return self.setup.input_rate_hz

    @property
    def output_rate_hz(self) -> int:
        return self.setup.output_rate_hz

    @property
    def lead_ms(self) -> float | None:
        return self._backend.lead_ms

    @property
    def buffered_ms(self) -> float:
        return 0.0

    def send_audio(self, pcm: bytes) -> None:
        if not self.is_closed:
            self._backend.sent_audio.append((self.setup.session_id, pcm))

    def clear_audio(self, epoch: int) -> None:
        self._backend.calls.append(MockCall("clear_audio", {"session_id": self.setup.session_id, "epoch": epoch}))
        self.send_message({"type": "clear_audio", "epoch": epoch})

    def send_message(self, message: Mapping[str, Any]) -> None:
        if not self.is_closed:
            self._backend.sent_messages.append((self.setup.session_id, dict(message)))

    async def close(self, reason: str) -> None:
        if not self.is_closed:
            self.is_closed = True
            self._backend.calls.append(MockCall("disconnect", {"session_id": self.setup.session_id, "reason": reason}))


class MockVoiceBackend(VoiceBackend):
    """A voice backend that records and simulates; serves as a realtime transport too.

    Args:
        capabilities: Names a test may read back; the mock acts on none of them.
        lead_ms: Pace agent audio with this lead; default: unpaced.

    Attributes:
        calls: Everything but audio and messages, oldest first.
        sent_audio: ``(session_id, pcm)`` for each piece of agent audio.
        sent_messages: ``(session_id, message)`` for each control message.
    """

    def __init__(self, *, capabilities: frozenset[str] = NONE, lead_ms: float = math.inf) -> None:
        super().__init__()
        self.capabilities = capabilities
        self.lead_ms: float | None = lead_ms
        self.calls: list[MockCall] = []
        self.sent_audio: list[tuple[str, bytes]] = []
        self.sent_messages: list[tuple[str, dict[str, Any]]] = []
        self._links: dict[str, _MockLink] = {}

    async def open_link(self, connection: Any, setup: ClientSetup, sink: ClientSink) -> TransportLink:
        """Any ``connection`` will do, ``None`` included."""
        self.calls.append(MockCall("accept", {"session_id": setup.session_id, "connection": connection}))
        link = self._links[setup.session_id] = _MockLink(self, setup, sink)
        return link

    def messages(self, session: VoiceSession | str, type_: str | None = None) -> list[dict[str, Any]]:
        """What one client was told, all of it or only one type."""
        return [
            message
            for session_id, message in self.sent_messages
            if session_id == _id_of(session) and (type_ is None or message["type"] == type_)
        ]

    async def simulate_connection(self, connection: Any) -> None:
        """A client connects by itself: whatever ``on_client_connected`` registered runs."""
        await self._client_connected(connection)

    async def simulate_client_audio(self, session: VoiceSession | str, pcm: bytes) -> None:
        """The caller speaks."""
        sink = self._sink(session)
        sink.on_audio(pcm)
        await sink.settled()

    async def simulate_client_text(self, session: VoiceSession | str, text: str) -> None:
        """The caller types."""
        await self._event(session, ClientText(text))

    async def simulate_client_playback(self, session: VoiceSession | str, played_ms: float, epoch: int = 0) -> None:
        """The client reports what it has played since clear number ``epoch``."""
        await self._event(session, ClientPlayback(played_ms, epoch))

    async def simulate_client_interrupt(self, session: VoiceSession | str) -> None:
        """The caller presses "stop talking"."""
        await self._event(session, ClientInterrupt())

    async def simulate_client_capabilities(
        self, session: VoiceSession | str, *, microphone: bool | None = None, speaker: bool | None = None
    ) -> None:
        """The client says whether it has a microphone and a speaker; ``None``: as before."""
        await self._event(session, ClientCapabilities(microphone, speaker))

    async def simulate_dtmf(self, session: VoiceSession | str, digit: str) -> None:
        """The caller presses a key."""
        await self._event(session, ClientDigit(digit))

    async def simulate_client_disconnect(self, session: VoiceSession | str) -> None:
        """The caller's link drops."""
        await self._event(session, ClientGone("simulated"))

    async def _event(self, session: VoiceSession | str, event: ClientEvent) -> None:
        sink = self._sink(session)
        sink.on_event(event)
        await sink.settled()

    def _sink(self, session: VoiceSession | str) -> ClientSink:
        link = self._links.get(_id_of(session))
        if link is None:
            raise NotFoundError(f"no client of session {_id_of(session)} on this transport")
        return link.sink


def _id_of(session: VoiceSession | str) -> str:
    return session if isinstance(session, str) else session.id
