"""What the OpenAI Realtime server (GA) accepts: every client event, the session, items and responses, as tables.

Written in the language of `rules`. Source: the vendor's published types (openai 3.52, 2026-11); the server is
stricter than those types in that it refuses unknown keys, and so are these. Transcription and translation sessions
are not in here: the simulator speaks realtime sessions only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from roomkit.testing.simulators.rules import (
    Either,
    Flag,
    Many,
    Nothing,
    Number,
    Record,
    Rule,
    Tagged,
    Text,
    choice,
    optional,
)

ANY_OBJECT: Final = Record(others=True)
TOKENS: Final = Either((Number(1, 4096, whole=True), choice("inf")))
EFFORT: Final = choice("minimal", "low", "medium", "high", "xhigh")
MODALITIES: Final = Many(choice("audio", "text"), at_most=1, at_least=1)
VOICES: Final = ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar")
VOICE: Final = Either((choice(*VOICES), Record({"id": Text()}, required=("id",))))
REASONING: Final = Record({"effort": EFFORT})
PROMPT: Final = Record({"id": Text(), "version": Text(), "variables": ANY_OBJECT}, required=("id",))

AUDIO_FORMAT: Final = Tagged(
    "type",
    {
        "audio/pcm": Record({"type": Text(), "rate": choice(24000)}),
        "audio/pcmu": Record({"type": Text()}),
        "audio/pcma": Record({"type": Text()}),
    },
)

TURN_DETECTION: Final = Tagged(
    "type",
    {
        "server_vad": Record(
            {
                "type": Text(),
                "threshold": Number(0, 1),
                "prefix_padding_ms": Number(0, 60_000, whole=True),
                "silence_duration_ms": Number(0, 60_000, whole=True),
                "idle_timeout_ms": optional(Number(5_000, 30_000, whole=True)),
                "create_response": Flag(),
                "interrupt_response": Flag(),
            }
        ),
        "semantic_vad": Record(
            {
                "type": Text(),
                "eagerness": choice("auto", "low", "medium", "high"),
                "create_response": Flag(),
                "interrupt_response": Flag(),
            }
        ),
    },
)

TRANSCRIPTION: Final = Record(
    {
        "model": choice(
            "whisper-1",
            "gpt-4o-transcribe",
            "gpt-4o-mini-transcribe",
            "gpt-4o-mini-transcribe-2025-12-15",
            "gpt-4o-transcribe-diarize",
            "gpt-transcribe",
            "gpt-live-transcribe",
            "gpt-realtime-whisper",
        ),
        "language": Text(),
        "languages": Many(Text()),
        "prompt": Text(),
        "keywords": Many(Text()),
        "delay": EFFORT,
    }
)

TOOL: Final = Tagged(
    "type",
    {
        "function": Record(
            {"type": Text(), "name": Text(), "description": Text(), "parameters": ANY_OBJECT}, required=("name",)
        ),
        "mcp": Record(
            {
                "type": Text(),
                "server_label": Text(),
                "server_url": Text(),
                "connector_id": Text(),
                "tunnel_id": Text(),
                "authorization": Text(),
                "headers": optional(ANY_OBJECT),
                "allowed_tools": optional(Many(Text()), ANY_OBJECT),
                "allowed_callers": optional(Many(Text())),
                "require_approval": optional(choice("always", "never"), ANY_OBJECT),
                "server_description": Text(),
                "defer_loading": Flag(),
            },
            required=("server_label",),
        ),
    },
)
TOOL_CHOICE: Final = Either(
    (
        choice("auto", "none", "required"),
        Tagged(
            "type",
            {
                "function": Record({"type": Text(), "name": Text()}, required=("name",)),
                "mcp": Record({"type": Text(), "server_label": Text(), "name": Text()}, required=("server_label",)),
            },
        ),
    )
)

SESSION: Final = Tagged(
    "type",
    {
        "realtime": Record(
            {
                "type": Text(),
                "model": Text(),
                "instructions": Text(),
                "output_modalities": MODALITIES,
                "max_output_tokens": TOKENS,
                "tools": Many(TOOL),
                "tool_choice": TOOL_CHOICE,
                "parallel_tool_calls": Flag(),
                "reasoning": REASONING,
                "truncation": Either((choice("auto", "disabled"), ANY_OBJECT)),
                "tracing": optional(choice("auto"), ANY_OBJECT),
                "prompt": optional(PROMPT),
                "include": optional(Many(choice("item.input_audio_transcription.logprobs"))),
                "audio": Record(
                    {
                        "input": Record(
                            {
                                "format": AUDIO_FORMAT,
                                "transcription": optional(TRANSCRIPTION),
                                "noise_reduction": optional(
                                    Record({"type": choice("near_field", "far_field"), "strength": Number(0, 1)})
                                ),
                                "turn_detection": optional(TURN_DETECTION),
                            }
                        ),
                        "output": Record({"format": AUDIO_FORMAT, "voice": VOICE, "speed": Number(0.25, 1.5)}),
                    }
                ),
            }
        )
    },
)

_ITEM_KEYS: Final[Mapping[str, Rule]] = {
    "id": Text(32),
    "type": Text(),
    "object": choice("realtime.item"),
    "status": choice("completed", "incomplete", "in_progress"),
}


def _message(parts: Mapping[str, Record]) -> Record:
    return Record({**_ITEM_KEYS, "role": Text(), "content": Many(Tagged("type", parts))}, required=("content",))


_INPUT_TEXT: Final = Record({"type": Text(), "text": Text()}, required=("text",))

ITEM: Final = Tagged(
    "type",
    {
        "message": Tagged(
            "role",
            {
                "user": _message(
                    {
                        "input_text": _INPUT_TEXT,
                        "input_audio": Record(
                            {"type": Text(), "audio": Text(), "transcript": optional(Text())}, required=("audio",)
                        ),
                        "input_image": Record(
                            {"type": Text(), "image_url": Text(), "detail": choice("auto", "low", "high")},
                            required=("image_url",),
                        ),
                    }
                ),
                "system": _message({"input_text": _INPUT_TEXT}),
                "assistant": _message(
                    {
                        "output_text": Record({"type": Text(), "text": Text()}, required=("text",)),
                        "output_audio": Record({"type": Text(), "audio": Text(), "transcript": Text()}),
                    }
                ),
            },
        ),
        "function_call": Record(
            {**_ITEM_KEYS, "name": Text(), "arguments": Text(), "call_id": Text(32)}, required=("name", "arguments")
        ),
        "function_call_output": Record(
            {**_ITEM_KEYS, "call_id": Text(32), "output": Text()}, required=("call_id", "output")
        ),
        "mcp_approval_response": Record(
            {
                "id": Text(),
                "type": Text(),
                "approval_request_id": Text(),
                "approve": Flag(),
                "reason": optional(Text()),
            },
            required=("approval_request_id", "approve"),
        ),
    },
)

RESPONSE: Final = Record(
    {
        "conversation": choice("auto", "none"),
        "input": Many(
            Tagged(
                "type",
                {**ITEM.rules, "item_reference": Record({"type": Text(), "id": Text()}, required=("id",))},
            )
        ),
        "instructions": Text(),
        "output_modalities": MODALITIES,
        "audio": Record({"output": Record({"format": AUDIO_FORMAT, "voice": VOICE})}),
        "tools": Many(TOOL),
        "tool_choice": TOOL_CHOICE,
        "max_output_tokens": TOKENS,
        "metadata": optional(ANY_OBJECT),
        "parallel_tool_calls": Flag(),
        "reasoning": REASONING,
        "prompt": optional(PROMPT),
    }
)


def _event(required: Mapping[str, Rule] | None = None, **others: Rule) -> Record:
    needed = required or {}
    return Record({"type": Text(), "event_id": Text(512), **needed, **others}, required=tuple(needed))


CLIENT_EVENTS: Final[Mapping[str, Record]] = {
    "session.update": _event({"session": SESSION}),
    "input_audio_buffer.append": _event({"audio": Text()}),
    "input_audio_buffer.commit": _event(),
    "input_audio_buffer.clear": _event(),
    "conversation.item.create": _event({"item": ITEM}, previous_item_id=Either((Text(), Nothing()))),
    "conversation.item.retrieve": _event({"item_id": Text()}),
    "conversation.item.truncate": _event(
        {
            "item_id": Text(),
            "content_index": Number(0, 1_000, whole=True),
            "audio_end_ms": Number(0, 2**53, whole=True),
        }
    ),
    "conversation.item.delete": _event({"item_id": Text()}),
    "response.create": _event(response=optional(RESPONSE)),
    "response.cancel": _event(response_id=optional(Text())),
    "output_audio_buffer.clear": _event(),
}
