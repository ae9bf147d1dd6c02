"""Written-down conversations with ElevenLabs, replayed through the dialect; see `tests.wire.replay`.

They follow the vendor's documented orderings of 2026-11 and were written by hand; strict models of its messages check
both directions.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from roomkit.providers.elevenlabs.dialect import ElevenLabsDialect
from tests.wire.elevenlabs_messages import check_client, check_server
from tests.wire.replay import Replay, lines_of, recordings

RECORDINGS = recordings("elevenlabs")


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_a_recorded_conversation_is_understood_and_answered_as_recorded(recording: Path) -> None:
    Replay(ElevenLabsDialect()).run(recording)


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_elevenlabs_would_take_every_message_of_a_recording(recording: Path) -> None:
    replay = Replay(ElevenLabsDialect())

    replay.run(recording)

    assert replay.all_sent
    for message in replay.all_sent:
        check_client(message)


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_elevenlabs_could_have_sent_what_a_recording_says_it_sent(recording: Path) -> None:
    for line in lines_of(recording):
        if "got" in line:
            check_server(line["got"])


def test_there_are_recordings() -> None:
    assert len(RECORDINGS) >= 6


@pytest.mark.parametrize(
    "message",
    [
        {"type": "user_audio_chunk", "user_audio_chunk": "AA=="},
        {"type": "client_tool_result", "tool_call_id": "t", "result": {"a": 1}, "is_error": False},
        {"type": "client_tool_result", "tool_call_id": "t", "result": "a", "is_error": "no"},
        {"type": "pong", "event_id": "7"},
        {"type": "conversation_initiation_client_data", "conversation_config_override": {"voice": "v1"}},
        {"type": "brand_new"},
    ],
)
def test_the_check_itself_refuses_what_elevenlabs_refuses(message: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="valid"):
        check_client(json.dumps(message))
