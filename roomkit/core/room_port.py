"""How a channel reaches its room: `KitRoomPort` in a kit, `NullRoomPort` without one.

Not in here: the pipeline itself. Invariant: a port speaks for one channel in one room; whatever is published through
it carries that channel's name, so the channel's permissions hold for it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from roomkit.core.background import begin
from roomkit.core.hooks import NOTHING
from roomkit.core.inbound import InboundPipeline
from roomkit.core.live import LiveRoom
from roomkit.core.locks import RoomGate
from roomkit.core.parts import Parts
from roomkit.core.ports import Verdict
from roomkit.core.registry import Scope
from roomkit.errors import NotFoundError, RoomKitError
from roomkit.models.context import RoomContext
from roomkit.models.delivery import InboundResult
from roomkit.models.enums import HookTrigger
from roomkit.models.event import RoomEvent
from roomkit.models.hook import InjectedEvent
from roomkit.models.voice import TranscriptionEvent

if TYPE_CHECKING:
    from roomkit.models.enums import ChannelType

logger = logging.getLogger(__name__)

E = TypeVar("E")


class KitRoomPort:
    """One channel's door to one room of a kit. See `roomkit.core.ports.RoomPort`."""

    def __init__(
        self,
        parts: Parts,
        pipeline: InboundPipeline,
        gate: RoomGate,
        *,
        room_id: str,
        channel_id: str,
        channel_type: ChannelType,
    ) -> None:
        self._parts = parts
        self._pipeline = pipeline
        self._gate = gate
        self._room_id = room_id
        self._live: LiveRoom | None = parts.rooms.peek(room_id)
        self._scope = Scope(room_id, channel_id, channel_type)

    def listens(self, trigger: HookTrigger, *, deciding: bool = False) -> bool:
        """Whether any hook applies to this room and binding now."""
        return self._parts.hooks.listens(trigger, self._scope, deciding=deciding)

    async def ask(self, trigger: HookTrigger, event: E) -> Verdict[E]:
        """Run the deciding hooks in order and start the observers."""
        if not self._parts.registry.of(trigger, self._room_id):
            return Verdict(True, event, None, NOTHING)
        outcome = await self._parts.hooks.ask(trigger, event, self._scope, self._context())
        for injected in outcome.injected:
            self._start(self._inject(injected), "inject")
        return outcome.verdict

    def tell(self, trigger: HookTrigger, event: object) -> None:
        """Start the observers of a trigger."""
        self._parts.hooks.tell(trigger, event, self._scope, self._context)

    def announce(self, event_type: str, **data: Any) -> None:
        """Tell the operators: a framework event of this room and channel."""
        self._parts.framework.emit(event_type, room_id=self._room_id, channel_id=self._scope.channel_id, **data)

    async def publish(self, event: RoomEvent) -> bool:
        """Put an event through the inbound pipeline; return at commit whether it entered the room.

        From inside a hook of the room it is put in once the hook's lock is free; then it has not entered yet: False.
        """
        if self._gate.defer(self._room_id, lambda: self._start(self._submit(event), "publish")):
            return False
        return await self._submit(event)

    async def publish_blocked(self, event: RoomEvent, *, by: str, reason: str) -> None:
        """Put on the record what was blocked before it came here; return at commit, or as `publish` does."""

        def submit() -> Coroutine[Any, Any, bool]:
            return self._submitted(
                lambda live: self._pipeline.submit_blocked(live, self._own(event), by=by, reason=reason)
            )

        if not self._gate.defer(self._room_id, lambda: self._start(submit(), "publish_blocked")):
            await submit()

    async def settled(self) -> None:
        """Return when the room's observers started so far are done, after 1 s at most."""
        await self._parts.hooks.settled(self._room_id)

    async def _submit(self, event: RoomEvent) -> bool:
        return await self._submitted(lambda live: self._pipeline.submit(live, self._own(event), waits=False))

    async def _submitted(self, submit: Callable[[LiveRoom], Awaitable[InboundResult]]) -> bool:
        try:
            result = await submit(await self._parts.rooms.get(self._room_id))
        except NotFoundError:  # the room is gone: so is what would have been said in it
            return False
        except RoomKitError as error:
            logger.warning("an event of channel %s was not stored: %s", self._scope.channel_id, error)
            self._parts.framework.emit(
                "publish_failed", room_id=self._room_id, channel_id=self._scope.channel_id, error=str(error)
            )
            return False
        return result.event is not None and not result.blocked

    async def _inject(self, injected: InjectedEvent) -> None:
        try:
            live = await self._parts.rooms.get(self._room_id)
            await self._pipeline.inject(live, injected)
        except RoomKitError as error:
            self._parts.framework.emit("publish_failed", room_id=self._room_id, error=str(error))

    def _own(self, event: RoomEvent) -> RoomEvent:
        if isinstance(event, TranscriptionEvent):
            event = event.to_room_event()
        source = event.source.model_copy(
            update={"channel_id": self._scope.channel_id, "channel_type": self._scope.channel_type}
        )
        return event.model_copy(update={"room_id": self._room_id, "source": source})

    def _context(self) -> RoomContext:
        self._live = live = self._parts.rooms.peek(self._room_id)  # held, so that a room with a caller is not unloaded
        return RoomContext() if live is None else live.context()

    def _start(self, work: Coroutine[Any, Any, object], name: str) -> None:
        begin(self._parts.supervisor, work, name=f"{name}:{self._room_id}:{self._scope.channel_id}")


class NullRoomPort:
    """A channel used without a kit: every hook allows, nothing is stored."""

    def listens(self, trigger: HookTrigger, *, deciding: bool = False) -> bool:
        """Nobody does."""
        return False

    async def ask(self, trigger: HookTrigger, event: E) -> Verdict[E]:
        """Allowed, as it is."""
        return Verdict(True, event, None, NOTHING)

    def tell(self, trigger: HookTrigger, event: object) -> None:
        """To nobody."""

    def announce(self, event_type: str, **data: object) -> None:
        """To nobody."""

    async def publish(self, event: RoomEvent) -> bool:
        """Nowhere, and nothing stops it."""
        return True

    async def publish_blocked(self, event: RoomEvent, *, by: str, reason: str) -> None:
        """Nowhere."""

    async def settled(self) -> None:
        """At once."""
