"""The one transport contract: how a session reaches a caller, whatever carries the audio.

A `VoiceBackend` (the word users know; *transport* elsewhere) turns a connection handle into a `TransportLink`. The
session talks to links only. Not in here: pacing (the session paces, a link sends at once) and resampling.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class ClientText:
    """The caller typed something."""

    text: str


@dataclass(frozen=True, slots=True)
class ClientPlayback:
    """The client tells how much agent audio it has played since ``clear_audio`` number ``epoch`` (0 before any)."""

    played_ms: float
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class ClientMuted:
    """The caller switched the own microphone off or on."""

    is_muted: bool


@dataclass(frozen=True, slots=True)
class ClientCapabilities:
    """What the client can do from now on: capture audio, play audio; ``None``: as before."""

    microphone: bool | None = None
    speaker: bool | None = None


@dataclass(frozen=True, slots=True)
class ClientInterrupt:
    """The caller pressed "stop talking"."""


@dataclass(frozen=True, slots=True)
class ClientTurn:
    """Push to talk: the caller's turn begins (``True``) or is complete (``False``)."""

    begins: bool


@dataclass(frozen=True, slots=True)
class ClientGoodbye:
    """The caller ends the session politely."""


@dataclass(frozen=True, slots=True)
class ClientDigit:
    """A DTMF key, ``0``-``9``, ``*``, ``#``, ``A``-``D``."""

    digit: str


@dataclass(frozen=True, slots=True)
class ClientGone:
    """The link dropped; nothing more comes from it."""

    reason: str = ""


ClientEvent = (
    ClientText | ClientPlayback | ClientMuted | ClientCapabilities | ClientInterrupt | ClientTurn | ClientGoodbye
    | ClientDigit | ClientGone
)  # fmt: skip


class ClientSink(Protocol):
    """Where a transport link delivers, on the loop's thread, in order; never waits, never raises."""

    def on_audio(self, pcm: bytes) -> None:
        """A piece of the caller's voice: PCM16 LE mono at the link's ``input_rate_hz``, any length, odd ones too."""

    def on_event(self, event: ClientEvent) -> None:
        """Anything but audio."""

    async def settled(self) -> None:
        """For mocks: return when what was delivered so far has had its effect (see `ProviderSink.settled`)."""


@dataclass(frozen=True, slots=True)
class ClientSetup:
    """What a link needs to know of its session.

    Attributes:
        input_rate_hz: What the session would like the caller's audio to be sampled at.
        output_rate_hz: What the agent's audio will be sampled at, unless the link says otherwise.
    """

    session_id: str
    room_id: str
    participant_id: str
    input_rate_hz: int
    output_rate_hz: int


class TransportLink(Protocol):
    """One caller's live connection. Nothing here waits; after the close everything is dropped silently."""

    @property
    def input_rate_hz(self) -> int:
        """Rate of the PCM it delivers."""

    @property
    def output_rate_hz(self) -> int:
        """Rate of the PCM it takes."""

    @property
    def lead_ms(self) -> float | None:
        """Most agent audio the client may hold ahead; ``None``: the session's default; ``inf``: unpaced."""

    @property
    def buffered_ms(self) -> float:
        """Agent audio we handed over that has not left this machine."""

    def send_audio(self, pcm: bytes) -> None:
        """Agent audio, PCM16 LE mono at ``output_rate_hz``."""

    def clear_audio(self, epoch: int) -> None:
        """Throw away every sample not yet played, here and at the client. ``epoch`` counts clears, from 1."""

    def send_message(self, message: Mapping[str, Any]) -> None:
        """A JSON-able control message (``session_started``, ``transcription``, ``speaking`` ...)."""

    async def close(self, reason: str) -> None:
        """Hang up. Idempotent; returns within 2 s; no event follows."""


ConnectCallback = Callable[[Any], Awaitable[object] | object]


class VoiceBackend(ABC):
    """A transport: carries audio and messages between clients and sessions."""

    def __init__(self) -> None:
        self._connect_callback: ConnectCallback | None = None

    @property
    def on_client_connected(self) -> Callable[[ConnectCallback], ConnectCallback]:
        """Register what happens when a client connects by itself; called with the connection handle.

        Both ``transport.on_client_connected = fn`` and ``transport.on_client_connected(fn)`` (also as a decorator)
        register; a returned awaitable is awaited.
        """
        return self._register_connect_callback

    @on_client_connected.setter
    def on_client_connected(self, callback: ConnectCallback) -> None:
        self._register_connect_callback(callback)

    def _register_connect_callback(self, callback: ConnectCallback) -> ConnectCallback:
        self._connect_callback = callback
        return callback

    async def _client_connected(self, connection: Any) -> bool:
        """For transports: tell the application. Returns False when nobody registered.

        Raises:
            Exception: Whatever the application's callback raises.
        """
        if self._connect_callback is None:
            return False
        result = self._connect_callback(connection)
        if inspect.isawaitable(result):
            await result
        return True

    def connection_metadata(self, connection: Any) -> Mapping[str, Any]:
        """What ``authenticate`` returned for this connection; merged into the session's metadata."""
        return {}

    async def admit(self, connection: Any) -> Mapping[str, Any]:
        """Ask at the door, before a session is made of ``connection``; what ``authenticate`` returned.

        A transport whose connections were asked as they came has nothing to add.

        Raises:
            AccessDeniedError: It may not come in; the connection is closed.
            ConfigError: ``connection`` is nothing this transport can carry.
        """
        return self.connection_metadata(connection)

    @abstractmethod
    async def open_link(self, connection: Any, setup: ClientSetup, sink: ClientSink) -> TransportLink:
        """Bind a connection to a session; audio flows to ``sink`` from here on.

        Raises:
            ConfigError: ``connection`` is nothing this transport can carry.
            ClientGoneError: The client left before it began.
        """

    async def close(self) -> None:
        """Stop listening and drop every connection. Idempotent."""
        return
