"""Written-down conversations, replayed through a dialect: what it understands *and* what it sends, line by line.

A line of ``tests/wire/<vendor>_*.jsonl`` is one of: ``we`` (the session opens or commands), ``sent`` (what must leave),
``got`` (what the server said), ``means`` (the event that must follow; fields at their default may be left out).
``{"silence_ms": n}`` stands for that much digital silence at the vendor's input rate. Nothing may be sent or reported
that the recording does not hold.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from roomkit.voice.realtime import commands, provider_events
from roomkit.voice.realtime.commands import Command, LinkConfig, ToolSpec
from roomkit.voice.realtime.dialect import Dialect
from roomkit.voice.realtime.provider_events import ProviderEvent
from roomkit.voice.wires.port import WireMessage

_HERE = Path(__file__).parent


class Replay:
    """A dialect, and what it said and reported that the recording has not named yet.

    Args:
        dialect: A fresh one.
        silence_rate_hz: The rate of the silence a recording abbreviates.
        is_binary: The vendor's frames are binary: what it says is handed over as bytes.
    """

    def __init__(self, dialect: Dialect, *, silence_rate_hz: int = 24_000, is_binary: bool = False) -> None:
        self._dialect = dialect
        self._silence_rate_hz = silence_rate_hz
        self._is_binary = is_binary
        self.sent: deque[WireMessage] = deque()
        self.events: deque[ProviderEvent] = deque()
        self.all_sent: list[WireMessage] = []

    def run(self, recording: Path) -> None:
        """Every line of it; then nothing may be left over."""
        for number, line in enumerate(lines_of(recording), 1):
            try:
                self.step(line)
            except (AssertionError, IndexError) as error:
                raise AssertionError(f"{recording.name}:{number}: {error or 'nothing came'}") from error
        assert not self.sent, f"{recording.name}: sent and not recorded: {self.sent}"
        assert not self.events, f"{recording.name}: reported and not recorded: {self.events}"

    def step(self, line: dict[str, Any]) -> None:
        if "sent" in line:
            assert json.loads(self.sent.popleft()) == self._with_silence(line["sent"])
            return
        if "means" in line:
            assert as_json(self.events.popleft()) == as_json(self._made(provider_events, "means", line))
            return
        assert not self.sent, f"more was sent than recorded: {self.sent}"
        assert not self.events, f"more was reported than recorded: {self.events}"
        if "got" in line:
            text = json.dumps(line["got"], separators=(",", ":"))
            decoded = self._dialect.decode(text.encode() if self._is_binary else text)
            self.events.extend(decoded.events)
            self._sends(decoded.replies)
        elif line["we"] == "open":
            self._sends(self._dialect.open(_link_config(line["config"])))
        else:
            command: Command = self._made(commands, "we", line)
            self._sends(self._dialect.encode(command))

    def _sends(self, messages: list[WireMessage] | tuple[WireMessage, ...]) -> None:
        self.sent.extend(messages)
        self.all_sent.extend(messages)

    def _made(self, vocabulary: object, kind: str, line: dict[str, Any]) -> Any:
        fields = {key: self._with_silence(value) for key, value in line.items() if key != kind}
        for key in fields.keys() & {"pcm", "data"}:
            fields[key] = base64.b64decode(fields[key])
        if "config" in fields:
            fields["config"] = _link_config(fields["config"])
        if "call_ids" in fields:
            fields["call_ids"] = tuple(fields["call_ids"])
        return getattr(vocabulary, line[kind])(**fields)

    def _with_silence(self, value: Any) -> Any:
        if isinstance(value, dict):
            if value.keys() == {"silence_ms"}:
                return base64.b64encode(bytes(value["silence_ms"] * self._silence_rate_hz // 1000 * 2)).decode()
            return {key: self._with_silence(each) for key, each in value.items()}
        return value


def recordings(vendor: str) -> list[Path]:
    """The vendor's recordings."""
    return sorted(_HERE.glob(f"{vendor}_*.jsonl"))


def lines_of(recording: Path) -> Iterator[dict[str, Any]]:
    """Its lines, parsed."""
    return map(json.loads, recording.read_text(encoding="utf-8").splitlines())


def as_json(event: ProviderEvent) -> dict[str, Any]:
    """An event as a recording would hold it, defaults included."""
    fields = event._asdict() if isinstance(event, provider_events.Audio) else dataclasses.asdict(event)
    return {"means": type(event).__name__, **fields}


def _link_config(given: dict[str, Any]) -> LinkConfig:
    tools = tuple(ToolSpec(**tool) for tool in given.get("tools", []))
    return LinkConfig(**{"session_id": "s", **given, "tools": tools})
