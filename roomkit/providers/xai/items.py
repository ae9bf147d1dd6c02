"""Conversation items that only xAI has, and what stands in for those it does not take. Pure."""

from __future__ import annotations

from typing import Any

from roomkit.providers.openai.items import message_item


def spoken_item(text: str) -> dict[str, Any]:
    """``text``, to be said word for word; the server answers with a response nobody has to ask for."""
    content = [{"type": "output_text", "text": text}]
    return {"type": "force_message", "role": "assistant", "content": content}


def result_item(call_id: str, output: str) -> dict[str, Any]:
    """What a tool returned. The call keeps its name however long it is: here the server made it itself."""
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def late_result_item(name: str, output: str) -> dict[str, Any]:
    """What a tool returned for a call that this socket's server does not know, as words it can read.

    The call was made on an earlier link. Replayed history is text, so a ``function_call_output`` would be refused.
    """
    return message_item("system", f"Result of the tool {name}, asked for earlier in this conversation: {output}")
