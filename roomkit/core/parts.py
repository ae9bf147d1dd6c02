"""What all services of one conversation engine share."""

from __future__ import annotations

from dataclasses import dataclass

from roomkit._aio import Supervisor
from roomkit.clock import Clock
from roomkit.core.deadlines import Deadlines
from roomkit.core.framework import FrameworkEvents
from roomkit.core.hooks import HookEngine
from roomkit.core.live import LiveRoom, LiveRooms
from roomkit.core.notes import DeliveryNotes
from roomkit.core.registry import HookRegistry, Scope
from roomkit.models.enums import HookTrigger
from roomkit.store.base import ConversationStore


@dataclass(frozen=True, slots=True)
class Parts:
    """The collaborators, each made once per kit."""

    store: ConversationStore
    rooms: LiveRooms
    registry: HookRegistry
    hooks: HookEngine
    framework: FrameworkEvents
    notes: DeliveryNotes
    deadlines: Deadlines
    supervisor: Supervisor
    clock: Clock

    def announce(self, live: LiveRoom, trigger: HookTrigger, payload: object, scope: Scope, **data: str) -> None:
        """Tell the observers of a trigger, and the operators under the same name without ``on_``."""
        self.hooks.tell(trigger, payload, scope, live.context)
        self.framework.emit(trigger.removeprefix("on_"), room_id=live.id, channel_id=scope.channel_id, **data)
