"""What hooks see of a voice session, one payload a trigger (RFC 0004 holds the table).

Not in here: what providers say (`voice.realtime.provider_events`: bare nouns). Invariant: a payload holds the live
`VoiceSession` for the hook to read; what is stored of it is a plain `RoomEvent`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, InstanceOf

from roomkit.models._base import Model
from roomkit.models.content import TextContent
from roomkit.models.enums import EventType
from roomkit.models.event import RoomEvent
from roomkit.models.session import VoiceSession
from roomkit.models.usage import Usage


class TranscriptionEvent(RoomEvent):
    """What somebody said, partial or final; the payload of ON_TRANSCRIPTION and ON_PARTIAL_TRANSCRIPTION.

    ``content.body`` is the truth and ``text`` reads it; ``metadata["role"]`` is ``"user"`` or ``"assistant"``.
    """

    type: EventType = EventType.TRANSCRIPTION
    content: TextContent
    is_final: bool = True
    session: InstanceOf[VoiceSession] = Field(exclude=True)

    @property
    def role(self) -> str:
        """Who said it: ``"user"`` or ``"assistant"``."""
        return str(self.metadata["role"])

    @property
    def channel_id(self) -> str:
        """The voice channel it was said on."""
        return self.source.channel_id

    @property
    def participant_id(self) -> str | None:
        """Who said it, if a participant did."""
        return self.source.participant_id

    def with_text(self, text: str) -> Self:
        """The same, with other words."""
        return self.model_copy(update={"content": self.content.model_copy(update={"body": text})})

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As in pydantic; ``update={"text": ...}`` changes the content."""
        changes = dict(update or {})
        if "text" in changes:
            changes["content"] = self.content.model_copy(update={"body": str(changes.pop("text"))})
        return super().model_copy(update=changes, deep=deep)

    def to_room_event(self) -> RoomEvent:
        """What is stored: without the session."""
        return RoomEvent.model_construct(**{name: getattr(self, name) for name in RoomEvent.model_fields})


class VoiceEvent(Model):
    """What all payloads of voice tell: whose session, in which room, on which channel."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    session: InstanceOf[VoiceSession] = Field(exclude=True)

    @property
    def room_id(self) -> str:
        """The session's room."""
        return self.session.room_id

    @property
    def channel_id(self) -> str:
        """The session's channel."""
        return self.session.channel_id

    @property
    def participant_id(self) -> str:
        """The caller."""
        return self.session.participant_id


class SpeechEvent(VoiceEvent):
    """The caller began or stopped speaking."""

    item_id: str = ""


class AudioLevelEvent(VoiceEvent):
    """How loud it was, about ten times a second; dBFS, -inf for digital silence."""

    direction: Literal["input", "output"]
    rms_dbfs: float
    peak_dbfs: float


class SessionEvent(VoiceEvent):
    """A session became active, or ended (then ``reason`` is its end reason)."""

    reason: str | None = None


class BargeInEvent(VoiceEvent):
    """The caller cut the agent's answer short after hearing ``heard_ms`` of it."""

    response_id: str
    heard_ms: float


class TextInjectedEvent(VoiceEvent):
    """Text was put into the conversation, silent context or to be answered."""

    text: str
    role: str
    silent: bool


class SpokenTextEvent(TextInjectedEvent):
    """A text that is spoken word for word; the payload of BEFORE_TTS and AFTER_TTS.

    Attributes:
        voice: The voice asked for; ``None``: the provider's own.
        duration_ms: AFTER_TTS: how much of it was heard.
        interrupted: AFTER_TTS: whether it was cut before its end.
    """

    role: str = "assistant"
    silent: bool = False
    voice: str | None = None
    duration_ms: float | None = None
    interrupted: bool = False


class TurnEvent(VoiceEvent):
    """A turn is complete; ``latency`` in ms by stage, ``None`` where a stage did not happen.

    Attributes:
        usage: What was used since the turn before.
    """

    latency: dict[str, float | None]
    usage: InstanceOf[Usage] = Field(default_factory=Usage, exclude=True)


BudgetScope = Literal["session", "room"]


class BudgetEvent(VoiceEvent):
    """A session, or its room, has used much of its budget, or the budget cannot be kept.

    Attributes:
        session: The one it is about; of a room's budget, one of the room's.
        limit: ``"max_cost"``, ``"max_tokens"`` or ``"max_duration_s"``: the one that is nearest.
        used_share: How much of it is used, 1 for all; ``None``: not known, for the model's price is not.
        usage: What was used so far, by the session or the room.
        scope: Whose budget it is: the session's or the room's.
    """

    limit: str
    used_share: float | None
    usage: InstanceOf[Usage] = Field(exclude=True)
    scope: BudgetScope = "session"


class DtmfEvent(VoiceEvent):
    """The caller pressed a key."""

    digit: str = Field(pattern=r"^[0-9*#A-D]$")


class ErrorEvent(Model):
    """Something failed and was survived.

    Attributes:
        code: For programs.
        message: What happened and to what; no speech, prompts or keys.
        where: The part that failed.
    """

    session: InstanceOf[VoiceSession] | None = Field(default=None, exclude=True)
    room_id: str | None = None
    channel_id: str | None = None
    code: str
    message: str
    where: str = ""
