"""The agent's tool calls, each reported once although the server tells of it up to twice. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from roomkit.providers.shared.memory import remember
from roomkit.providers.shared.objects import Json, objects_of, text_of
from roomkit.voice.realtime.provider_events import ToolCall


class CallLog:
    """Which calls of this socket were reported."""

    def __init__(self) -> None:
        self._reported: dict[str, None] = {}  # a dict for its order: the oldest is forgotten first

    def told(self, call: Json, response_id: str) -> ToolCall | None:
        """A finished call; ``None`` when it was reported, or lacks its name and will be told again with it."""
        call_id, name = text_of(call, "call_id"), text_of(call, "name")
        if not call_id or not name or call_id in self._reported:
            return None
        remember(self._reported, call_id, None)
        return ToolCall(call_id, name, text_of(call, "arguments"), response_id)

    def told_by(self, response: Json) -> Iterator[ToolCall]:
        """What a completed response asks for and nobody has reported."""
        for item in objects_of(response, "output"):
            if text_of(item, "type") == "function_call" and (call := self.told(item, text_of(response, "id"))):
                yield call
