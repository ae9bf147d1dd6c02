"""The agent's tool calls of one conversation: each told once, its result taken once. Pure."""

from __future__ import annotations

import json

from roomkit.providers.shared.memory import remember
from roomkit.providers.shared.objects import Json, object_of, text_of
from roomkit.voice.realtime.provider_events import ToolCall


class OpenCalls:
    """Which calls wait for a result, and which were told."""

    def __init__(self) -> None:
        self._open: dict[str, bool] = {}
        """By call id; False once answered, for a call that is told again must not run again."""

    def told(self, body: Json) -> ToolCall | None:
        """A call; ``None`` when it lacks its name or id, or was told before."""
        call_id, name = text_of(body, "tool_call_id"), text_of(body, "tool_name")
        if not call_id or not name or call_id in self._open:
            return None
        remember(self._open, call_id, True)
        return ToolCall(call_id, name, json.dumps(object_of(body, "parameters")))

    def answered(self, call_id: str) -> bool:
        """Whether the call waits for a result, which it now has."""
        was_open = self._open.get(call_id, False)
        if was_open:
            self._open[call_id] = False
        return was_open
