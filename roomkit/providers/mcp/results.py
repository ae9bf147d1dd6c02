"""What an MCP server sends, as tools and results of ours. Pure: no connection, and nothing of the SDK but its types.

Invariant: whatever a server sends, what comes out can be told to a model: a tool whose name or schema cannot be used
is left out, an answer of any kind is text or JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import fastjsonschema

if TYPE_CHECKING:
    from mcp_types import CallToolResult, ContentBlock

MAX_TOOL_NAME_CHARS: Final = 64
"""What every vendor takes, of letters, digits, ``_`` and ``-``."""
_ODD: Final = re.compile(r"[^A-Za-z0-9_-]")


def tool_name(prefix: str, name: str) -> str:
    """The name a model knows a server's tool by: every other character is ``_``, and a long one is cut."""
    return _ODD.sub("_", prefix + name)[:MAX_TOOL_NAME_CHARS]


def schema_problem(schema: Any) -> str:
    """Why a tool's input schema cannot be used; empty if it can.

    References to elsewhere are refused: checking an argument must not fetch anything.
    """
    if not isinstance(schema, Mapping):
        return "its input schema is not an object"
    if any(not reference.startswith("#") for reference in _references(schema)):
        return "its input schema refers to another document"
    try:
        fastjsonschema.compile(dict(schema), use_default=False)
    except (fastjsonschema.JsonSchemaException, re.error, RecursionError, TypeError, ValueError, SyntaxError) as error:
        return f"its input schema is none: {type(error).__name__}"
    return ""


def told(result: CallToolResult) -> Any:
    """What the model is told: structured content as JSON, else the text; errors as ``{"error": ...}``.

    Pictures, sounds and files are named, with their size, not passed on.
    """
    text = "\n".join(filter(None, map(_block, result.content)))
    if result.is_error:
        return {"error": text or "the tool failed without saying why"}
    structured = result.structured_content
    if structured is None:
        return text
    if isinstance(structured, Mapping) and set(structured) == {"result"}:
        structured = structured["result"]  # how servers wrap what is no object
    notes = "\n".join(_block(block) for block in result.content if block.type != "text")
    return {"result": structured, "also": notes} if notes else structured


def _block(block: ContentBlock) -> str:
    match block.type:
        case "text":
            return block.text
        case "image" | "audio":
            return f"[{block.type}: {block.mime_type}, {len(block.data) * 3 // 4} bytes, not shown]"
        case "resource_link":
            return f"[file: {block.name}, {block.uri}]"
        case _:
            resource = block.resource
            words = getattr(resource, "text", None)
            return words if isinstance(words, str) else f"[file: {resource.uri}, not shown]"


def _references(schema: Any) -> Iterator[str]:
    stack = [schema]
    while stack:
        part = stack.pop()
        if isinstance(part, Mapping):
            for key in ("$ref", "$dynamicRef", "$recursiveRef"):
                if isinstance(part.get(key), str):
                    yield part[key]
            stack.extend(part.values())
        elif isinstance(part, list):
            stack.extend(part)
