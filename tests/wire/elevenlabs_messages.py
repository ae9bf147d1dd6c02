"""ElevenLabs' messages as strict models: the oracle for what our dialect and our simulator say.

Ported by hand from the vendor's generated AsyncAPI types (npm ``@elevenlabs/types`` 0.23), for its Python SDK has
models for none of them. Unknown keys and wrong types are refused.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

AudioFormat = Literal["pcm_8000", "pcm_16000", "pcm_22050", "pcm_24000", "pcm_44100", "pcm_48000", "ulaw_8000"]
PartKind = Literal["start", "delta", "stop"]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


# --- from the client ------------------------------------------------------------------------------------------------


class UserAudio(Strict):
    user_audio_chunk: str


class Pong(Strict):
    type: Literal["pong"]
    event_id: int


class UserMessage(Strict):
    type: Literal["user_message"]
    text: str | None = None


class UserActivity(Strict):
    type: Literal["user_activity"]


class ContextualUpdate(Strict):
    type: Literal["contextual_update"]
    text: str
    context_id: str | None = None


class ClientToolResult(Strict):
    type: Literal["client_tool_result"]
    tool_call_id: str
    result: str
    is_error: bool


class Prompt(Strict):
    prompt: str | None = None
    llm: str | None = None


class AgentOverride(Strict):
    first_message: str | None = None
    language: str | None = None
    prompt: Prompt | None = None
    native_mcp_server_ids: list[str] | None = None


class TtsOverride(Strict):
    voice_id: str | None = None
    stability: float | None = None
    speed: float | None = None
    similarity_boost: float | None = None


class AsrOverride(Strict):
    keywords: list[str] | None = None


class ConversationOverride(Strict):
    text_only: bool | None = None
    client_events: list[str] | None = None
    max_duration_seconds: int | None = None


class Overrides(Strict):
    agent: AgentOverride | None = None
    tts: TtsOverride | None = None
    asr: AsrOverride | None = None
    conversation: ConversationOverride | None = None


class SourceInfo(Strict):
    source: str
    version: str


class Initiation(Strict):
    type: Literal["conversation_initiation_client_data"]
    conversation_config_override: Overrides | None = None
    custom_llm_extra_body: dict[str, JsonValue] | None = None
    dynamic_variables: dict[str, str | int | float | bool] | None = None
    user_id: str | None = None
    source_info: SourceInfo | None = None


Typed = Annotated[
    Pong | UserMessage | UserActivity | ContextualUpdate | ClientToolResult | Initiation, Field(discriminator="type")
]

# --- from the server ------------------------------------------------------------------------------------------------


class MetadataBody(Strict):
    conversation_id: str
    agent_output_audio_format: AudioFormat
    user_input_audio_format: AudioFormat


class Metadata(Strict):
    type: Literal["conversation_initiation_metadata"]
    conversation_initiation_metadata_event: MetadataBody


class Alignment(Strict):
    chars: list[str]
    char_start_times_ms: list[float]
    char_durations_ms: list[float]


class AudioBody(Strict):
    audio_base_64: str
    event_id: int
    alignment: Alignment | None = None


class Audio(Strict):
    type: Literal["audio"]
    audio_event: AudioBody


class AgentResponseBody(Strict):
    agent_response: str
    event_id: int


class AgentResponse(Strict):
    type: Literal["agent_response"]
    agent_response_event: AgentResponseBody


class CorrectionBody(Strict):
    original_agent_response: str
    corrected_agent_response: str
    event_id: int


class Correction(Strict):
    type: Literal["agent_response_correction"]
    agent_response_correction_event: CorrectionBody


class PartBody(Strict):
    text: str
    type: PartKind
    event_id: int


class Part(Strict):
    type: Literal["agent_chat_response_part"]
    text_response_part: PartBody


class UserTranscriptBody(Strict):
    user_transcript: str
    event_id: int


class UserTranscript(Strict):
    type: Literal["user_transcript"]
    user_transcription_event: UserTranscriptBody


class TentativeUserTranscript(Strict):
    type: Literal["tentative_user_transcript"]
    tentative_user_transcription_event: UserTranscriptBody


class EventId(Strict):
    event_id: int


class Interruption(Strict):
    type: Literal["interruption"]
    interruption_event: EventId


class PingBody(Strict):
    event_id: int
    ping_ms: float | None = None


class Ping(Strict):
    type: Literal["ping"]
    ping_event: PingBody


class VadBody(Strict):
    vad_score: Annotated[float, Field(ge=0.0, le=1.0)]


class VadScore(Strict):
    type: Literal["vad_score"]
    vad_score_event: VadBody


class ToolCallBody(Strict):
    tool_name: str
    tool_call_id: str
    parameters: dict[str, JsonValue]
    event_id: int


class ToolCall(Strict):
    type: Literal["client_tool_call"]
    client_tool_call: ToolCallBody


class ToolResponseBody(Strict):
    tool_name: str
    tool_call_id: str
    tool_type: str
    is_error: bool
    is_called: bool
    event_id: int


class ToolResponse(Strict):
    type: Literal["agent_tool_response"]
    agent_tool_response: ToolResponseBody


class McpCall(Strict):
    type: Literal["mcp_tool_call"]
    mcp_tool_call: dict[str, JsonValue]


class Complete(Strict):
    """Selectable, yet published nowhere: only its type is known."""

    model_config = ConfigDict(extra="allow", strict=True)
    type: Literal["agent_response_complete"]


class Guardrail(Strict):
    type: Literal["guardrail_triggered"]


class ErrorBody(Strict):
    code: Literal[1000, 1002, 1008, 1011]
    message: str | None = None
    error_type: str | None = None
    reason: str | None = None
    debug_message: str | None = None
    details: dict[str, JsonValue] | None = None


class Error(Strict):
    type: Literal["error"]
    error_event: ErrorBody


FromServer = Annotated[
    Metadata | Audio | AgentResponse | Correction | Part | UserTranscript | TentativeUserTranscript | Interruption
    | Ping | VadScore | ToolCall | ToolResponse | McpCall | Complete | Guardrail | Error,
    Field(discriminator="type"),
]  # fmt: skip

_TYPED: TypeAdapter[Any] = TypeAdapter(Typed)
_FROM_SERVER: TypeAdapter[Any] = TypeAdapter(FromServer)


def check_client(message: Any) -> None:
    """Fails on a message, as text, that ElevenLabs would refuse."""
    assert isinstance(message, str)
    event = json.loads(message)
    if "type" in event:
        _TYPED.validate_python(event)
    else:
        UserAudio.model_validate(event)


def check_server(event: Any) -> None:
    """Fails on an event ElevenLabs would not send."""
    _FROM_SERVER.validate_python(event)
