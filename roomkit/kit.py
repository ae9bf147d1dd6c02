"""`RoomKit`: what an application holds. It delegates; it holds no logic of its own.

Every method is one line to the part that does it, in `roomkit.core`. Rooms, channels and hooks are named by their ids.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from roomkit.clock import SYSTEM_CLOCK, Clock
from roomkit.core.engine import ConversationEngine
from roomkit.core.ephemeral import EphemeralCallback
from roomkit.core.framework import FrameworkListener
from roomkit.core.inbound import InboundLimits
from roomkit.core.locks import MemoryRoomLocks
from roomkit.core.ports import Channel, IdentityChallenge, IdentityResolver, RoomLocks
from roomkit.core.registry import HookFunction, make_hook
from roomkit.core.shutdown import run_until_signal
from roomkit.models.channel import ChannelBinding
from roomkit.models.content import EventContent
from roomkit.models.delivery import InboundMessage, InboundResult
from roomkit.models.enums import (
    Access,
    ChannelCategory,
    ChannelDirection,
    ChannelType,
    EventType,
    HookExecution,
    HookTrigger,
    RoomStatus,
)
from roomkit.models.event import RoomEvent
from roomkit.models.framework import EphemeralEvent
from roomkit.models.identity import Address
from roomkit.models.participant import Participant, ParticipantRole
from roomkit.models.room import Room, RoomTimers
from roomkit.models.usage import Usage
from roomkit.store import open_store
from roomkit.store.base import ConversationStore
from roomkit.telemetry.usage import usage_of_room

H = TypeVar("H", bound=Callable[..., Awaitable[Any] | Any])


class RoomKit:
    """Rooms in which people and agents talk, over any channels.

    Args:
        store: A conversation store, a SQLite file by path, or a ``postgresql://`` URL; nothing keeps rooms in memory.
        identity_resolver: Tells who a sender really is.
        lock_manager: Keeps two events of one room apart; nothing suits one process. Closed with the kit, as the store.
        max_chain_depth: How deep answers to answers may go before they are blocked.
        process_timeout: Seconds an inbound event may take to the store, and again its deliveries.
        identity_timeout: Seconds the resolver may take, and the challenge.
        identity_challenge: Asks whom the resolver does not know, or cannot tell from others, who they are; without one
            they take part under their sender id.
        delivery_timeout: Seconds a channel may take for one event (a text agent's whole answer included).
        cascade_budget: Answers one event may cause in all.
        clock: Time and ids; tests pass a virtual one.
    """

    def __init__(
        self,
        store: ConversationStore | str | Path | None = None,
        identity_resolver: IdentityResolver | None = None,
        lock_manager: RoomLocks | None = None,
        max_chain_depth: int = 5,
        process_timeout: float = 30.0,
        identity_timeout: float = 10.0,
        *,
        identity_challenge: IdentityChallenge | None = None,
        delivery_timeout: float = 60.0,
        cascade_budget: int = 100,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._engine = ConversationEngine(
            open_store(store),
            lock_manager or MemoryRoomLocks(),
            clock,
            resolver=identity_resolver,
            challenge=identity_challenge,
            limits=InboundLimits(max_chain_depth, cascade_budget, process_timeout),
            identity_timeout_s=identity_timeout,
            delivery_timeout_s=delivery_timeout,
        )

    async def __aenter__(self) -> RoomKit:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self, *, grace_s: float = 0.0) -> None:
        """End everything: channels with their sessions, deliveries, hooks, the store. Idempotent.

        Args:
            grace_s: First take no more messages and callers, and wait this long at most until deliveries and answers
                have ended and every caller has heard what is being said to them (RFC 0005, closing).
        """
        await self._engine.close(grace_s=grace_s)

    async def run_until_signal(self, *, grace_s: float = 30.0) -> None:
        """Return when the process was told to end (SIGTERM or SIGINT) and the kit is closed, as `close` does.

        A second signal ends the grace. POSIX only; call it in the main thread.
        """
        await run_until_signal(self.close, grace_s=grace_s)

    # --- channels ---------------------------------------------------------------------------------------------------

    def register_channel(self, channel: Channel) -> None:
        """Make a channel usable in rooms.

        Raises:
            ConfigError: Its id is taken, or it serves another kit.
        """
        self._engine.channels.register(channel)

    async def unregister_channel(self, channel_id: str) -> bool:
        """Close a channel and let it go; whether it was registered. Its bindings stay on record."""
        return await self._engine.channels.unregister(channel_id)

    def get_channel(self, channel_id: str) -> Channel | None:
        """The channel, if it is registered."""
        return self._engine.channels.find(channel_id)

    def list_channels(self) -> list[Channel]:
        """All channels in the order of their registration."""
        return self._engine.channels.list()

    # --- rooms ------------------------------------------------------------------------------------------------------

    async def create_room(
        self,
        room_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        organization_id: str | None = None,
        timers: RoomTimers | None = None,
    ) -> Room:
        """Make a room; without an id it gets one.

        Raises:
            ConfigError: The id is taken.
        """
        return await self._engine.rooms.create(room_id, metadata, organization_id, timers)

    async def get_room(self, room_id: str) -> Room:
        """The room.

        Raises:
            NotFoundError: There is none.
        """
        return await self._engine.rooms.get(room_id)

    async def close_room(self, room_id: str) -> Room:
        """End a conversation: nothing enters any more, its voice sessions end at once. Idempotent."""
        return await self._engine.rooms.close(room_id)

    async def archive_room(self, room_id: str) -> Room:
        """Put a conversation away; one that was open is closed first."""
        return await self._engine.rooms.archive(room_id)

    async def update_room_metadata(self, room_id: str, metadata: dict[str, Any]) -> Room:
        """Merge into a room's metadata."""
        return await self._engine.rooms.update_metadata(room_id, metadata)

    async def check_timers(self) -> int:
        """Pause and close the rooms whose time has passed, those nobody has touched since a restart too; how many.

        Rooms in memory need no such sweep. It reads every open room that has timers: run it now and then (every few
        minutes), in one process.
        """
        return await self._engine.idle.check()

    async def list_rooms(
        self,
        *,
        organization_id: str | None = None,
        status: RoomStatus | None = None,
        offset: int = 0,
        limit: int = 100,
    ) -> list[Room]:
        """Rooms in the order of their creation."""
        return await self._engine.rooms.list(organization_id=organization_id, status=status, offset=offset, limit=limit)

    # --- bindings ---------------------------------------------------------------------------------------------------

    async def attach_channel(
        self,
        room_id: str,
        channel_id: str,
        category: ChannelCategory = ChannelCategory.TRANSPORT,
        access: Access = Access.READ_WRITE,
        visibility: str | Iterable[str] = "all",
        **binding_fields: Any,
    ) -> ChannelBinding:
        """Attach a registered channel to a room. Attaching again changes only what differs from the defaults.

        Args:
            room_id: The room.
            channel_id: The channel.
            category: A channel that produces content is bound as intelligence whatever is said here.
            access: What it may do.
            visibility: Who may see what comes from it.
            binding_fields: Further fields of `ChannelBinding`: ``muted``, ``participant_id``, ``metadata`` ...

        Raises:
            NotFoundError: No such room, or no such channel registered.
            AccessDeniedError: The room is closed.
        """
        return await self._engine.bindings.attach(
            room_id, channel_id, category, access, visibility=visibility, **binding_fields
        )

    async def detach_channel(self, room_id: str, channel_id: str) -> bool:
        """Take a channel out of a room, at once; whether it was in it."""
        return await self._engine.bindings.detach(room_id, channel_id)

    async def mute(self, room_id: str, channel_id: str) -> ChannelBinding:
        """Block what comes from a channel's people, or from an agent; it still reads."""
        return await self._engine.bindings.set_muted(room_id, channel_id, True)

    async def unmute(self, room_id: str, channel_id: str) -> ChannelBinding:
        """Undo `mute`."""
        return await self._engine.bindings.set_muted(room_id, channel_id, False)

    async def mute_output(self, room_id: str, channel_id: str) -> ChannelBinding:
        """Stop what goes to a channel; it still writes."""
        return await self._engine.bindings.set_output_muted(room_id, channel_id, True)

    async def unmute_output(self, room_id: str, channel_id: str) -> ChannelBinding:
        """Undo `mute_output`."""
        return await self._engine.bindings.set_output_muted(room_id, channel_id, False)

    async def set_access(self, room_id: str, channel_id: str, access: Access) -> ChannelBinding:
        """Change what a channel may do in a room, at once."""
        return await self._engine.bindings.update(room_id, channel_id, access=access)

    async def set_visibility(self, room_id: str, channel_id: str, visibility: str | Iterable[str]) -> ChannelBinding:
        """Change who may see what comes from a channel."""
        return await self._engine.bindings.update(room_id, channel_id, visibility=visibility)

    async def get_binding(self, room_id: str, channel_id: str) -> ChannelBinding | None:
        """The binding, if the channel is attached."""
        return await self._engine.bindings.get(room_id, channel_id)

    async def list_bindings(self, room_id: str) -> list[ChannelBinding]:
        """A room's bindings in the order of attaching."""
        return await self._engine.bindings.list(room_id)

    async def update_binding_metadata(self, room_id: str, channel_id: str, metadata: dict[str, Any]) -> ChannelBinding:
        """Merge into a binding's metadata."""
        return await self._engine.bindings.update_metadata(room_id, channel_id, metadata)

    async def mark_read(
        self, room_id: str, channel_id: str, index: int, *, participant_id: str | None = None
    ) -> ChannelBinding:
        """Note that a channel's people have read up to an event; its ``last_read_index`` moves forward, never back.

        Args:
            room_id: The room.
            channel_id: The channel.
            index: The event's; one the channel may not see counts as the newest before it that it may.
            participant_id: Who has read, where several people share the channel: theirs moves too.

        Raises:
            NotFoundError: No such room, or the channel is not attached to it.
            ConfigError: ``index`` is no index.
        """
        return await self._engine.marks.mark(room_id, channel_id, index, participant_id)

    # --- conversation -----------------------------------------------------------------------------------------------

    async def process_inbound(self, message: InboundMessage, *, room_id: str | None = None) -> InboundResult:
        """Take in what a channel received; returns when its deliveries, answers included, ended or timed out.

        Args:
            message: As received.
            room_id: The room; without it the one the channel is attached to, or a new one if there is none.

        Raises:
            NotFoundError: No such room, or the channel is not registered.
            ConfigError: The channel is in several rooms that would do.
            SessionStateError: Called from a hook of that room, which would wait for itself.
            StoreError: The store failed; nothing was stored, the message may be sent again.
        """
        return await self._engine.conversation.process_inbound(message, room_id=room_id)

    async def send_event(
        self,
        room_id: str,
        channel_id: str,
        content: EventContent,
        event_type: EventType = EventType.MESSAGE,
        chain_depth: int = 0,
        participant_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        visibility: str | Iterable[str] = "all",
        parent_event_id: str | None = None,
        idempotency_key: str | None = None,
        addressed_to: Iterable[str] | None = None,
        *,
        correlation_id: str | None = None,
    ) -> RoomEvent:
        """Say something in a room as one of its channels; the event as stored (its ``status`` may be blocked).

        Raises:
            NotFoundError: No such room, or the channel is not attached to it.
            AccessDeniedError: The room is closed.
            SessionStateError: Called from a hook of that room, which would wait for itself.
            StoreError: The store failed; nothing was stored.
        """
        return await self._engine.conversation.send_event(
            room_id,
            channel_id,
            content,
            event_type,
            chain_depth=chain_depth,
            participant_id=participant_id,
            metadata=metadata,
            visibility=visibility,
            parent_event_id=parent_event_id,
            idempotency_key=idempotency_key,
            addressed_to=addressed_to,
            correlation_id=correlation_id,
        )

    async def get_timeline(
        self,
        room_id: str,
        offset: int = 0,
        limit: int = 50,
        visibility_filter: str | None = None,
        *,
        after_index: int | None = None,
        before_index: int | None = None,
        newest_first: bool = False,
    ) -> list[RoomEvent]:
        """A piece of a room's timeline by index, blocked events included; bounds are exclusive.

        Raises:
            NotFoundError: No such room.
            ConfigError: ``offset`` or ``limit`` is negative.
        """
        return await self._engine.conversation.timeline(
            room_id,
            offset,
            limit,
            visibility_filter,
            after_index=after_index,
            before_index=before_index,
            newest_first=newest_first,
        )

    async def usage(self, room_id: str) -> Usage:
        """What the voice sessions of a room have used, added up from its timeline; see `roomkit.telemetry.usage`.

        Raises:
            NotFoundError: No such room.
        """
        return await usage_of_room(self._engine.conversation.timeline, room_id)

    # --- agents -----------------------------------------------------------------------------------------------------

    async def take_over(self, room_id: str, agent_channel_id: str, by: str) -> ChannelBinding:
        """Let a person speak in an agent's place: it goes on reading and says nothing until `hand_back`.

        What it was about to say is dropped; a voice agent falls silent in the middle of its word. The timeline and
        the framework event ``agent_taken_over`` say who took over; somebody else may take over from them.

        Args:
            room_id: The room.
            agent_channel_id: An intelligence channel, or the voice channel the agent speaks through.
            by: The participant who takes over.

        Raises:
            NotFoundError: No such room, or the channel is not attached to it.
            AccessDeniedError: The room is closed.
            ConfigError: No agent speaks through that channel.
        """
        return await self._engine.handover.take_over(room_id, agent_channel_id, by)

    async def hand_back(self, room_id: str, agent_channel_id: str, by: str | None = None) -> bool:
        """Let an agent that was taken over speak again, having read what was said meanwhile; whether it was.

        Its other permissions are as they were. ``by``: who hands back, if not who took over.
        """
        return await self._engine.handover.hand_back(room_id, agent_channel_id, by)

    async def delegate(
        self, room_id: str | None, agent: str, task: str, *, by: str | None = None, timeout: float = 60.0
    ) -> RoomEvent:
        """Have an agent do a task in a child room; its result enters this room as words of ``by``.

        Args:
            room_id: The parent room; ``None``, inside an agent's tools: the room it is answering in.
            agent: A registered intelligence channel; it need not be in this room.
            task: What it is told.
            by: The channel for which it works; inside an agent's tools that agent, unless said otherwise.
            timeout: Seconds for the whole task.

        Returns:
            The event in this room; its ``status`` may be blocked.

        Raises:
            NotFoundError: No such room or agent.
            ConfigError: ``agent`` is none, is ``by`` itself, or nobody knows where and for whom it would work.
            AccessDeniedError: ``by`` may not speak in this room, or the task was blocked (the chain too deep, a hook).
            ProviderError: The agent failed or said nothing.
            TimeoutError: It took too long; it was stopped.
            SessionStateError: Called from a hook of that room, which would wait for itself.
        """
        return await self._engine.delegation.delegate(room_id, agent, task, by=by, timeout_s=timeout)

    # --- participants -----------------------------------------------------------------------------------------------

    async def ensure_participant(self, room_id: str, participant_id: str, channel_id: str | None = None) -> Participant:
        """The participant of a room, added if missing."""
        return await self._engine.participants.ensure(room_id, participant_id, channel_id)

    async def add_member(
        self,
        room_id: str,
        participant_id: str,
        role: ParticipantRole | None = None,
        *,
        display_name: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Participant:
        """Make somebody a member of a room (role: member); who already takes part keeps what is not given."""
        return await self._engine.participants.add_member(
            room_id, participant_id, role=role, display_name=display_name, metadata=metadata
        )

    async def remove_member(self, room_id: str, participant_id: str) -> bool:
        """Take somebody out of a room; whether they were in it."""
        return await self._engine.participants.remove_member(room_id, participant_id)

    async def list_members(self, room_id: str, role: ParticipantRole | None = None) -> list[Participant]:
        """A room's members, or those of one role, in the order they came."""
        return await self._engine.participants.list_members(room_id, role)

    async def is_member(self, room_id: str, participant_id: str) -> bool:
        """Whether somebody is a member of a room."""
        return await self._engine.participants.is_member(room_id, participant_id)

    async def link_address(self, room_id: str, participant_id: str, channel_id: str, sender_id: str) -> Participant:
        """Let what ``sender_id`` sends on a channel be a participant's from now on; nobody is asked about it any more.

        The participant is added if missing. An address is one participant's at a time: it leaves whoever had it.
        """
        address = Address(channel_id=channel_id, sender_id=sender_id)
        return await self._engine.participants.link(room_id, participant_id, address)

    async def unlink_address(self, room_id: str, channel_id: str, sender_id: str) -> bool:
        """Undo `link_address`; whether the address was somebody's."""
        return await self._engine.participants.unlink(room_id, Address(channel_id=channel_id, sender_id=sender_id))

    # --- hooks ------------------------------------------------------------------------------------------------------

    def hook(
        self,
        trigger: HookTrigger,
        execution: HookExecution = HookExecution.SYNC,
        priority: int = 0,
        name: str = "",
        timeout: float = 30.0,
        channel_types: Iterable[ChannelType] | None = None,
        channel_ids: Iterable[str] | None = None,
        directions: Iterable[ChannelDirection] | None = None,
    ) -> Callable[[H], H]:
        """Decorator: run a function of ``(event, context)`` whenever ``trigger`` fires, in every room.

        Args:
            trigger: When; RFC 0004 says with which payload.
            execution: SYNC decides (on a deciding trigger), ASYNC only observes.
            priority: Lower runs first; ties in the order of registration.
            name: For logs and ``blocked_by``; the function's own if empty.
            timeout: Seconds.
            channel_types: Only for channels of these types.
            channel_ids: Only for these channels.
            directions: Only for what goes these ways.

        Raises:
            ConfigError: What is decorated cannot be called, or the timeout is not positive.
        """

        def register(function: H) -> H:
            self._engine.parts.registry.add(
                make_hook(
                    trigger,
                    function,
                    execution=execution,
                    priority=priority,
                    name=name,
                    timeout_s=timeout,
                    channel_types=channel_types,
                    channel_ids=channel_ids,
                    directions=directions,
                )
            )
            return function

        return register

    def add_room_hook(
        self,
        room_id: str,
        trigger: HookTrigger,
        execution: HookExecution,
        fn: HookFunction,
        priority: int = 0,
        name: str = "",
        *,
        timeout: float = 30.0,
        channel_types: Iterable[ChannelType] | None = None,
        channel_ids: Iterable[str] | None = None,
        directions: Iterable[ChannelDirection] | None = None,
    ) -> None:
        """As `hook`, for one room; gone when the room is closed."""
        self._engine.parts.registry.add(
            make_hook(
                trigger,
                fn,
                execution=execution,
                priority=priority,
                name=name,
                timeout_s=timeout,
                channel_types=channel_types,
                channel_ids=channel_ids,
                directions=directions,
            ),
            room_id,
        )

    def remove_room_hook(self, room_id: str, name: str) -> bool:
        """Remove a room's hooks of a name; whether there was one."""
        return self._engine.parts.registry.remove(room_id, name)

    def on(self, event_type: str) -> Callable[[FrameworkListener], FrameworkListener]:
        """Decorator: call a function for each framework event of a type (``"*"``: of all); RFC 0005 lists them."""
        return self._engine.parts.framework.on(event_type)

    # --- ephemeral --------------------------------------------------------------------------------------------------

    async def publish_typing(
        self, room_id: str, user_id: str, is_typing: bool = True, data: dict[str, Any] | None = None
    ) -> None:
        """Show a room's watchers that somebody types, or stopped."""
        payload = {"is_typing": is_typing, **(data or {})}
        await self._engine.ephemeral.publish(
            EphemeralEvent(type="typing", room_id=room_id, user_id=user_id, data=payload)
        )

    async def publish_presence(
        self, room_id: str, user_id: str, status: str, data: dict[str, Any] | None = None
    ) -> None:
        """Show a room's watchers that somebody is online, away, gone."""
        payload = {"status": status, **(data or {})}
        await self._engine.ephemeral.publish(
            EphemeralEvent(type="presence", room_id=room_id, user_id=user_id, data=payload)
        )

    async def publish_reaction(
        self,
        room_id: str,
        user_id: str,
        target_event_id: str,
        emoji: str,
        action: str = "add",
        data: dict[str, Any] | None = None,
    ) -> None:
        """Show a room's watchers a reaction to an event."""
        payload = {"target_event_id": target_event_id, "emoji": emoji, "action": action, **(data or {})}
        await self._engine.ephemeral.publish(
            EphemeralEvent(type="reaction", room_id=room_id, user_id=user_id, data=payload)
        )

    async def subscribe_room(self, room_id: str, callback: EphemeralCallback) -> str:
        """Call ``callback(event)`` for each ephemeral event of a room; returns the subscription's id."""
        return await self._engine.ephemeral.subscribe(room_id, callback)

    async def unsubscribe_room(self, subscription_id: str) -> bool:
        """End a subscription; whether there was one."""
        return await self._engine.ephemeral.unsubscribe(subscription_id)
