"""Running hooks: what a round of deciding ones comes to, and observers nobody waits for (RFC 0004).

Not in here: who is registered (`registry`), and when a trigger fires. Invariant: a hook can fail, hang or answer
nonsense, and the only thing that comes of it is *allow* or *block* by its trigger's declared policy, and a framework
event.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from roomkit._aio import Supervisor
from roomkit.core.background import begin
from roomkit.core.deadlines import Deadlines
from roomkit.core.framework import FrameworkEvents
from roomkit.core.ports import Verdict
from roomkit.core.registry import Hook, HookRegistry, Scope
from roomkit.models.context import RoomContext
from roomkit.models.enums import ChannelDirection, HookTrigger
from roomkit.models.event import RoomEvent
from roomkit.models.hook import HookResult, InjectedEvent
from roomkit.models.voice import AudioLevelEvent

logger = logging.getLogger(__name__)

E = TypeVar("E")
NOTHING: Mapping[str, Any] = MappingProxyType({})
SETTLE_TIMEOUT_S = 1.0
"""How long `HookEngine.settled` waits for observers: long enough for a test, short enough for a stuck one."""


@dataclass(slots=True)  # not frozen: made once per event, and freezing doubles what that costs
class Outcome(Generic[E]):
    """What a round of deciding hooks came to: the verdict, and what the hooks added."""

    verdict: Verdict[E]
    injected: tuple[InjectedEvent, ...] = ()
    tasks: tuple[Any, ...] = ()
    observations: tuple[Any, ...] = ()


@dataclass(slots=True)
class _Round(Generic[E]):
    """The state of one round while its hooks run."""

    event: E
    metadata: dict[str, Any] = field(default_factory=dict)
    injected: list[InjectedEvent] = field(default_factory=list)
    tasks: list[Any] = field(default_factory=list)
    observations: list[Any] = field(default_factory=list)

    def outcome(self, *, blocked_by: str | None = None, reason: str | None = None) -> Outcome[E]:
        verdict = Verdict(blocked_by is None, self.event, reason, self.metadata, blocked_by)
        return Outcome(verdict, tuple(self.injected), tuple(self.tasks), tuple(self.observations))


class HookEngine:
    """Runs hooks: deciding ones in order and waited for, observers as tasks nobody waits for."""

    def __init__(
        self, registry: HookRegistry, framework: FrameworkEvents, supervisor: Supervisor, deadlines: Deadlines
    ) -> None:
        self._registry = registry
        self._framework = framework
        self._supervisor = supervisor
        self._deadlines = deadlines
        self._observing: dict[str | None, set[asyncio.Task[None]]] = {}

    def listens(self, trigger: HookTrigger, scope: Scope, *, deciding: bool = False) -> bool:
        """Whether any hook (with ``deciding``: any that can decide) may apply there."""
        return any(
            hook.applies_to(scope, None) and (hook.decides or not deciding)
            for hook in self._registry.of(trigger, scope.room_id)
        )

    async def ask(self, trigger: HookTrigger, event: E, scope: Scope, context: RoomContext) -> Outcome[E]:
        """Run the deciding hooks in order, start the observers with the result; raises only on cancellation."""
        hooks = self._registry.of(trigger, scope.room_id)
        if not hooks:
            return Outcome(Verdict(True, event, None, NOTHING))
        direction = direction_of(event)
        matching = [hook for hook in hooks if hook.applies_to(scope, direction)]
        outcome = await self._decide([hook for hook in matching if hook.decides], event, scope, context)
        for hook in matching:
            if not hook.decides:
                self._observe(hook, outcome.verdict.event, scope, context)
        return outcome

    def tell(self, trigger: HookTrigger, event: object, scope: Scope, context: Callable[[], RoomContext]) -> None:
        """Start the observers of a trigger; ``context`` is made only if there is one."""
        hooks = self._registry.of(trigger, scope.room_id)
        if not hooks:
            return
        direction = direction_of(event)
        for hook in hooks:
            if hook.applies_to(scope, direction):
                self._observe(hook, event, scope, context())

    async def settled(self, room_id: str | None) -> None:
        """Return when the room's observers started so far are done, after `SETTLE_TIMEOUT_S` at most."""
        tasks = set(self._observing.get(room_id, ())) - {asyncio.current_task()}
        if tasks:
            await asyncio.wait(tasks, timeout=SETTLE_TIMEOUT_S)

    async def _decide(self, hooks: Iterable[Hook], event: E, scope: Scope, context: RoomContext) -> Outcome[E]:
        round_ = _Round(event)
        for hook in hooks:
            result, failure = await self._result(hook, round_.event, scope, context)
            if failure is not None:
                if hook.trigger.fails_closed:
                    return round_.outcome(blocked_by=hook.name, reason=failure)
                continue
            if result is None:
                continue
            round_.injected.extend(result.injected_events)
            round_.tasks.extend(result.tasks)
            round_.observations.extend(result.observations)
            round_.metadata.update(result.metadata)
            if result.action == "block":
                return round_.outcome(blocked_by=hook.name, reason=result.reason or f"blocked by {hook.name}")
            if result.action == "modify":
                round_.event = result.event
        return round_.outcome()

    async def _result(
        self, hook: Hook, event: object, scope: Scope, context: RoomContext
    ) -> tuple[HookResult | None, str | None]:
        """What a hook answered, or why its answer does not count (a sentence without user data)."""
        limit = self._deadlines.within(hook.timeout_s)
        try:
            result = hook.function(event, context)
            if inspect.isawaitable(result):
                with limit:
                    result = await result
            problem = _unusable(result, event)
        except Exception as error:  # noqa: BLE001 -- a user's function: whatever it raises is an answer that does not count
            if isinstance(error, TimeoutError) and limit.is_expired:
                return None, self._failed(hook, scope, "hook_timeout", f"took longer than {hook.timeout_s} s", None)
            return None, self._failed(hook, scope, "hook_error", f"raised {type(error).__name__}", error)
        if problem is not None:
            return None, self._failed(hook, scope, "hook_error", problem, None)
        return result, None

    def _observe(self, hook: Hook, event: object, scope: Scope, context: RoomContext) -> None:
        async def run() -> None:
            await self._result(hook, event, scope, context)

        task = begin(self._supervisor, run(), name=f"hook:{hook.name}")
        if task is None:
            return
        tasks = self._observing.setdefault(scope.room_id, set())
        tasks.add(task)
        task.add_done_callback(lambda done: self._observed(scope.room_id, done))

    def _observed(self, room_id: str | None, task: asyncio.Task[None]) -> None:
        tasks = self._observing[room_id]
        tasks.discard(task)
        if not tasks:
            del self._observing[room_id]

    def _failed(self, hook: Hook, scope: Scope, kind: str, what: str, error: Exception | None) -> str:
        logger.warning("hook %s on %s %s", hook.name, hook.trigger, what, exc_info=error)
        self._framework.emit(
            kind,
            room_id=scope.room_id,
            channel_id=scope.channel_id,
            hook=hook.name,
            trigger=str(hook.trigger),
            error=what,
            blocked=hook.decides and hook.trigger.fails_closed,
        )
        return f"hook {hook.name} {what}"


def direction_of(event: object) -> ChannelDirection | None:
    """Which way what happened went, seen from the room; ``None`` where that means nothing."""
    if isinstance(event, RoomEvent):
        return event.source.direction
    if isinstance(event, AudioLevelEvent):
        return ChannelDirection.INBOUND if event.direction == "input" else ChannelDirection.OUTBOUND
    return None


def _unusable(result: object, event: object) -> str | None:
    if result is None:
        return None
    if not isinstance(result, HookResult):
        return f"returned {type(result).__name__} instead of a HookResult"
    if result.action == "modify" and not isinstance(result.event, type(event)):
        return f"changed a {type(event).__name__} into a {type(result.event).__name__}"
    return None
