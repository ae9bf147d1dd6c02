"""The conversation engine put together: every part is made here once and handed to those that need it."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from roomkit._aio import Supervisor
from roomkit.clock import Clock
from roomkit.core.bindings import Bindings
from roomkit.core.channels import ChannelRegistry
from roomkit.core.commit import Committer
from roomkit.core.conversation import Conversation
from roomkit.core.deadlines import Deadlines
from roomkit.core.delegation import Delegation
from roomkit.core.delivery import AnswerCallback, Deliveries
from roomkit.core.ephemeral import Ephemeral
from roomkit.core.framework import FrameworkEvents
from roomkit.core.handover import Handover
from roomkit.core.hooks import HookEngine
from roomkit.core.host import KitChannelHost
from roomkit.core.identity import Identification
from roomkit.core.idle import IdleRooms
from roomkit.core.inbound import InboundLimits, InboundPipeline
from roomkit.core.live import LiveRooms
from roomkit.core.locks import RoomGate
from roomkit.core.marks import ReadMarks
from roomkit.core.notes import DeliveryNotes
from roomkit.core.participants import Participants
from roomkit.core.parts import Parts
from roomkit.core.ports import Channel, ClosableLocks, IdentityChallenge, IdentityResolver, RoomLocks, RoomPort
from roomkit.core.registry import HookRegistry
from roomkit.core.replies import Replies
from roomkit.core.room_port import KitRoomPort
from roomkit.core.rooms import Rooms
from roomkit.core.routing import Router
from roomkit.store.base import ConversationStore

logger = logging.getLogger(__name__)

CLOSE_GRACE_S = 1.0
"""Long enough for a hook to hear of a session's end; a kit that is told to close closes."""


class ConversationEngine:
    """The services of one kit and what they share.

    Args:
        store: Where conversations are kept; closed with the engine.
        locks: One for each room; closed with the engine, where they can be.
        delivery_timeout_s: For one channel to take one event.
    """

    def __init__(
        self,
        store: ConversationStore,
        locks: RoomLocks,
        clock: Clock,
        *,
        resolver: IdentityResolver | None,
        challenge: IdentityChallenge | None,
        limits: InboundLimits,
        identity_timeout_s: float,
        delivery_timeout_s: float,
    ) -> None:
        supervisor = Supervisor("roomkit")
        framework = FrameworkEvents(supervisor, clock)
        registry = HookRegistry()
        deadlines = Deadlines()
        self.parts = Parts(
            store=store,
            rooms=LiveRooms(store),
            registry=registry,
            hooks=HookEngine(registry, framework, supervisor, deadlines),
            framework=framework,
            notes=DeliveryNotes(store, supervisor),
            deadlines=deadlines,
            supervisor=supervisor,
            clock=clock,
        )
        self.channels = ChannelRegistry(lambda channel: KitChannelHost(self, channel))
        self.participants = Participants(self.parts)
        identification = Identification(
            self.parts, self.participants, resolver, challenge, timeout_s=identity_timeout_s
        )
        self.bindings = Bindings(self.parts, self.channels)
        self.rooms = Rooms(self.parts, self.bindings)
        self.ephemeral = Ephemeral(self.parts)
        self.marks = ReadMarks(store, self.parts.rooms, supervisor)
        self.replies = Replies(self.parts, self.channels.find)
        self._locks = locks
        self._gate = RoomGate(locks)
        self.idle = IdleRooms(self.parts, self.rooms, self._gate, self.channels.find)

        def committer(answered: AnswerCallback) -> Committer:
            return Committer(
                self.parts,
                Deliveries(self.channels.find, answered, supervisor, clock, deadlines, timeout_s=delivery_timeout_s),
                self.idle,
            )

        self._pipeline = InboundPipeline(self.parts, self.participants, identification, self._gate, limits, committer)
        router = Router(self.parts, self.channels, self.rooms, self.bindings)
        self.conversation = Conversation(self.parts, router, self._pipeline)
        self.handover = Handover(self.parts, self.bindings, self.participants, self._pipeline, self._gate)
        self.delegation = Delegation(
            self.parts, self.channels, self.rooms, self.bindings, self.conversation, self._gate
        )

    def room_port(self, room_id: str, channel: Channel) -> RoomPort:
        """A channel's door to one room."""
        return KitRoomPort(
            self.parts,
            self._pipeline,
            self._gate,
            room_id=room_id,
            channel_id=channel.channel_id,
            channel_type=channel.channel_type,
        )

    async def close(self, *, grace_s: float = 0.0) -> None:
        """Let what runs come to its end for ``grace_s``, then end the channels, the rest, the store. Idempotent.

        Observers of the end get `CLOSE_GRACE_S` to finish. A channel that fails to drain or close is logged.
        """
        self.conversation.refuse_more()
        if grace_s > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace_s):
                    await asyncio.gather(*(self._drain(channel) for channel in self.channels.list()))
                    await self.parts.supervisor.idle()
        await self._end()

    async def _drain(self, channel: Channel) -> None:
        try:
            await channel.drain()
        except Exception:  # a channel may be a user's: the others are drained all the same
            logger.warning("channel %s failed to drain", channel.channel_id, exc_info=True)

    async def _end(self) -> None:
        for channel in self.channels.list():
            try:
                await self.channels.unregister(channel.channel_id)
            except Exception:  # a channel may be a user's: the others and the store must still be closed
                logger.warning("channel %s failed to close", channel.channel_id, exc_info=True)
        self.idle.close()
        self.parts.rooms.close()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_GRACE_S):
                    await self.parts.supervisor.idle()
        finally:
            await self.parts.supervisor.close()
            await self.parts.notes.close()
            await self.marks.close()
            self.parts.deadlines.close()
            if isinstance(self._locks, ClosableLocks):
                await self._locks.close()
            await self.parts.store.close()
