"""The agent's calls and their results: which are ours, and when the next answer may be asked for. Pure.

xAI wants all results of an answer's calls, after the end of that answer, and then one request. With its native tools
on, the server's own calls can show too: they are nobody's business here. Invariant: a call is reported once, and one
request follows the last result of a round.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from roomkit.providers.openai.calls import CallLog
from roomkit.providers.shared.memory import MAX_REMEMBERED, remember
from roomkit.providers.shared.objects import Json, text_of
from roomkit.voice.realtime.provider_events import ToolCall

Item = dict[str, Any]


class ToolRound:
    """The calls of the latest answer, and what is owed once all are answered."""

    def __init__(self) -> None:
        self._log = CallLog()
        self._functions: set[str] = set()
        self._has_native_tools = False
        self._response_id = ""
        self._last_done_id = ""
        self._open: dict[str, None] = {}
        self._known: dict[str, None] = {}
        self._held: deque[Item] = deque(maxlen=MAX_REMEMBERED)
        self._is_wanted = False
        self._is_spoken = True

    def declare(self, functions: Iterable[str], *, with_native_tools: bool) -> None:
        """The agent is told of these. Those of before count too: a call may be on its way while tools change."""
        self._functions.update(functions)
        self._has_native_tools |= with_native_tools

    def called(self, event: Json) -> Iterator[ToolCall]:
        """The call whose arguments are complete, if it is ours and new."""
        call = self._log.told(event, text_of(event, "response_id"))
        return self._ours([] if call is None else [call])

    def called_by(self, response: Json) -> Iterator[ToolCall]:
        """What a completed answer asks for and nobody has reported."""
        return self._ours(self._log.told_by(response))

    def knows(self, call_id: str) -> bool:
        """Whether the call was made on this socket; results of others mean nothing to the server."""
        return call_id in self._known

    def returned(self, call_id: str, item: Item, *, asks: bool) -> list[Item]:
        """A result came; the items to send now: none while the answer with the calls is being made."""
        self._open.pop(call_id, None)
        self._is_wanted |= asks
        self._held.append(item)
        return self._released()

    def response_done(self, response_id: str) -> list[Item]:
        """An answer ended; the results that waited for it."""
        self._last_done_id = response_id
        self._is_spoken |= response_id in (self._response_id, "")
        return self._released()

    def takes_request(self) -> bool:
        """Whether the next answer is due; true once a round."""
        if not self._is_wanted or self._open or not self._is_spoken:
            return False
        self._is_wanted = False
        return True

    def _ours(self, calls: Iterable[ToolCall]) -> Iterator[ToolCall]:
        for call in calls:
            if call.name in self._functions or not self._has_native_tools:
                self._begin(call)
                yield call

    def _begin(self, call: ToolCall) -> None:
        if call.response_id != self._response_id:
            self._response_id = call.response_id
            self._open.clear()
            self._is_wanted = False
        # a call without an answer, or after its end, has nothing to wait for
        self._is_spoken = call.response_id in ("", self._last_done_id)
        remember(self._known, call.call_id, None)
        remember(self._open, call.call_id, None)

    def _released(self) -> list[Item]:
        if not self._is_spoken:
            return []
        held = [*self._held]
        self._held.clear()
        return held
