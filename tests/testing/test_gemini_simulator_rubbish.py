"""Damaged client messages: the simulated service hangs up in words or goes on, and never breaks."""

from __future__ import annotations

import itertools
import json

from roomkit.testing.simulators.connection import Close
from roomkit.testing.simulators.gemini.director import GeminiDirector
from roomkit.testing.simulators.gemini.handles import Handles
from roomkit.testing.simulators.gemini.session import GeminiSimulatorSession
from roomkit.testing.simulators.gemini.writing import as_logged, audio_bytes, write
from roomkit.testing.simulators.script import Script
from roomkit.voice.wires.port import WireMessage
from tests.wire.mutation import mutations
from tests.wire.replay import lines_of, recordings

COUNT = 5_000
CODES = {1007, 1008, 1011}


def client_messages() -> list[WireMessage]:
    lines = itertools.chain.from_iterable(lines_of(recording) for recording in recordings("gemini"))
    return [json.dumps(line["sent"]) for line in lines if "sent" in line]


def director(numbers: itertools.count[int], setup: str | None) -> GeminiDirector:
    def new_id(kind: str) -> str:
        return f"{kind}-{next(numbers)}"

    session = GeminiSimulatorSession(new_id=new_id, handles=Handles(new_id), is_alpha=True, now_ms=0.0)
    made = GeminiDirector(session, Script(), 0.0)
    if setup is not None:
        made.receive(setup, 0.0)
        made.wake(20.0)
    return made


def test_damaged_messages_of_a_client_are_refused_in_words_or_mean_something() -> None:
    numbers = itertools.count(1)
    setup = '{"setup": {"model": "models/gemini-3.8-live", "sessionResumption": {}, "inputAudioTranscription": {}}}'
    live, now_ms, refused_count, said_count = director(numbers, setup), 20.0, 0, 0

    for number, message in enumerate(mutations(client_messages(), COUNT, seed=9)):
        now_ms += 40
        if live.session.is_over:
            live, now_ms = director(numbers, None if number % 3 == 0 else setup), 20.0
        audio_bytes(live.receive(message, now_ms) or {})
        live.wake(now_ms)
        for out in live.take():
            if isinstance(out, Close):
                refused_count += 1
                assert out.code in CODES
                assert out.reason
            elif not isinstance(out, str | bytes):
                said_count += 1
                assert json.loads(write(out))
                assert as_logged(out)["type"]

    assert refused_count > COUNT // 10
    assert said_count > COUNT // 10
