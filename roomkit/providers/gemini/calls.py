"""The agent's tool calls on one socket, and the calls of earlier links it is reminded of. Pure.

The service closes the socket over a result for a call it does not know, so each result is sent for an open call of
this socket or told in words. Invariant: a call is reported once and answered at most once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from roomkit.providers.shared.memory import remember
from roomkit.providers.shared.objects import Json, object_of, text_of
from roomkit.voice.realtime.commands import RecallToolCall, ToolResult
from roomkit.voice.realtime.provider_events import ToolCall


class CallLog:
    """Calls by what may still be done about them."""

    def __init__(self) -> None:
        self._open: dict[str, None] = {}
        self._settled: dict[str, None] = {}
        self._recalled: dict[str, RecallToolCall] = {}

    def told(self, call: Json, response_id: str) -> ToolCall | None:
        """A call of the agent's; ``None`` when it was told before, or cannot be answered."""
        call_id, name = text_of(call, "id"), text_of(call, "name")
        if not call_id or not name or call_id in self._open or call_id in self._settled:
            return None
        remember(self._open, call_id, None)
        return ToolCall(call_id, name, json.dumps(object_of(call, "args")), response_id)

    def cancelled(self, call_ids: Iterable[str]) -> tuple[str, ...]:
        """The agent does not want these results; those of them that were open."""
        known = tuple(dict.fromkeys(call_id for call_id in call_ids if call_id in self._open))
        for call_id in known:
            self._settle(call_id)
        return known

    def recall(self, command: RecallToolCall) -> None:
        """A call of an earlier link, whose result will follow."""
        remember(self._recalled, command.call_id, command)

    def response_to(self, result: ToolResult, scheduling: str) -> Json | None:
        """The ``functionResponse`` of an open call; ``None``: it is not open here."""
        if result.call_id not in self._open:
            return None
        self._settle(result.call_id)
        response = {"id": result.call_id, "name": result.name, "response": _as_object(result.output)}
        if not scheduling:
            return response
        return {**response, "scheduling": scheduling if result.asks else "SILENT"}

    def words_for(self, result: ToolResult) -> str:
        """A result of an earlier link in words; ``""`` for one nobody wants any more."""
        if result.call_id in self._settled:
            return ""
        recalled = self._recalled.pop(result.call_id, None)
        arguments = f" with {recalled.arguments}" if recalled is not None else ""
        return f"Earlier you called the tool {result.name}{arguments}. It returned: {result.output}"

    def _settle(self, call_id: str) -> None:
        del self._open[call_id]
        remember(self._settled, call_id, None)


def _as_object(output: str) -> dict[str, Any]:
    """A tool's output as the object the service insists on; by its custom other values are the ``output``."""
    try:
        value = json.loads(output)
    except (ValueError, RecursionError):
        value = output
    return value if isinstance(value, dict) else {"output": value}
