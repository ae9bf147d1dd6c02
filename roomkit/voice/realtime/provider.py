"""What a session sees of the model side: a provider that opens links, and the links."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable
from functools import cached_property
from typing import Protocol, runtime_checkable

from roomkit.voice.realtime.breaker import CircuitBreaker
from roomkit.voice.realtime.commands import Command, LinkConfig
from roomkit.voice.realtime.profile import Profile, TurnPolicy
from roomkit.voice.realtime.provider_events import ProviderEvent


class ProviderSink(Protocol):
    """Where a link delivers. A link must not keep it after its `ProviderLink.close` returned."""

    def on_event(self, event: ProviderEvent) -> None:
        """Take one event, in wire order, on the loop's thread; never waits, never raises.

        The first event of a link is `LinkReady`; after `LinkLost` there is none. Events of a link that was replaced
        meanwhile are dropped.
        """

    async def settled(self) -> None:
        """Return when what was delivered so far has had its effect (transcripts asked and published, tools run).

        For mocks and tests. Called from one of the session's own tasks it returns at once.
        """


@runtime_checkable
class SpeechGate(Protocol):
    """A sink that judges what a link with its own synthesiser is going to say, sentence by sentence.

    Not asked about a `Speak`: whoever sent that has judged it.
    """

    def before_speech(self, text: str, voice: str | None) -> Awaitable[str | None] | None:
        """Ask whether a text may be spoken.

        Returns:
            ``None``: nobody decides, say it as it is. Else what to wait for: the text to say, or ``None``: say nothing.
        """

    def speech_begins(self, text: str, voice: str | None, response_id: str, item_id: str, start_ms: float) -> None:
        """From ``start_ms`` on in its item's audio, this text is being said."""


class ProviderLink(Protocol):
    """One live conversation with a provider."""

    def send(self, command: Command) -> None:
        """Pass a command on; never waits. On a lost link it is dropped.

        Raises:
            ConfigError: The vendor cannot do this at all (before the wire); names what can.
        """

    @property
    def buffered_bytes(self) -> int:
        """Bytes the wire has not taken yet."""

    async def close(self) -> None:
        """Hang up; no event follows. Idempotent, returns within 2 s."""


class RealtimeVoiceProvider(ABC):
    """The model side: turns the caller's audio into the agent's audio, transcripts and tool calls.

    One provider object serves any number of sessions; it holds configuration and its breaker, never a session's state.
    """

    @property
    @abstractmethod
    def profile(self) -> Profile:
        """What this provider can do."""

    @property
    def name(self) -> str:
        """The profile's name."""
        return self.profile.name

    @property
    def model(self) -> str | None:
        """The vendor's name of the model that serves, for prices; ``None`` where it is not known here."""
        return None

    @cached_property
    def breaker(self) -> CircuitBreaker:
        """Whether dialling is worth it, as all sessions found it; assign another one to change its policy."""
        return CircuitBreaker()

    def turn_policy(self, config: LinkConfig) -> TurnPolicy:
        """How turns go under ``config``."""
        return TurnPolicy()

    @abstractmethod
    async def open_link(self, config: LinkConfig, sink: ProviderSink) -> ProviderLink:
        """Connect, authenticate and set up one link; return when `LinkReady` was delivered to ``sink``.

        One attempt: the session decides about further ones. Cancelling closes whatever was open.

        Raises:
            ConfigError: The configuration cannot work.
            ProviderRefusedError: The vendor said no, for good.
            ProviderLostError: It could not be reached, or went away while connecting.
        """

    async def close(self) -> None:
        """Release what the provider holds beside its links (connection pools). Idempotent."""
        return
