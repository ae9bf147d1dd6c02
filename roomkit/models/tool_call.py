"""A tool an agent may call, and the call as hooks see it. Running it is not in here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field, InstanceOf

from roomkit.models._base import Model
from roomkit.models.enums import ChannelType
from roomkit.models.session import VoiceSession


@dataclass(frozen=True, slots=True)
class Tool:
    """A function an agent may call.

    Attributes:
        parameters: JSON schema of the arguments (an object).
        handler: Called with the arguments as keywords, sync or async; ``None``: answered by a hook or a tool handler.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})
    handler: Callable[..., Any] | None = None

    @property
    def definition(self) -> dict[str, Any]:
        """As models are told of it: ``{"type": "function", "name", "description", "parameters"}``."""
        return {
            "type": "function",
            "name": self.name,
            "description": self.description,
            "parameters": dict(self.parameters),
        }


class ToolCallEvent(Model):
    """One tool call, wherever it was made.

    Attributes:
        result: What the handler returned; ``None`` before it ran.
        session: The voice session it was made in, if any.
    """

    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    tool_call_id: str
    channel_id: str
    channel_type: ChannelType
    room_id: str
    participant_id: str | None = None
    session: InstanceOf[VoiceSession] | None = Field(default=None, exclude=True)
    result: Any = None
