"""A text agent's answer before it is one: what a hook sees of it beforehand, what people see of it as it grows."""

from __future__ import annotations

from roomkit.models._base import Model
from roomkit.models.event import RoomEvent


class GenerationEvent(Model):
    """A text agent is about to answer; the payload of BEFORE_AI_GENERATION.

    A hook may change the prompt and the settings, or block the answer.

    Attributes:
        event: What it answers.
    """

    room_id: str
    channel_id: str
    event: RoomEvent
    system_prompt: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None


class PartialReply(Model):
    """A reply as far as it has grown. Never stored; the event it becomes has the id ``event_id`` and replaces it.

    Attributes:
        channel_id: The agent.
        text: The whole reply so far, not the newest piece alone; empty if withdrawn.
        is_withdrawn: It will not become an event: it is to be taken off the screen.
    """

    event_id: str
    room_id: str
    channel_id: str
    text: str = ""
    is_withdrawn: bool = False
