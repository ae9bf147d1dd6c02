"""What went over the wire, kept for tests: the client's events, and one log of both directions.

Audio is counted, not kept: a half-hour call is a hundred thousand frames, and what a test asks is how much of it came
and between which events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

TOLD: Final = ("id", "item_id", "response_id", "call_id", "name", "audio_start_ms", "audio_end_ms", "code", "status")
"""Fields a log line repeats: what ties events together. Never words, which may be long or private."""

HOLDERS: Final = ("response", "item", "error")
"""Objects inside an event that hold such fields."""


class Record:
    """The record of one simulator, all its connections.

    Args:
        audio_bytes: How much audio an event carries, or `None` for an event that is not audio.
        on_line: Told each line of the log as it is written.

    Attributes:
        received: The client's events in order; a run of audio appends is one entry with ``count`` and ``audio_bytes``.
        log: One line an event, both ways, with the loop time in ms. Two runs on virtual time give the same lines.
    """

    def __init__(
        self,
        audio_bytes: Callable[[Mapping[str, Any]], int | None],
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        self._audio_bytes = audio_bytes
        self._on_line = on_line
        self._runs: dict[tuple[str, str, str], tuple[int, int]] = {}
        self.received: list[dict[str, Any]] = []
        self.log: list[str] = []

    def client_sent(self, session_id: str, event: Mapping[str, Any], now_ms: float) -> None:
        """Keep an event of the client's."""
        size_bytes = self._audio_bytes(event)
        if size_bytes is None:
            self.received.append(dict(event))
        else:
            self._count_received(str(event["type"]), size_bytes)
        self._note(session_id, "<-", event, now_ms, size_bytes)

    def server_sent(self, session_id: str, event: Mapping[str, Any], now_ms: float) -> None:
        """Keep an event of the server's."""
        self._note(session_id, "->", event, now_ms, self._audio_bytes(event))

    def remark(self, session_id: str, text: str, now_ms: float) -> None:
        """Note something that is no event: a connection, its end, rubbish."""
        self._flush(session_id, now_ms)
        self._write(f"{now_ms:.0f} {session_id} {text}")

    def _count_received(self, type_: str, size_bytes: int) -> None:
        last = self.received[-1] if self.received else {}
        if last.get("type") != type_ or "count" not in last:
            last = {"type": type_, "count": 0, "audio_bytes": 0}
            self.received.append(last)
        last["count"] += 1
        last["audio_bytes"] += size_bytes

    def _note(
        self, session_id: str, arrow: str, event: Mapping[str, Any], now_ms: float, size_bytes: int | None
    ) -> None:
        type_ = str(event.get("type", "(no type)"))
        if size_bytes is not None:
            count, sum_bytes = self._runs.get((session_id, arrow, type_), (0, 0))
            self._runs[session_id, arrow, type_] = (count + 1, sum_bytes + size_bytes)
            return
        inside: Mapping[str, Any] = next((one for key in HOLDERS if isinstance(one := event.get(key), Mapping)), {})
        told = [f"{key}={value}" for key in TOLD if (value := event.get(key, inside.get(key))) is not None]
        self.remark(session_id, " ".join([arrow, type_, *told]), now_ms)

    def _flush(self, session_id: str, now_ms: float) -> None:
        for (id_, arrow, type_), (count, sum_bytes) in [*self._runs.items()]:
            if id_ == session_id:
                del self._runs[id_, arrow, type_]
                self._write(f"{now_ms:.0f} {id_} {arrow} {type_} x{count} ({sum_bytes} bytes)")

    def _write(self, line: str) -> None:
        self.log.append(line)
        if self._on_line is not None:
            self._on_line(line)
