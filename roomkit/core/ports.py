"""The contracts between the conversation engine and what is plugged into it.

A `Channel` is registered with a kit, which gives it a `ChannelHost`; through that it reaches rooms, each behind a
`RoomPort`. A `TextModel` is what a text agent thinks with; a `RoomLocks` keeps two events of one room apart.
Standard library only; nothing here does anything.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    from roomkit.clock import Clock
    from roomkit.models.channel import ChannelBinding, ChannelCapabilities, ChannelOutput
    from roomkit.models.context import RoomContext
    from roomkit.models.delivery import InboundMessage, InboundResult
    from roomkit.models.enums import ChannelCategory, ChannelType, HookTrigger
    from roomkit.models.event import RoomEvent
    from roomkit.models.framework import EphemeralEvent
    from roomkit.models.generation import PartialReply
    from roomkit.models.identity import Identity
    from roomkit.models.participant import Participant
    from roomkit.models.room import Room
    from roomkit.models.usage import Usage

E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class Verdict(Generic[E]):
    """What the deciding hooks of one trigger made of an event.

    Attributes:
        allowed: No hook blocked.
        event: The event as the hooks left it.
        reason: Why it was blocked.
        metadata: The hooks' ``HookResult.metadata``, later hooks win by key.
        blocked_by: The hook that blocked it.
    """

    allowed: bool
    event: E
    reason: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    blocked_by: str | None = None


class RoomPort(Protocol):
    """All a voice session knows of its room. Made by a channel for one room; bound to one binding.

    Every method is safe when the room or the kit is gone meanwhile: hooks then allow, publishing does nothing.
    """

    def listens(self, trigger: HookTrigger, *, deciding: bool = False) -> bool:
        """Whether any hook (with ``deciding``: any that can decide) applies to this room and binding now."""

    async def ask(self, trigger: HookTrigger, event: E) -> Verdict[E]:
        """Run the deciding hooks in order and start the observers; never raises but on cancellation."""

    def tell(self, trigger: HookTrigger, event: object) -> None:
        """Start the observers of a trigger; never waits."""

    def announce(self, event_type: str, **data: object) -> None:
        """Tell the operators: a framework event (RFC 0005) of this room and channel; never waits."""

    async def publish(self, event: RoomEvent) -> bool:
        """Put an event through the room's inbound pipeline; returns at commit, before delivery.

        Returns:
            Whether it entered the room; False: a hook or a permission blocked it (it is stored as blocked).
        """

    async def publish_blocked(self, event: RoomEvent, *, by: str, reason: str) -> None:
        """Put on the record what was blocked before it came here; returns at commit.

        It takes an index, is delivered to nobody and asks no hook: its verdict has been given.
        """

    async def settled(self) -> None:
        """Return when the observers started so far are done, after 1 s at most."""


class ChannelHost(Protocol):
    """What a kit gives to a channel registered with it: the channel's own view of the rooms it serves."""

    @property
    def clock(self) -> Clock:
        """The kit's clock."""

    def room_port(self, room_id: str) -> RoomPort:
        """The channel's door to one room; cheap, and valid before the room exists and after it is gone."""

    def binding(self, room_id: str) -> ChannelBinding | None:
        """The channel's live binding in a room; ``None`` if it is not attached or the room is not open."""

    async def ensure_room(self, room_id: str) -> Room:
        """The room, created if missing.

        Raises:
            AccessDeniedError: The room is closed.
        """

    async def ensure_attached(self, room_id: str, category: ChannelCategory | None = None) -> ChannelBinding:
        """The channel's binding in a room; attached (``category``: the channel's own unless given) if missing.

        Raises:
            AccessDeniedError: The room is closed, or the channel was detached from it on purpose.
            NotFoundError: No such room.
        """

    async def ensure_participant(self, room_id: str, participant_id: str) -> Participant:
        """The participant of a room, added if missing."""

    async def history(self, room_id: str, *, limit: int) -> Sequence[RoomEvent]:
        """The newest ``limit`` events the channel may see, oldest first; blocked ones are not among them."""

    async def since(self, room_id: str, *, after_index: int, limit: int) -> Sequence[RoomEvent]:
        """The first ``limit`` events after an index that the channel may be shown now, oldest first.

        Raises:
            NotFoundError: No such room.
        """

    async def usage(self, room_id: str) -> Usage:
        """What the voice sessions of a room have used so far, as its timeline says.

        Raises:
            NotFoundError: No such room.
        """

    async def mark_read(self, room_id: str, index: int, *, participant_id: str | None = None) -> None:
        """Note that the channel's people, or one of them, have read up to an event; see `RoomKit.mark_read`.

        Raises:
            NotFoundError: No such room, or the channel is not attached to it.
        """

    async def publish_ephemeral(self, event: EphemeralEvent) -> None:
        """Show typing, presence or a receipt to whoever watches the room.

        Raises:
            NotFoundError: No such room.
        """

    async def watch(self, room_id: str, callback: Callable[[EphemeralEvent], None]) -> str:
        """Call ``callback`` for each ephemeral event of a room; the watch's id.

        Raises:
            NotFoundError: No such room.
        """

    async def unwatch(self, watch_id: str) -> bool:
        """End a watch; whether there was one."""

    async def receive(
        self, message: InboundMessage, *, room_id: str | None = None, waits: bool = True
    ) -> InboundResult:
        """Take in what came to the channel from outside, as `RoomKit.process_inbound` does.

        Args:
            message: As received; it enters under the channel's own id, whatever ``channel_id`` it names.
            room_id: The room; without it by rule R-0005-1.
            waits: Return when its deliveries ended, rather than when it is stored.

        Raises:
            NotFoundError: No such room.
            ConfigError: The channel is in several rooms that would do.
            StoreError: The store failed; nothing was stored, the message may be sent again.
        """

    def reply_to(self, event: RoomEvent) -> GrowingReply:
        """A reply to an event that is shown while it grows; valid even when the room is gone."""


