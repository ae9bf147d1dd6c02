"""Which hooks are registered, and where each of them applies (RFC 0004).

Not in here: running them (`hooks`). Invariant: a list of hooks is replaced, never changed, so who holds one keeps it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from roomkit.errors import ConfigError
from roomkit.models.context import RoomContext
from roomkit.models.enums import ChannelDirection, ChannelType, HookExecution, HookTrigger
from roomkit.models.hook import HookResult

HookFunction = Callable[[Any, RoomContext], Awaitable[HookResult | None] | HookResult | None]


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a trigger fires: the room and the channel it is about."""

    room_id: str | None
    channel_id: str | None = None
    channel_type: ChannelType | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Hook:
    """One registered function."""

    trigger: HookTrigger
    function: HookFunction
    name: str
    priority: int = 0
    timeout_s: float = 30.0
    decides: bool = True
    channel_types: frozenset[str] | None = None
    channel_ids: frozenset[str] | None = None
    directions: frozenset[str] | None = None

    def applies_to(self, scope: Scope, direction: ChannelDirection | None) -> bool:
        """Whether the filters let it see what happens there; a direction that is not known passes."""
        if self.channel_types is not None and scope.channel_type not in self.channel_types:
            return False
        if self.channel_ids is not None and scope.channel_id not in self.channel_ids:
            return False
        return self.directions is None or direction is None or direction in self.directions


class HookRegistry:
    """Registered hooks, indexed by trigger; lists are replaced, never changed, so a running round keeps its own."""

    def __init__(self) -> None:
        self._everywhere: dict[HookTrigger, tuple[Hook, ...]] = {}
        self._in_room: dict[str, dict[HookTrigger, tuple[Hook, ...]]] = {}

    def add(self, hook: Hook, room_id: str | None = None) -> None:
        """Register globally, or for one room. Ties of priority keep the order of registration."""
        hooks = self._everywhere if room_id is None else self._in_room.setdefault(room_id, {})
        hooks[hook.trigger] = tuple(sorted((*hooks.get(hook.trigger, ()), hook), key=lambda each: each.priority))

    def remove(self, room_id: str, name: str) -> bool:
        """Remove a room's hooks of a name; whether there was one."""
        found = False
        in_room = self._in_room.get(room_id, {})
        for trigger, hooks in list(in_room.items()):
            kept = tuple(hook for hook in hooks if hook.name != name)
            found = found or len(kept) != len(hooks)
            in_room[trigger] = kept
        return found

    def forget_room(self, room_id: str) -> None:
        """Remove all hooks of a room."""
        self._in_room.pop(room_id, None)

    def of(self, trigger: HookTrigger, room_id: str | None) -> tuple[Hook, ...]:
        """All hooks of a trigger for a room, in running order: by priority, global before the room's own."""
        everywhere = self._everywhere.get(trigger, ())
        if not self._in_room or room_id is None or not (in_room := self._in_room.get(room_id)):
            return everywhere
        return tuple(sorted((*everywhere, *in_room.get(trigger, ())), key=lambda each: each.priority))


def make_hook(
    trigger: HookTrigger,
    function: HookFunction,
    *,
    execution: HookExecution = HookExecution.SYNC,
    priority: int = 0,
    name: str = "",
    timeout_s: float = 30.0,
    channel_types: Iterable[ChannelType] | None = None,
    channel_ids: Iterable[str] | None = None,
    directions: Iterable[ChannelDirection] | None = None,
) -> Hook:
    """A hook as registered; on an observing trigger ``execution`` does not matter.

    Raises:
        ConfigError: ``function`` cannot be called, or the timeout is not positive.
    """
    if not callable(function):
        raise ConfigError(f"a hook is a function of (event, context), not {type(function).__name__}")
    if timeout_s <= 0:
        raise ConfigError(f"a hook's timeout is positive, not {timeout_s}")
    trigger = HookTrigger(trigger)
    return Hook(
        trigger=trigger,
        function=function,
        name=name or getattr(function, "__name__", type(function).__name__),
        priority=priority,
        timeout_s=timeout_s,
        decides=trigger.decides and HookExecution(execution) == HookExecution.SYNC,
        channel_types=_filter(channel_types),
        channel_ids=_filter(channel_ids),
        directions=_filter(directions),
    )


def _filter(values: Iterable[str] | None) -> frozenset[str] | None:
    if isinstance(values, str):  # one id given where a list is meant: its letters would match nothing
        return frozenset({values})
    return None if values is None else frozenset(values)
