"""What the xAI voice server accepts: every client event and the session, as tables; and what it has before it is told.

Unlike OpenAI's server it ignores keys it does not know: a voice in the wrong place changes nothing and fails nothing.
Source: recorded traffic and the vendor's constants, 2026. Written in the language of `rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from roomkit.testing.simulators.rules import Flag, Many, Number, Record, Rule, Tagged, Text, choice, optional

RATES_HZ: Final = (8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


def _lenient(keys: Mapping[str, Rule] | None = None, *required: str) -> Record:
    return Record(keys or {}, required=required, others=True)


AUDIO_FORMAT: Final = Tagged(
    "type",
    {
        "audio/pcm": _lenient({"type": Text(), "rate": choice(*RATES_HZ)}),
        "audio/pcmu": _lenient({"type": Text()}),
        "audio/pcma": _lenient({"type": Text()}),
    },
)
TRANSPORT: Final = choice("json", "binary")

TURN_DETECTION: Final = _lenient(
    {
        "type": optional(choice("server_vad")),
        "threshold": Number(0.1, 0.9),
        "prefix_padding_ms": Number(0, 10_000, whole=True),
        "silence_duration_ms": Number(0, 10_000, whole=True),
        "idle_timeout_ms": optional(Number(0, 600_000, whole=True)),
        "create_response": Flag(),
        "interrupt_response": Flag(),
    }
)
TRANSCRIPTION: Final = _lenient(
    {"model": Text(), "language_hint": optional(Text()), "keyterms": optional(Many(Text(50), at_most=100))}
)
TOOL: Final = Tagged(
    "type",
    {
        "function": _lenient({"type": Text(), "name": Text(), "description": Text(), "parameters": _lenient()}, "name"),
        "web_search": _lenient(),
        "x_search": _lenient({"allowed_x_handles": optional(Many(Text()))}),
        "file_search": _lenient({"vector_store_ids": Many(Text()), "max_num_results": Number(1, 50, whole=True)}),
        "mcp": _lenient({"server_label": Text()}),
    },
)

SESSION: Final = _lenient(
    {
        "instructions": Text(),
        "voice": Text(),
        "turn_detection": optional(TURN_DETECTION),
        "tools": Many(TOOL),
        "audio": _lenient(
            {
                "input": _lenient(
                    {"format": AUDIO_FORMAT, "transcription": optional(TRANSCRIPTION), "transport": TRANSPORT}
                ),
                "output": _lenient({"format": AUDIO_FORMAT, "speed": Number(0.7, 1.5), "transport": TRANSPORT}),
            }
        ),
        "reasoning": _lenient({"effort": choice("high", "none")}),
        "resumption": _lenient({"enabled": Flag()}),
        "replace": _lenient(),
    }
)

TOP_KEYS: Final = ("instructions", "voice", "turn_detection", "tools", "reasoning", "resumption", "replace")
"""What is read at the top level of a session, beside ``audio``."""

_CONTENT: Final = Many(_lenient({"type": Text(), "text": Text()}, "type"))

ITEM: Final = Tagged(
    "type",
    {
        "message": _lenient({"role": choice("user", "assistant", "system"), "content": _CONTENT}, "role", "content"),
        "function_call_output": _lenient({"call_id": Text(), "output": Text()}, "call_id", "output"),
        "force_message": _lenient({"content": _CONTENT, "interruptible": Flag()}, "content"),
    },
)


def _event(keys: Mapping[str, Rule] | None = None, *required: str) -> Record:
    return _lenient({"type": Text(), **(keys or {})}, *required)


CLIENT_EVENTS: Final[Mapping[str, Record]] = {
    "session.update": _event({"session": SESSION}, "session"),
    "input_audio_buffer.append": _event({"audio": Text()}, "audio"),
    "input_audio_buffer.commit": _event(),
    "input_audio_buffer.clear": _event(),
    "conversation.item.create": _event({"item": ITEM, "previous_item_id": optional(Text())}, "item"),
    "conversation.item.delete": _event({"item_id": Text()}, "item_id"),
    "conversation.item.truncate": _event(
        {"item_id": Text(), "content_index": Number(0, 1_000, whole=True), "audio_end_ms": Number(0, 2**53, whole=True)}
    ),
    "response.create": _event({"response": optional(_lenient({"instructions": Text()}))}),
    "response.cancel": _event(),
}

RESERVED_NAMES: Final[Mapping[str, frozenset[str]]] = {
    "web_search": frozenset({"web_search", "browse_page"}),
    "x_search": frozenset({"x_keyword_search", "x_semantic_search", "x_user_search", "x_thread_fetch"}),
    "file_search": frozenset({"collections_search", "file_search"}),
}
"""By type of tool: the names a client's function may not have while it is on."""


def default_session(session_id: str, model: str) -> dict[str, Any]:
    """The session as ``session.created`` shows it: nobody listens for the end of speech yet."""
    pcm = {"type": "audio/pcm", "rate": 24_000}
    return {
        "id": session_id,
        "object": "realtime.session",
        "model": model or "grok-voice-latest",
        "instructions": "",
        "voice": "ara",
        "modalities": ["audio"],
        "turn_detection": {"type": None},
        "tools": [],
        "audio": {
            "input": {"format": dict(pcm), "transport": "json"},
            "output": {"format": dict(pcm), "transport": "json"},
        },
    }


def full_turn_detection(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What the server makes of what a client left out. Its end-of-speech window is our guess: nobody documents it."""
    usual = {"threshold": 0.85, "prefix_padding_ms": 333, "silence_duration_ms": 500}
    return {**usual, "create_response": True, "interrupt_response": True, **wanted}
