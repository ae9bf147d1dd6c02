"""Written-down conversations with OpenAI, replayed through the dialect; see `tests.wire.replay`.

They follow the orderings seen on the real service in 2026 (`openai_beta_server`: of older compatible servers), but were
written by hand; the vendor's own types check both directions.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roomkit.providers.openai.dialect import OpenAIDialect
from tests.wire.replay import Replay, lines_of, recordings

RECORDINGS = recordings("openai")
Check = Callable[[Any], None]


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_a_recorded_conversation_is_understood_and_answered_as_recorded(recording: Path) -> None:
    Replay(OpenAIDialect()).run(recording)


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_openai_would_take_every_message_of_a_recording(recording: Path, accepted_by_openai: Check) -> None:
    replay = Replay(OpenAIDialect())

    replay.run(recording)

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
