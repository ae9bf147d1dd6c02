"""Our requests in pydantic-ai's words, and its answers in ours. Pure.

Invariant: nobody's words become another's: where several people speak, each message says who.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_ai import messages as wire
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from roomkit.core.ports import ModelMessage, ModelReply, ModelRequest, ModelToolCall

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def messages_of(request: ModelRequest) -> list[wire.ModelMessage]:
    """The conversation; runs of messages from our side become one request of several parts."""
    speakers = {message.name for message in request.messages if message.role == "user" and message.name}
    tool_names = {call.id: call.name for message in request.messages for call in message.tool_calls}
    found: list[wire.ModelMessage] = []
    parts: list[wire.ModelRequestPart] = []
    for message in request.messages:
        if message.role != "assistant":
            parts.append(_part_of(message, tool_names, says_who=len(speakers) > 1))
            continue
        if parts:
            found.append(wire.ModelRequest(parts=parts))
            parts = []
        found.append(_response_of(message))
    found.append(wire.ModelRequest(parts=parts, instructions=request.system_prompt))
    return found


def settings_of(request: ModelRequest) -> ModelSettings:
    """Temperature and bound, where they were asked for."""
    settings = ModelSettings()
    if request.temperature is not None:
        settings["temperature"] = request.temperature
    if request.max_tokens is not None:
        settings["max_tokens"] = request.max_tokens
    return settings


def parameters_of(request: ModelRequest) -> ModelRequestParameters:
    """The tools the model may call."""
    return ModelRequestParameters(function_tools=[_tool_of(tool) for tool in request.tools])


def reply_of(response: wire.ModelResponse) -> ModelReply:
    """Words and tool calls; thinking and the rest are not for the room. Arguments stay as the model wrote them."""
    return ModelReply(
        text="".join(part.content for part in response.parts if isinstance(part, wire.TextPart)),
        tool_calls=tuple(
            ModelToolCall(id=part.tool_call_id, name=part.tool_name, arguments=part.args or {})
            for part in response.parts
            if isinstance(part, wire.ToolCallPart)
        ),
    )


def _part_of(message: ModelMessage, tool_names: Mapping[str, str], *, says_who: bool) -> wire.ModelRequestPart:
    if message.role == "tool":
        call_id = message.tool_call_id or ""
        return wire.ToolReturnPart(tool_names.get(call_id, "unknown"), message.text, call_id)
    named = says_who and message.name
    return wire.UserPromptPart(f"{message.name}: {message.text}" if named else message.text)


def _response_of(message: ModelMessage) -> wire.ModelResponse:
    parts: Sequence[wire.ModelResponsePart] = [
        *([wire.TextPart(message.text)] if message.text else []),
        *(wire.ToolCallPart(call.name, _arguments_of(call), call.id) for call in message.tool_calls),
    ]
    return wire.ModelResponse(parts=parts)


def _arguments_of(call: ModelToolCall) -> str | dict[str, Any]:
    return call.arguments if isinstance(call.arguments, str) else dict(call.arguments)


def _tool_of(tool: Mapping[str, Any]) -> ToolDefinition:
    return ToolDefinition(
        name=tool["name"], description=tool.get("description"), parameters_json_schema=dict(tool["parameters"])
    )
