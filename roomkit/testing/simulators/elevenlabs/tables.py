"""ElevenLabs Agents as tables: what a client may send and override, where an event keeps its body. Pure data.

Source: the vendor's generated AsyncAPI types and Python SDK, 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

AUDIO: Final = "user_audio_chunk"
"""The one frame without a ``type``; the simulator calls it by its only key."""
INITIATION: Final = "conversation_initiation_client_data"

NUMBER: Final = (int, float)
SCALAR: Final = (str, int, float, bool)


@dataclass(frozen=True, slots=True)
class Shape:
    """The fields of one client message, each with the types it may have."""

    required: Mapping[str, Any] = field(default_factory=dict)
    optional: Mapping[str, Any] = field(default_factory=dict)

    def problem_with(self, message: Mapping[str, Any]) -> str:
        """What is wrong with a message of this type; empty if nothing is."""
        for name, kinds in {**self.required, **self.optional}.items():
            if name not in message:
                if name in self.required:
                    return f"missing field: {name}"
            elif not isinstance(message[name], kinds) or (isinstance(message[name], bool) and bool is not kinds):
                return f"wrong type: {name}"
        unknown = set(message) - set(self.required) - set(self.optional) - {"type"}
        return f"unknown field: {min(unknown)}" if unknown else ""


_MAYBE_TEXT: Final = (str, type(None))

CLIENT_MESSAGES: Final[Mapping[str, Shape]] = {
    AUDIO: Shape({"user_audio_chunk": str}),
    INITIATION: Shape(
        optional={
            "conversation_config_override": dict,
            "custom_llm_extra_body": dict,
            "dynamic_variables": dict,
            "user_id": _MAYBE_TEXT,
            "source_info": dict,
            "tool_mock_config": dict,
            "branch_id": _MAYBE_TEXT,
            "environment": _MAYBE_TEXT,
            "starting_workflow_node_id": _MAYBE_TEXT,
        }
    ),
    "pong": Shape({"event_id": int}),
    "client_tool_result": Shape({"tool_call_id": str, "result": str, "is_error": bool}),
    "mcp_tool_approval_result": Shape({"tool_call_id": str, "is_approved": bool}),
    "contextual_update": Shape({"text": str}, {"context_id": _MAYBE_TEXT}),
    "user_message": Shape(optional={"text": _MAYBE_TEXT, "rich_content_id": _MAYBE_TEXT}),
    "user_activity": Shape(),
    "feedback": Shape({"event_id": int, "score": _MAYBE_TEXT}),
    "multimodal_message": Shape(optional={"text": (dict, type(None)), "file": (dict, type(None)), "files": list}),
}

OVERRIDES: Final[Mapping[str, Any]] = {
    "agent.first_message": str,
    "agent.language": str,
    "agent.prompt.prompt": str,
    "agent.prompt.llm": str,
    "agent.native_mcp_server_ids": list,
    "tts.voice_id": str,
    "tts.model_id": str,
    "tts.stability": NUMBER,
    "tts.speed": NUMBER,
    "tts.similarity_boost": NUMBER,
    "asr.keywords": list,
    "conversation.text_only": bool,
    "conversation.client_events": list,
    "conversation.max_duration_seconds": int,
    "turn.soft_timeout_config": dict,
    "text_only": bool,  # where the Python SDK writes it when it has no audio interface
}
"""What ``conversation_config_override`` may hold; each has to be enabled for the agent."""

BODY_KEYS: Final[Mapping[str, str]] = {
    "conversation_initiation_metadata": "conversation_initiation_metadata_event",
    "audio": "audio_event",
    "agent_response": "agent_response_event",
    "agent_response_correction": "agent_response_correction_event",
    "agent_chat_response_part": "text_response_part",
    "user_transcript": "user_transcription_event",
    "tentative_user_transcript": "tentative_user_transcription_event",
    "interruption": "interruption_event",
    "ping": "ping_event",
    "vad_score": "vad_score_event",
    "client_tool_call": "client_tool_call",
    "agent_tool_response": "agent_tool_response",
    "agent_response_complete": "agent_response_complete_event",
    "error": "error_event",
}
"""Where each server event keeps its fields. ``agent_response_complete``'s is a guess: none is published."""

ALWAYS_SENT: Final = frozenset({"conversation_initiation_metadata", "ping", "client_tool_call", "error"})
DEFAULT_EVENTS: Final = frozenset(
    {"audio", "agent_response", "agent_response_correction", "interruption", "user_transcript"}
)
"""The ``client_events`` of an agent nobody has changed."""


def paths_of(overrides: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The overridden fields by dotted path, as deep as `OVERRIDES` knows them."""
    found: dict[str, Any] = {}
    for name, value in overrides.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping) and path not in OVERRIDES:
            found |= paths_of(value, f"{path}.")
        elif value is not None:
            found[path] = value
    return found
