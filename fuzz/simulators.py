"""The simulators: what somebody's client sends them. A step with ``@`` is milliseconds that pass."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from fuzz.steps import OURS, as_message, steps_of
from roomkit.testing.simulators.connection import Output
from roomkit.testing.simulators.elevenlabs.agent import SimulatedAgent
from roomkit.testing.simulators.elevenlabs.director import ElevenLabsDirector
from roomkit.testing.simulators.elevenlabs.session import ElevenLabsSimulatorSession
from roomkit.testing.simulators.gemini.director import GeminiDirector
from roomkit.testing.simulators.gemini.handles import Handles
from roomkit.testing.simulators.gemini.session import GeminiSimulatorSession
from roomkit.testing.simulators.gemini.writing import write as write_gemini
from roomkit.testing.simulators.openai.director import OpenAIDirector, Stage
from roomkit.testing.simulators.openai.session import OpenAISimulatorSession
from roomkit.testing.simulators.openai.tables import CLIENT_EVENTS as OPENAI_EVENTS
from roomkit.testing.simulators.script import Script
from roomkit.testing.simulators.steps import call_tool, hear, loop, say
from roomkit.testing.simulators.xai.past import Past
from roomkit.testing.simulators.xai.session import XAISimulatorSession
from roomkit.testing.simulators.xai.tables import CLIENT_EVENTS as XAI_EVENTS
from tests.wire.vendors import Vendor

STEP_MS: Final = 40.0
LIMIT_MS: Final = 600_000
MAX_PAUSE_MS: Final = 60_000


class Peer(NamedTuple):
    """A simulator's connection: takes a message, does what is due, says what it has to say."""

    receive: Callable[[str | bytes, float], object]
    wake: Callable[[float], None]
    take: Callable[[], Sequence[Output]]


def play(vendor: Vendor, data: bytes) -> None:
    """One conversation; raises where a simulator breaks, or says what no JSON can say."""
    peer, now_ms = _PEERS[vendor.name](), 0.0
    for step in steps_of(data):
        if step.startswith(OURS):
            now_ms += min(int(step[1:]), MAX_PAUSE_MS) if step[1:7].isdigit() and len(step) < 8 else 0
        else:
            now_ms += STEP_MS
            peer.receive(as_message(step), now_ms)
        peer.wake(now_ms)
        for output in peer.take():
            _check(vendor, output)


def known_steps(vendor: Vendor) -> Sequence[bytes]:
    """What our dialect told its servers in the recordings, and some time."""
    return [*dict.fromkeys(each.encode() for each in vendor.told()), b"@20", b"@500", b"@5000"]


def _check(vendor: Vendor, output: Output) -> None:
    if isinstance(output, Mapping):
        written = write_gemini(output) if vendor.name == "gemini" else json.dumps(output)
        assert isinstance(json.loads(written), dict)
    elif not isinstance(output, str | bytes):
        assert 1000 <= output.code < 5000


def _script() -> Script:
    return Script(hear(), call_tool("get_slot", {"day": "Monday"}), say("At ten."), hear(), say("See you."), loop())


def _ids() -> Callable[[str], str]:
    numbers = itertools.count(1)
    return lambda kind: f"{kind}_{next(numbers)}"


def _openai() -> Peer:
    session = OpenAISimulatorSession(new_id=_ids(), model="gpt-realtime", now_ms=0.0, wall_s=0.0)
    return _directed(session, OPENAI_EVENTS)


def _xai() -> Peer:
    session = XAISimulatorSession(
        new_id=_ids(), model="grok-voice-latest", past=Past("conv_0"), now_ms=0.0, wall_s=0.0, limit_ms=LIMIT_MS
    )
    return _directed(session, XAI_EVENTS)


def _directed(session: Stage, events: Mapping[str, Any]) -> Peer:
    director = OpenAIDirector(session, _script(), 0.0, events)
    return Peer(director.receive, director.wake, director.take)


def _gemini() -> Peer:
    new_id = _ids()
    session = GeminiSimulatorSession(new_id=new_id, handles=Handles(new_id), is_alpha=True, now_ms=0.0)
    director = GeminiDirector(session, _script(), 0.0)
    return Peer(director.receive, director.wake, director.take)


def _elevenlabs() -> Peer:
    agent = SimulatedAgent(first_message="Hello {{name}}.")
    session = ElevenLabsSimulatorSession(new_id=_ids(), agent=agent, now_ms=0.0)
    director = ElevenLabsDirector(session, _script(), 0.0)
    return Peer(director.receive, director.wake, director.take)


_PEERS: Final = {"openai": _openai, "xai": _xai, "gemini": _gemini, "elevenlabs": _elevenlabs}
