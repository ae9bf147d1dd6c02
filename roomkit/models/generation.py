"""What a hook sees before a text agent thinks of an answer."""

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
