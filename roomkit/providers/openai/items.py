"""Conversation items as OpenAI wants them: what is typed, shown, remembered or returned by a tool. Pure."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from roomkit.errors import ConfigError
from roomkit.providers.shared.coding import encode_base64
from roomkit.voice.realtime.provider_events import Role

_IMAGE_TYPES: Final = ("image/png", "image/jpeg")
_MAX_CALL_ID_CHARS: Final = 32
"""The service refuses longer ones, and other vendors' are longer when a conversation is carried over."""

_PART_TYPES: Final[dict[Role, str]] = {"user": "input_text", "system": "input_text", "assistant": "output_text"}


def message_item(role: Role, text: str) -> dict[str, Any]:
    """Words of the user, the system or the agent."""
    return {"type": "message", "role": role, "content": [{"type": _PART_TYPES[role], "text": text}]}


def image_item(data: bytes, mime_type: str) -> dict[str, Any]:
    """A picture the user shows.

    Raises:
        ConfigError: It is neither PNG nor JPEG.
    """
    if mime_type not in _IMAGE_TYPES:
        raise ConfigError(f"OpenAI takes {' and '.join(_IMAGE_TYPES)}, not {mime_type}")
    url = f"data:{mime_type};base64,{encode_base64(data)}"
    return {"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": url}]}


def call_item(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    """A tool call the agent made on an earlier link."""
    return {"type": "function_call", "call_id": wire_call_id(call_id), "name": name, "arguments": arguments}


def result_item(call_id: str, output: str) -> dict[str, Any]:
    """What a tool returned."""
    return {"type": "function_call_output", "call_id": wire_call_id(call_id), "output": output}


def wire_call_id(call_id: str) -> str:
    """``call_id``, or where it is too long, always the same short one for it."""
    if len(call_id) <= _MAX_CALL_ID_CHARS:
        return call_id
    return "call_" + hashlib.blake2s(call_id.encode("utf-8", "replace"), digest_size=13).hexdigest()


def exact_speech(text: str) -> dict[str, Any]:
    """The ``response`` that says ``text`` word for word. The service has no such command: it is asked nicely."""
    quoted = json.dumps(text, ensure_ascii=False)
    return {
        "instructions": f"Say exactly the following words, in their language, and nothing else: {quoted}",
        "tool_choice": "none",
    }
