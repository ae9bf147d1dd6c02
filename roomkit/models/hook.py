"""What a hook answers."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from roomkit.models.event import RoomEvent


class InjectedEvent(BaseModel):
    """A further event a hook puts into the room, after the one it was asked about.

    Attributes:
        target_channel_ids: Who gets it; ``None`` all that may see it. It never widens a permission.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    event: RoomEvent
    target_channel_ids: tuple[str, ...] | None = None


class HookResult(BaseModel):
    """What a hook decided. ``None`` from a hook means `allow`.

    Attributes:
        event: For ``modify``: the event as it shall be, of the same type as the one asked about.
        injected_events: Put into the room after this event, also when it was blocked.
        tasks: Passed on as they are to whoever reads the outcome.
        observations: As ``tasks``.
        metadata: Merged over the other hooks'; ``metadata["result"]`` answers ON_TOOL_CALL.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Literal["allow", "block", "modify"] = "allow"
    event: Any = None
    reason: str | None = None
    injected_events: tuple[InjectedEvent, ...] = ()
    tasks: tuple[Any, ...] = ()
    observations: tuple[Any, ...] = ()
    metadata: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _modify_has_an_event(self) -> HookResult:
        if self.action == "modify" and self.event is None:
            raise ValueError("modify needs the event as it shall be: HookResult.modify(event)")
        return self

    @classmethod
    def allow(cls, **fields: Any) -> HookResult:
        """Let it pass."""
        return cls(action="allow", **fields)

    @classmethod
    def block(cls, reason: str, **fields: Any) -> HookResult:
        """Stop it; ``reason`` is stored with the event."""
        return cls(action="block", reason=reason, **fields)

    @classmethod
    def modify(cls, event: Any, **fields: Any) -> HookResult:
        """Let this pass instead."""
        return cls(action="modify", event=event, **fields)
