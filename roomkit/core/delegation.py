"""One agent does a task for another, in a child room of its own (RFC 0008).

Not in here: how an agent works. Invariants: a delegation ends - with a result in the parent room, or an error and no
child room left open; it is one step deeper in the chain than what caused it, so agents that delegate to each other
stop at the same bound as agents that talk to each other.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from roomkit.core.access import write_refusal
from roomkit.core.answers import audience
from roomkit.core.background import begin
from roomkit.core.bindings import Bindings
from roomkit.core.channels import ChannelRegistry
from roomkit.core.conversation import Conversation
from roomkit.core.delivery import IN_DELIVERY
from roomkit.core.live import LiveRoom
from roomkit.core.locks import RoomGate
from roomkit.core.parts import Parts
from roomkit.core.ports import ChannelHost
from roomkit.core.rooms import Rooms
from roomkit.core.transcode import EVERYTHING
from roomkit.core.turns import MAX_DELEGATIONS, AgentTurn, current_turn
from roomkit.errors import AccessDeniedError, ConfigError, ProviderError
from roomkit.models.channel import ChannelBinding, ChannelOutput
from roomkit.models.content import TextContent
from roomkit.models.context import RoomContext
from roomkit.models.enums import ChannelCategory, ChannelDirection, ChannelType, EventStatus
from roomkit.models.event import RoomEvent
from roomkit.models.room import Room

DESK = "delegation"
"""The channel that hands an agent its task and takes the result; one a kit, registered with the first delegation."""


class DelegationDesk:
    """Where the agents of child rooms are given their tasks, and bring their results. See `core.ports.Channel`."""

    channel_id = DESK
    channel_type = ChannelType.SYSTEM
    category = ChannelCategory.TRANSPORT
    is_shared = False
    capabilities = EVERYTHING

    def __init__(self) -> None:
        self.host: ChannelHost | None = None
        self._awaited: dict[str, asyncio.Future[RoomEvent]] = {}

    def attach(self, host: ChannelHost | None) -> None:
        """Take what the kit gives."""
        self.host = host

    def expect(self, room_id: str) -> asyncio.Future[RoomEvent]:
        """The first words said in a child room; cancelled if it closes without any."""
        awaited = self._awaited[room_id] = asyncio.get_running_loop().create_future()
        awaited.add_done_callback(lambda _: self._awaited.pop(room_id, None))
        return awaited

    async def on_event(self, event: RoomEvent, binding: ChannelBinding, context: RoomContext) -> ChannelOutput | None:
        """What an agent said is its result."""
        awaited = self._awaited.get(event.room_id)
        if awaited is not None and not awaited.done() and event.text.strip():
            awaited.set_result(event)
        return None

    def on_binding_changed(self, room_id: str, binding: ChannelBinding | None) -> None:
        """A child room that closes gives no result any more."""
        if binding is None and (awaited := self._awaited.get(room_id)) is not None:
            awaited.cancel()

    async def drain(self) -> None:
        """Its tasks are deliveries, which the kit waits for."""

    async def close(self) -> None:
        """Nobody gets a result any more."""
        for awaited in list(self._awaited.values()):
            awaited.cancel()


@dataclass(frozen=True, slots=True)
class _Errand:
    """One delegation: who asked whom, about what, and in whose turn."""

    live: LiveRoom
    by: str
    agent: str
    task: str
    turn: AgentTurn | None

    @property
    def depth(self) -> int:
        """Of the task: one deeper than what the delegating agent is answering."""
        return 0 if self.turn is None else self.turn.event.chain_depth + 1


class Delegation:
    """Hands tasks to agents."""

    def __init__(
        self,
        parts: Parts,
        channels: ChannelRegistry,
        rooms: Rooms,
        bindings: Bindings,
        conversation: Conversation,
        gate: RoomGate,
    ) -> None:
        self._parts = parts
        self._channels = channels
        self._rooms = rooms
        self._bindings = bindings
        self._conversation = conversation
        self._gate = gate

    async def delegate(
        self, room_id: str | None, agent: str, task: str, *, by: str | None = None, timeout_s: float = 60.0
    ) -> RoomEvent:
        """Have an agent do a task; see `roomkit.kit.RoomKit.delegate`."""
        if timeout_s <= 0 or not task.strip():
            raise ConfigError("delegate needs a task in words and a positive timeout")
        turn = current_turn(room_id)
        room_id = room_id or (None if turn is None else turn.event.room_id)
        by = by or (None if turn is None else turn.channel_id)
        if room_id is None or by is None:
            raise ConfigError("outside of an agent's turn, delegate needs to know where and for whom: pass room_id, by")
        self._gate.refuse_from_inside(room_id)
        errand = _Errand(await self._parts.rooms.get(room_id), by, agent, task, turn)
        self._check(errand)
        if turn is not None and not turn.delegations.spend():
            raise AccessDeniedError(f"one turn delegates at most {MAX_DELEGATIONS} tasks, delegated ones included")
        try:
            async with asyncio.timeout(timeout_s), self._child_room(errand) as child:
                result = await self._result(errand, child)
        except TimeoutError:
            raise TimeoutError(f"agent {agent!r} gave no result within {timeout_s:g} s") from None
        return await self._bring_back(errand, child, result)

    def _check(self, errand: _Errand) -> None:
        """Refuse what cannot be before anything begins."""
        live, by, agent = errand.live, errand.by, errand.agent
        if self._channels.get(agent).category != ChannelCategory.INTELLIGENCE:
            raise ConfigError(f"channel {agent!r} is no agent: a task is delegated to an intelligence channel")
        if agent == by:
            raise ConfigError(f"agent {agent!r} cannot delegate to itself")
        refusal = write_refusal(live.bindings.get(by), ChannelDirection.INBOUND)
        if refusal is not None or not live.room.is_open:
            raise AccessDeniedError(f"channel {by!r} may not speak in room {live.id!r}: {refusal or 'it is closed'}")

    @asynccontextmanager
    async def _child_room(self, errand: _Errand) -> AsyncIterator[Room]:
        """A room for the desk and the agent alone; closed whatever comes of it."""
        if self._channels.find(DESK) is None:
            self._channels.register(DelegationDesk())
        metadata: dict[str, Any] = {"parent_room_id": errand.live.id, "delegated_by": errand.by}
        if errand.turn is not None:
            metadata["parent_event_id"] = errand.turn.event.id
        child = await self._rooms.create(metadata=metadata, organization_id=errand.live.room.organization_id)
        try:
            await self._bindings.attach(child.id, DESK)
            await self._bindings.attach(child.id, errand.agent, ChannelCategory.INTELLIGENCE)
            yield child
        finally:
            await self._rooms.close(child.id)

    async def _result(self, errand: _Errand, child: Room) -> RoomEvent:
        desk = self._channels.get(DESK)
        assert isinstance(desk, DelegationDesk)
        awaited = desk.expect(child.id)
        asking = begin(self._parts.supervisor, self._ask(errand, child), name=f"delegate:{child.id}")
        if asking is None:
            raise AccessDeniedError("the kit is closed: nothing is delegated any more")
        try:
            await asyncio.wait({awaited, asking}, return_when=asyncio.FIRST_COMPLETED)
            if not awaited.done():
                _raise_if_over(errand, asking.result())
                await asyncio.wait({awaited})
            if awaited.cancelled():
                raise ProviderError(f"agent {errand.agent!r} gave no result: its room was closed")
            return awaited.result()
        finally:
            awaited.cancel()
            asking.cancel()

    async def _ask(self, errand: _Errand, child: Room) -> RoomEvent:
        """Say the task in the child room; returns when the agent is through with it, or is slow."""
        IN_DELIVERY.set(False)  # a fresh room: nothing in it can be waiting for the delivery this may run inside of
        return await self._conversation.send_event(
            child.id,
            DESK,
            TextContent(body=errand.task),
            chain_depth=errand.depth,
            participant_id=errand.by,
            addressed_to=(errand.agent,),
        )

    async def _bring_back(self, errand: _Errand, child: Room, result: RoomEvent) -> RoomEvent:
        """The result as words of the delegating agent, seen by no more channels than saw what it was answering."""
        live, turn = errand.live, errand.turn
        return await self._conversation.send_event(
            live.id,
            errand.by,
            result.content,
            chain_depth=result.chain_depth,
            visibility="all" if turn is None else audience(live, turn.event),
            parent_event_id=None if turn is None else turn.event.id,
            correlation_id=None if turn is None else turn.event.correlation_id or turn.event.id,
            metadata={"delegated_to": errand.agent, "child_room_id": child.id, "task": errand.task},
        )


def _raise_if_over(errand: _Errand, asked: RoomEvent) -> None:
    """What became of the task, if it is certain that no result will come."""
    if asked.status == EventStatus.BLOCKED:
        raise AccessDeniedError(f"the task for agent {errand.agent!r} was blocked by {asked.blocked_by}")
    delivery = asked.delivery_results.get(errand.agent)
    if delivery is not None:
        raise ProviderError(f"agent {errand.agent!r} gave no result: {delivery.error or 'it had nothing to say'}")