class GrowingReply(Protocol):
    """An answer under way, shown to the channels that can show it and may see it (RFC 0008). Nothing here waits."""

    @property
    def id(self) -> str:
        """Of the event it will become: give it to the `ChannelMessage`."""

    def show(self, text: str) -> None:
        """The whole reply so far; who is slow is shown the newest only."""

    def complete(self) -> None:
        """Show no more: the event itself comes next."""

    def withdraw(self) -> None:
        """It will not become an event: take it off the screens. Idempotent."""


@runtime_checkable
class PartialViewer(Protocol):
    """What a channel is beside a `Channel` if it can show a reply while it grows."""

    async def on_partial(self, partial: PartialReply, binding: ChannelBinding) -> None:
        """Show a reply so far in place of what was shown of it, or take it away.

        One at a time for each reply; raising, or taking long, ends the showing of this reply to this channel.
        """


@runtime_checkable
class SpokenIn(Protocol):
    """What a channel is beside a `Channel` if people are heard on it: what they say is stored when it was said."""

    def is_spoken_in(self, room_id: str) -> bool:
        """Whether somebody is being heard in a room now; its timers wait for the end of it. Never waits or raises."""


class Channel(Protocol):
    """A way into rooms and out of them. One object may serve many rooms.

    Attributes:
        is_shared: Several people use one binding, so what one of them says must be shown to the others: the channel
            then gets its own events too, and leaves out who sent them.
        capabilities: What it can show; it is given the rest as text, links and pieces (R-0002-9).
        host: Set by `attach`, and ``None`` again when the channel is unregistered.
    """

    channel_id: str
    channel_type: ChannelType
    category: ChannelCategory
    is_shared: bool
    capabilities: ChannelCapabilities
    host: ChannelHost | None

    def attach(self, host: ChannelHost | None) -> None:
        """Take what the kit gives; ``None``: the channel was unregistered."""

    async def on_event(self, event: RoomEvent, binding: ChannelBinding, context: RoomContext) -> ChannelOutput | None:
        """An event of a room, one at a time and in index order per room; its own only if it ``is_shared``.

        A transport shows it to its people, an intelligence channel may answer. Raising, or taking longer than the
        kit's delivery timeout, makes this delivery a failed one and nothing else.
        """

    def on_binding_changed(self, room_id: str, binding: ChannelBinding | None) -> None:
        """The channel's permissions in a room are different from now on; ``None``: detached, or the room closed.

        Called at once and synchronously; must not wait or raise.
        """

    async def drain(self) -> None:
        """The kit is about to close: begin nothing new, and return when what runs has come to a good end.

        Cancelled when the kit's grace is over; `close` follows either way.
        """

    async def close(self) -> None:
        """End everything the channel runs. Idempotent."""


@dataclass(frozen=True, slots=True)
class ModelMessage:
    """One message as a text model reads it.

    Attributes:
        role: ``"user"``, ``"assistant"`` or ``"tool"``.
        name: Who said it (participant or channel id), where the model can use it.
        tool_calls: For an assistant: what it called.
        tool_call_id: For a tool's message: which call this is the result of.
    """

    role: str
    text: str
    name: str | None = None
    tool_calls: tuple[ModelToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True)
class ModelToolCall:
    """A tool call a text model asks for; ``arguments`` is a JSON object, parsed or as the model wrote it."""

    id: str
    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """Everything a text model needs for one answer; ``tools`` as in `Tool.definition`."""

    messages: tuple[ModelMessage, ...]
    system_prompt: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    tools: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class ModelReply:
    """What a text model answered: words, tool calls, or both."""

    text: str = ""
    tool_calls: tuple[ModelToolCall, ...] = ()


@runtime_checkable
class TextModel(Protocol):
    """What a text agent thinks with. One object serves any number of conversations."""

    @property
    def name(self) -> str:
        """The model, for logs and events."""

    async def generate(self, request: ModelRequest) -> ModelReply:
        """One answer.

        Raises:
            ProviderError: The vendor refused or could not be reached.
        """

    async def close(self) -> None:
        """Release connections. Idempotent."""


@runtime_checkable
class StreamingTextModel(TextModel, Protocol):
    """A text model that can also give its answer as it grows."""

    def stream(self, request: ModelRequest) -> AsyncGenerator[str | ModelReply, None]:
        """One answer: pieces of its text as they come, and last the whole reply.

        Raises:
            ProviderError: The vendor refused, could not be reached, or stopped half-way.
        """


class IdentityResolver(Protocol):
    """Who a sender really is."""

    async def resolve(self, message: InboundMessage) -> Identity | str | None:
        """Who is behind ``message.sender_id``: an `Identity`, or a participant id for known, ``None`` for unknown."""


class IdentityChallenge(Protocol):
    """How somebody who is unknown or ambiguous proves who they are, on the channel they write from."""

    async def question(self, message: InboundMessage, identity: Identity) -> str | None:
        """What to ask the sender; ``None``: let them in under their sender id."""

    async def verify(self, message: InboundMessage, identity: Identity) -> str | None:
        """The participant whom ``message``, an answer, proves its sender to be; ``None``: it proves nothing."""


class RoomLocks(Protocol):
    """One holder at a time for each room; rooms are independent of one another."""

    def locked(self, room_id: str) -> AbstractAsyncContextManager[None]:
        """Hold the room's lock; first come, first served."""


@runtime_checkable
class ClosableLocks(Protocol):
    """What a `RoomLocks` is beside that if it holds something: its kit closes it, as it does its store."""

    async def close(self) -> None:
        """Let everything go. Idempotent."""
