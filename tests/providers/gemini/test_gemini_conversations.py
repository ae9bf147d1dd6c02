"""Written-down conversations with Gemini Live, replayed through the dialect; see `tests.wire.replay`.

They follow the orderings recorded from the real service in 2026, but were written by hand; the vendor's own types check
both directions.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roomkit.providers.gemini.dialect import GeminiDialect
from tests.wire.replay import Replay, lines_of, recordings

RECORDINGS = recordings("gemini")
Check = Callable[[Any], None]


def replayed(recording: Path) -> Replay:
    """The recording, replayed with the model it was made with."""
    setup = next(line["sent"]["setup"] for line in lines_of(recording) if "sent" in line)
    replay = Replay(GeminiDialect(setup["model"].removeprefix("models/")), silence_rate_hz=16_000, is_binary=True)
    replay.run(recording)
    return replay


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_a_recorded_conversation_is_understood_and_answered_as_recorded(recording: Path) -> None:
    replayed(recording)


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_gemini_would_take_every_message_of_a_recording(recording: Path, accepted_by_gemini: Check) -> None:
    replay = replayed(recording)

    assert replay.all_sent
    for message in replay.all_sent:
        accepted_by_gemini(message)


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_gemini_could_have_sent_what_a_recording_says_it_sent(recording: Path, sendable_by_gemini: Check) -> None:
    for line in lines_of(recording):
        if "got" in line:
            sendable_by_gemini(line["got"])


def test_there_are_recordings() -> None:
    assert len(RECORDINGS) >= 6


@pytest.mark.parametrize(
    "message",
    [
        {"setup": {"model": "models/x", "temperature": 1}},
        {"setup": {"model": "models/x", "generationConfig": {"voice": "Puck"}}},
        {"setup": {"model": "models/x", "realtimeInputConfig": {"silenceDurationMs": 1}}},
        {"realtimeInput": {"sound": {}}},
        {"response.create": {}},
    ],
)
def test_the_check_itself_refuses_what_gemini_refuses(message: dict[str, Any], accepted_by_gemini: Check) -> None:
    with pytest.raises(ValueError, match="Extra inputs"):
        accepted_by_gemini(json.dumps(message))
