"""The contracts between the conversation engine and what is plugged into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from roomkit.models.enums import HookTrigger
    from roomkit.models.event import RoomEvent

E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class Verdict(Generic[E]):
    """What the deciding hooks of one trigger made of an event.

    Attributes:
        allowed: No hook blocked.
        event: The event as the hooks left it.
        reason: Why it was blocked.
        metadata: The hooks' ``HookResult.metadata``, later hooks win by key.
    """

    allowed: bool
    event: E
    reason: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


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

    async def publish(self, event: RoomEvent) -> None:
        """Put an event through the room's inbound pipeline; returns at commit, before delivery."""

    async def settled(self) -> None:
        """Return when the observers started so far are done, after 1 s at most."""
