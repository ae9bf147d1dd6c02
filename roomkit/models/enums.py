"""The closed sets of words a room uses. Standard library only, so that importing a name costs nothing."""

from __future__ import annotations

from enum import StrEnum


class ChannelCategory(StrEnum):
    """What a channel does in a room."""

    TRANSPORT = "transport"  # it reaches people
    INTELLIGENCE = "intelligence"  # it produces content


class ChannelType(StrEnum):
    """What kind of channel it is; hooks filter on it."""

    WEBSOCKET = "websocket"
    AI = "ai"
    VOICE = "voice"
    REALTIME_VOICE = "realtime_voice"
    CLI = "cli"
    WEBHOOK = "webhook"
    SMS = "sms"
    SYSTEM = "system"
    CUSTOM = "custom"


class ChannelDirection(StrEnum):
    """Which way content may flow between a channel and the room, seen from the room."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    BIDIRECTIONAL = "bidirectional"


class Access(StrEnum):
    """What a binding may do in its room."""

    READ_WRITE = "read_write"
    READ_ONLY = "read_only"
    WRITE_ONLY = "write_only"
    NONE = "none"

    @property
    def can_read(self) -> bool:
        """Whether the room's events may be delivered to the binding."""
        return self in (Access.READ_WRITE, Access.READ_ONLY)

    @property
    def can_write(self) -> bool:
        """Whether what the binding sends may enter the room."""
        return self in (Access.READ_WRITE, Access.WRITE_ONLY)


class RoomStatus(StrEnum):
    """The life of a room."""

    ACTIVE = "active"
    PAUSED = "paused"
    CLOSED = "closed"
    ARCHIVED = "archived"


class EventType(StrEnum):
    """What a room event says happened."""

    MESSAGE = "message"
    TRANSCRIPTION = "transcription"
    TOOL_CALL = "tool_call"
    SYSTEM = "system"
    EDIT = "edit"
    DELETE = "delete"
    PARTICIPANT_JOINED = "participant_joined"
    PARTICIPANT_LEFT = "participant_left"
    CHANNEL_ATTACHED = "channel_attached"
    CHANNEL_DETACHED = "channel_detached"
    SESSION_STARTED = "session_started"
    SESSION_ENDED = "session_ended"


class EventStatus(StrEnum):
    """How far an event got."""

    PENDING = "pending"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    BLOCKED = "blocked"


class HookExecution(StrEnum):
    """Whether a hook decides (waited for) or observes (started, never waited for)."""

    SYNC = "sync"
    ASYNC = "async"


class HookTrigger(StrEnum):
    """Every moment a hook can be registered for (RFC 0004 holds the table: kind, payload, effect of each result)."""

    # Deciding: a SYNC hook can change the outcome.
    BEFORE_BROADCAST = "before_broadcast"
    ON_TRANSCRIPTION = "on_transcription"
    BEFORE_TTS = "before_tts"
    BEFORE_TOOL_USE = "before_tool_use"
    ON_TOOL_CALL = "on_tool_call"
    BEFORE_AI_GENERATION = "before_ai_generation"
    # Observing.
    AFTER_BROADCAST = "after_broadcast"
    AFTER_TTS = "after_tts"
    ON_SPEECH_START = "on_speech_start"
    ON_SPEECH_END = "on_speech_end"
    ON_SESSION_STARTED = "on_session_started"
    ON_SESSION_ENDED = "on_session_ended"
    ON_PARTIAL_TRANSCRIPTION = "on_partial_transcription"
    ON_BARGE_IN = "on_barge_in"
    ON_INPUT_AUDIO_LEVEL = "on_input_audio_level"
    ON_OUTPUT_AUDIO_LEVEL = "on_output_audio_level"
    ON_DTMF = "on_dtmf"
    ON_REALTIME_TEXT_INJECTED = "on_realtime_text_injected"
    ON_ERROR = "on_error"
    ON_ROOM_CREATED = "on_room_created"
    ON_ROOM_CLOSED = "on_room_closed"
    ON_CHANNEL_ATTACHED = "on_channel_attached"
    ON_CHANNEL_DETACHED = "on_channel_detached"
    ON_CHANNEL_MUTED = "on_channel_muted"
    ON_CHANNEL_UNMUTED = "on_channel_unmuted"
    ON_PARTICIPANT_JOINED = "on_participant_joined"
    ON_PARTICIPANT_LEFT = "on_participant_left"
    ON_DELIVERY_STATUS = "on_delivery_status"
    ON_TURN_COMPLETE = "on_turn_complete"
    ON_BUDGET_WARNING = "on_budget_warning"
    ON_RECORDING_STARTED = "on_recording_started"
    ON_RECORDING_STOPPED = "on_recording_stopped"

    @property
    def decides(self) -> bool:
        """Whether a SYNC hook on this trigger can change the outcome."""
        return self in DECIDING_TRIGGERS

    @property
    def fails_closed(self) -> bool:
        """Whether a failing or late deciding hook counts as *block* (else as *allow*)."""
        return self in FAIL_CLOSED_TRIGGERS


DECIDING_TRIGGERS = frozenset(
    {
        HookTrigger.BEFORE_BROADCAST,
        HookTrigger.ON_TRANSCRIPTION,
        HookTrigger.BEFORE_TTS,
        HookTrigger.BEFORE_TOOL_USE,
        HookTrigger.ON_TOOL_CALL,
        HookTrigger.BEFORE_AI_GENERATION,
    }
)
FAIL_CLOSED_TRIGGERS = frozenset({HookTrigger.ON_TRANSCRIPTION, HookTrigger.BEFORE_TTS, HookTrigger.BEFORE_TOOL_USE})
