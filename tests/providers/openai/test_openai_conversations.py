"""Written-down conversations, replayed through the dialect: what it understands *and* what it sends, line by line.

They follow the orderings seen on the real service in 2026 (`openai_beta_server`: of older compatible servers), but were
written by hand; the vendor's own types check both directions. A line of ``tests/wire/openai_*.jsonl`` is one of: ``we``
(the session opens or commands), ``sent`` (what must leave), ``got`` (what the server said), ``means`` (the event that
must follow). ``{"silence_ms": n}`` stands for that much digital silence. Nothing may be sent or reported that the
recording does not hold.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from roomkit.providers.openai.dialect import OpenAIDialect
from roomkit.voice.realtime import dialect as vocabulary
from roomkit.voice.realtime.dialect import Audio, Command, LinkConfig, ProviderEvent, ToolSpec
from roomkit.voice.wires.port import WireMessage

RECORDINGS = sorted((Path(__file__).parents[2] / "wire").glob("openai_*.jsonl"))
Check = Callable[[Any], None]


class Replay:
    """A dialect, and what it said and reported that the recording has not named yet."""

    def __init__(self) -> None:
        self.dialect = OpenAIDialect()
        self.sent: deque[WireMessage] = deque()
        self.events: deque[ProviderEvent] = deque()
        self.all_sent: list[WireMessage] = []

    def step(self, line: dict[str, Any]) -> None:
        if "sent" in line:
            assert json.loads(self.sent.popleft()) == with_silence(line["sent"])
            return
        if "means" in line:
            assert as_json(self.events.popleft()) == with_silence(line)
            return
        assert not self.sent and not self.events, "more was sent or reported than recorded"
        if "got" in line:
            decoded = self.dialect.decode(json.dumps(line["got"], separators=(",", ":")))
            self.events.extend(decoded.events)
            self._sends(decoded.replies)
        elif line["we"] == "open":
            self._sends(self.dialect.open(link_config(line["config"])))
        else:
            self._sends(self.dialect.encode(command(line)))

    def _sends(self, messages: list[WireMessage] | tuple[WireMessage, ...]) -> None:
        self.sent.extend(messages)
        self.all_sent.extend(messages)


def with_silence(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"silence_ms"}:
            return base64.b64encode(bytes(value["silence_ms"] * 48)).decode()
        return {key: with_silence(each) for key, each in value.items()}
    return value


def as_json(event: ProviderEvent) -> dict[str, Any]:
    if isinstance(event, Audio):
        return {"means": "Audio", **event._asdict(), "pcm": base64.b64encode(event.pcm).decode()}
    return {"means": type(event).__name__, **dataclasses.asdict(event)}


def link_config(given: dict[str, Any]) -> LinkConfig:
    tools = tuple(ToolSpec(**tool) for tool in given.get("tools", []))
    return LinkConfig(**{"session_id": "s", **given, "tools": tools})


def command(line: dict[str, Any]) -> Command:
    fields = {key: with_silence(value) for key, value in line.items() if key != "we"}
    for key in fields.keys() & {"pcm", "data"}:
        fields[key] = base64.b64decode(fields[key])
    if "config" in fields:
        fields["config"] = link_config(fields["config"])
    made: Command = getattr(vocabulary, line["we"])(**fields)
    return made


def lines_of(recording: Path) -> Iterator[dict[str, Any]]:
    return map(json.loads, recording.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_a_recorded_conversation_is_understood_and_answered_as_recorded(recording: Path) -> None:
    replay = Replay()

    for number, line in enumerate(lines_of(recording), 1):
        try:
            replay.step(line)
        except (AssertionError, IndexError) as error:
            raise AssertionError(f"{recording.name}:{number}: {error or 'nothing came'}") from error

    assert not replay.sent
    assert not replay.events


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_openai_would_take_every_message_of_a_recording(recording: Path, accepted_by_openai: Check) -> None:
    replay = Replay()

    for line in lines_of(recording):
        replay.step(line)

    assert replay.all_sent
    for message in replay.all_sent:
        accepted_by_openai(message)


@pytest.mark.parametrize(
    "recording", [path for path in RECORDINGS if "beta" not in path.stem], ids=lambda path: path.stem
)
def test_openai_could_have_sent_what_a_recording_says_it_sent(recording: Path, sendable_by_openai: Check) -> None:
    for line in lines_of(recording):
        if "got" in line:
            sendable_by_openai(line["got"])


def test_there_are_recordings() -> None:
    assert len(RECORDINGS) >= 6


@pytest.mark.parametrize(
    "event",
    [
        {"type": "session.update", "session": {"type": "realtime", "modalities": ["audio"]}},
        {"type": "session.update", "session": {"type": "realtime", "audio": {"output": {"temperature": 1}}}},
        {"type": "response.create", "response": {"voice": "marin"}},
        {"type": "response.create", "responses": {}},
        {"type": "input_audio_buffer.append"},
    ],
)
def test_the_check_itself_refuses_what_openai_refuses(event: dict[str, Any], accepted_by_openai: Check) -> None:
    with pytest.raises((AssertionError, ValueError)):
        accepted_by_openai(json.dumps(event))
