"""One call on mocks, without a kit: a session with everything around it in the test's hands."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from roomkit._aio import Supervisor
from roomkit.core.ports import Verdict
from roomkit.models.enums import EventStatus, HookTrigger
from roomkit.models.event import RoomEvent
from roomkit.models.session import VoiceSession
from roomkit.testing.virtual_time import VirtualClock
from roomkit.voice.audio.pcm import silence
from roomkit.voice.realtime.mock import MockRealtimeProvider, MockRealtimeTransport
from roomkit.voice.realtime.reconnect import ReconnectPolicy
from roomkit.voice.session.engine import Session
from roomkit.voice.session.settings import SessionSettings

E = TypeVar("E")

Decide = Callable[[Any], Awaitable[Verdict[Any]] | Verdict[Any]]


@dataclass
class RecordingRoomPort:
    """A room of one session that remembers.

    Attributes:
        published: Room events, in the order they were committed.
        blocked: Events that were only put on the record, with who blocked them and why.
        told: ``(trigger, event)`` for each observing moment.
        announced: ``(event_type, data)`` for each framework event.
        hooks: One deciding hook a trigger, sync or async; none: everything is allowed.
        observed: Triggers somebody observes; levels and turns are only made for those.
    """

    published: list[RoomEvent] = field(default_factory=list)
    blocked: list[RoomEvent] = field(default_factory=list)
    told: list[tuple[HookTrigger, Any]] = field(default_factory=list)
    announced: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    hooks: dict[HookTrigger, Decide] = field(default_factory=dict)
    observed: set[HookTrigger] = field(default_factory=lambda: set(HookTrigger))

    def listens(self, trigger: HookTrigger, *, deciding: bool = False) -> bool:
        """See `RoomPort.listens`."""
        return trigger in self.hooks or (not deciding and trigger in self.observed)

    async def ask(self, trigger: HookTrigger, event: E) -> Verdict[E]:
        """See `RoomPort.ask`."""
        self.told.append((trigger, event))
        hook = self.hooks.get(trigger)
        if hook is None:
            return Verdict(True, event)
        verdict = hook(event)
        return verdict if isinstance(verdict, Verdict) else await verdict

    def tell(self, trigger: HookTrigger, event: object) -> None:
        """See `RoomPort.tell`."""
        self.told.append((trigger, event))

    def announce(self, event_type: str, **data: object) -> None:
        """See `RoomPort.announce`."""
        self.announced.append((event_type, data))

    async def publish(self, event: RoomEvent) -> bool:
        """See `RoomPort.publish`."""
        self.published.append(event)
        return True

    async def publish_blocked(self, event: RoomEvent, *, by: str, reason: str) -> None:
        """See `RoomPort.publish_blocked`."""
        stamp = {"status": EventStatus.BLOCKED, "blocked_by": by, "block_reason": reason}
        self.blocked.append(event.model_copy(update=stamp))

    async def settled(self) -> None:
        """See `RoomPort.settled`."""

    def of(self, trigger: HookTrigger) -> list[Any]:
        """The events of one trigger."""
        return [event for told, event in self.told if told is trigger]

    @property
    def words(self) -> list[tuple[str, str]]:
        """``(role, text)`` of what became part of the room."""
        return [(str(event.metadata["role"]), event.text) for event in self.published]


@dataclass
class Call:
    """A session on mocks. Made by `start_call`."""

    session: Session
    view: VoiceSession
    provider: MockRealtimeProvider
    transport: MockRealtimeTransport
    port: RecordingRoomPort
    typed: list[str]
    tasks: Supervisor

    async def agent_says(self, text: str, *, seconds: float, is_done: bool = True) -> None:
        """A whole answer: its words and its audio (a quiet tone), faster than it is spoken."""
        await self.provider.simulate_response_start(self.view)
        await self.provider.simulate_transcription(self.view, text, is_final=False)
        await self.provider.simulate_audio(self.view, tone(seconds))
        if is_done:
            await self.provider.simulate_transcription(self.view, text)
            await self.provider.simulate_response_end(self.view)

    def heard_ms(self, rate_hz: int = 24_000) -> float:
        """Milliseconds of agent audio that left for the client."""
        return sum(len(pcm) for _, pcm in self.transport.sent_audio) / 2 / rate_hz * 1000

    def told(self, type_: str) -> list[dict[str, Any]]:
        """The client's messages of one type."""
        return self.transport.messages(self.view, type_)

    async def over(self) -> None:
        """Return when nothing of the session is left."""
        await self.session.ended()
        await self.tasks.idle()


def tone(seconds: float, rate_hz: int = 24_000) -> bytes:
    """Audio that is not silence: a square wave, quiet, cheap to make."""
    period = b"\x00\x04" * (rate_hz // 400) + b"\x00\xfc" * (rate_hz // 400)
    size = len(silence(seconds * 1000, rate_hz))
    return (period * (size // len(period) + 1))[:size]


async def start_call(
    *,
    provider: MockRealtimeProvider | None = None,
    port: RecordingRoomPort | None = None,
    settings: SessionSettings | None = None,
    lead_ms: float = math.inf,
    reconnect: ReconnectPolicy | None = None,
    transport: MockRealtimeTransport | None = None,
) -> Call:
    """Begin a call on mocks; returns when the session is ACTIVE.

    Args:
        provider: The model side; default: a fresh mock.
        port: The room; default: one without hooks.
        settings: How the session runs.
        lead_ms: Pace the agent's audio with this lead; default: unpaced.
        reconnect: When a lost provider link is dialled again.
        transport: Carries the caller; default: a fresh mock with that lead.

    Raises:
        RoomKitError: It could not begin.
    """
    provider = provider or MockRealtimeProvider()
    transport = transport or MockRealtimeTransport(lead_ms=lead_ms)
    port = port or RecordingRoomPort()
    clock = VirtualClock()
    typed: list[str] = []
    view = VoiceSession(clock.new_id("vs"), "room-1", "caller", "voice", clock.wall())

    async def take_typed(session: Session, text: str) -> None:
        typed.append(text)
        session.inject(text)

    session = Session(
        view,
        provider=provider,
        transport=transport,
        connection=None,
        settings=settings or SessionSettings(),
        port=port,
        clock=clock,
        typed=take_typed,
        reconnect=reconnect,
    )
    tasks = Supervisor("call")
    ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    tasks.start(session.run(ready), name="session")
    await ready
    return Call(session, view, provider, transport, port, typed, tasks)
