"""Written-down conversations with xAI, replayed through the dialect; see `tests.wire.replay`.

They follow the shapes recorded on the real service in July 2026 (`xai_tool_turn` is the sheet's own sequence), but were
put together by hand. The simulator's tables, which were written from the same evidence, check what we send.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from roomkit.providers.openai.audio import DeltaReader
from roomkit.providers.xai.dialect import XAIDialect
from roomkit.testing.simulators.rules import check
from roomkit.testing.simulators.xai.tables import CLIENT_EVENTS
from tests.wire.replay import Replay, lines_of, recordings

RECORDINGS = recordings("xai")
LIKE_OPENAI: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
SHARED = {
    "conversation.created", "input_audio_buffer.cleared", "input_audio_buffer.committed",
    "input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped", "response.content_part.added",
    "response.function_call_arguments.done", "response.output_audio.delta", "response.output_audio.done",
    "response.output_audio_transcript.delta", "response.output_audio_transcript.done",
}  # fmt: skip
"""Events that are OpenAI's to the letter. The others differ where xAI's documents and recordings do; nobody judges them
but the AI SDK's model of xAI (`tests/testing/test_xai_judges.py`): the vendor has no client of its own."""

KNOWN_SESSION_KEYS = {"instructions", "voice", "turn_detection", "audio", "tools", "resumption", "reasoning", "replace"}


def replay_of(recording: Path) -> Replay:
    return Replay(XAIDialect(), silence_rate_hz=8_000 if "manual" in recording.stem else 16_000)


def test_there_are_recordings() -> None:
    assert len(RECORDINGS) >= 6


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_a_recorded_conversation_is_understood_and_answered_as_recorded(recording: Path) -> None:
    replay_of(recording).run(recording)


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_xai_would_take_every_message_of_a_recording(recording: Path) -> None:
    replay = replay_of(recording)

    replay.run(recording)

    events = [json.loads(message) for message in replay.all_sent]
    assert [check(CLIENT_EVENTS[event["type"]], event, "") for event in events] == [None] * len(events)
    for session in (event["session"] for event in events if event["type"] == "session.update"):
        # the server ignores what it does not know, so nobody would tell us of a key in the wrong place
        assert session.keys() <= KNOWN_SESSION_KEYS
        assert session["audio"]["input"].keys() <= {"format", "transcription"}
        assert session["audio"]["output"].keys() <= {"format", "speed"}


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_what_xai_says_in_openais_words_is_what_openais_sdk_takes(recording: Path) -> None:
    said = [line["got"] for line in lines_of(recording) if line.get("got", {}).get("type") in SHARED]

    assert [LIKE_OPENAI.validate_python(event).type for event in said] == [event["type"] for event in said]


def test_every_event_said_in_openais_words_is_recorded() -> None:
    said = {line["got"]["type"] for recording in RECORDINGS for line in lines_of(recording) if "got" in line}

    assert said >= SHARED


@pytest.mark.parametrize("blanks", [(",", ":"), (", ", ": ")], ids=["compact", "spaced"])
def test_every_recorded_audio_delta_is_read_without_json(blanks: tuple[str, str]) -> None:
    deltas = [
        line["got"]
        for recording in RECORDINGS
        for line in lines_of(recording)
        if line.get("got", {}).get("type") == "response.output_audio.delta"
    ]

    assert deltas
    for delta in deltas:
        audio = DeltaReader().read(json.dumps(delta, separators=blanks))
        assert audio is not None
        assert (audio.response_id, audio.item_id) == (delta["response_id"], delta["item_id"])
