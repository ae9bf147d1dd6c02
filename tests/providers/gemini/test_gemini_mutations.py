"""Ten thousand damaged messages: nothing but `WireError`, every answer begun and ended once, every model still told.

What holds for every dialect, growth among it, is in ``tests/wire/test_mutated_conversations.py``.
"""

from __future__ import annotations

import json

import pytest

from roomkit.errors import WireError
from roomkit.providers.gemini.dialect import GeminiDialect
from roomkit.voice.realtime.commands import AskForResponse, InputPaused, LinkConfig, SendAudio, Speak
from roomkit.voice.realtime.provider_events import Audio, ResponseDone, ResponseStarted, Transcript
from roomkit.voice.wires.port import WireMessage
from tests.wire.mutation import frames_of, mutations
from tests.wire.replay import recordings

FRAMES: list[WireMessage] = [
    frame if isinstance(frame, bytes) else frame.encode() for frame in frames_of(recordings("gemini"))
]
MODELS = ("gemini-2.5-flash-native-audio-preview-12-2025", "gemini-3.1-flash-live-preview", "gemini-3.8-live")
COUNT = 10_000


def opened(model: str = MODELS[0]) -> GeminiDialect:
    dialect = GeminiDialect(model)
    dialect.open(LinkConfig("s"))
    return dialect


def test_damaged_messages_raise_nothing_but_wire_errors_and_answers_stay_whole() -> None:
    dialect, unreadable_count, answers = opened(), 0, 0
    open_id = ""

    for message in mutations(FRAMES, COUNT, seed=4):
        try:
            decoded = dialect.decode(message)
        except WireError:
            unreadable_count += 1
            continue
        assert all("clientContent" in json.loads(reply) for reply in decoded.replies)
        for event in decoded.events:
            match event:
                case ResponseStarted(response_id):
                    assert open_id == ""
                    open_id, answers = response_id, answers + 1
                case ResponseDone(response_id):
                    assert open_id == response_id
                    open_id = ""
                case Audio(pcm, response_id):
                    assert response_id == open_id
                    assert len(pcm) % 2 == 0
                case Transcript(role="assistant", response_id=response_id):
                    assert response_id == open_id

    # the damage was of every sort: some could not be read, and most still meant something
    assert unreadable_count > COUNT // 20
    assert answers > COUNT // 100


@pytest.mark.parametrize("model", MODELS)
def test_after_any_damage_commands_are_still_encoded(model: str) -> None:
    dialect = opened(model)

    for message in mutations(FRAMES, 1_000, seed=5):
        try:
            dialect.decode(message)
        except WireError:
            continue
        for command in (SendAudio(bytes(4)), InputPaused(), AskForResponse(), Speak("Hello.")):
            assert all(isinstance(sent, str) for sent in dialect.encode(command))
