"""The four vendors as the matrix sees them: a provider on a line to its simulator, and how it ends a call.

A new vendor is one entry of `VENDORS`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from roomkit.clock import Clock
from roomkit.providers.elevenlabs.realtime import ElevenLabsRealtimeProvider
from roomkit.providers.gemini.realtime import GeminiLiveProvider
from roomkit.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit.providers.xai.realtime import XAIRealtimeProvider
from roomkit.testing import (
    ElevenLabsSimulator,
    GeminiSimulator,
    OpenAISimulator,
    Script,
    SimulatedAgent,
    XAISimulator,
)
from roomkit.testing.simulators.elevenlabs.tables import DEFAULT_EVENTS
from roomkit.voice.realtime.provider import RealtimeVoiceProvider
from roomkit.voice.wires.port import Dialler, WireMessage
from tests.matrix.speech import AudioOf
from tests.matrix.wires import Goodbye, Line


class Simulator(Protocol):
    """What the matrix needs of a vendor's simulator."""

    @property
    def received(self) -> list[dict[str, Any]]: ...
    @property
    def dial(self) -> Dialler: ...


@dataclass(frozen=True, slots=True)
class Vendor:
    """One vendor.

    Attributes:
        rate_hz: What it takes and gives; the client's too, so that each frame reaches its wire as it was spoken.
        simulator: Makes its simulator.
        provider: Makes its provider on a line.
        audio_at: Where the caller's audio is in a message.
        auth: How it ends a call over its key.
        limit: How it ends a call over its age.
    """

    name: str
    rate_hz: int
    simulator: Callable[[Script, Clock], Simulator]
    provider: Callable[[Dialler], RealtimeVoiceProvider]
    audio_at: tuple[str, ...]
    auth: Goodbye
    limit: Goodbye

    def line(self, simulator: Simulator) -> Line:
        """A way to it that can be broken."""
        return Line(simulator.dial, audio_of=_audio_at(self.audio_at), auth=self.auth, limit=self.limit)


def _audio_at(path: tuple[str, ...]) -> AudioOf:
    def read(message: WireMessage) -> bytes | None:
        at: Any = json.loads(message)
        for key in path:
            at = at.get(key) if isinstance(at, Mapping) else None
        return base64.b64decode(at) if isinstance(at, str) else None

    return read


def _error(**inside: Any) -> str:
    return json.dumps({"type": "error", "event_id": "event_0", "error": {"type": "invalid_request_error", **inside}})


OPENAI = Vendor(
    "openai",
    24_000,
    lambda script, clock: OpenAISimulator(script, clock=clock),
    lambda dial: OpenAIRealtimeProvider(api_key="sk-test", dial=dial),
    ("audio",),
    auth=Goodbye(3000, "invalid_request_error.invalid_api_key", _error(code="invalid_api_key")),
    limit=Goodbye(1001, "Your session hit the maximum duration of 60 minutes.", _error(code="session_expired")),
)

XAI = Vendor(
    "xai",
    24_000,
    lambda script, clock: XAISimulator(script, clock=clock),
    lambda dial: XAIRealtimeProvider(api_key="xai-test", dial=dial),
    ("audio",),
    auth=Goodbye(1008, "the key was revoked"),
    limit=Goodbye(1001, "The session reached its maximum duration.", _error(message="maximum duration")),
)

GEMINI = Vendor(
    "gemini",
    16_000,
    lambda script, clock: GeminiSimulator(script, clock=clock),
    lambda dial: GeminiLiveProvider("key", dial=dial),
    ("realtimeInput", "audio", "data"),
    auth=Goodbye(1008, "API key expired"),
    limit=Goodbye(1011, "Deadline expired before operation could complete."),
)

ELEVENLABS = Vendor(
    "elevenlabs",
    16_000,
    lambda script, clock: ElevenLabsSimulator(script, clock=clock),
    lambda dial: ElevenLabsRealtimeProvider(api_key="xi-test", agent_id="agent_1", max_duration_s=600, dial=dial),
    ("user_audio_chunk",),
    auth=Goodbye(1008, "the key was revoked"),
    limit=Goodbye(
        1000,
        "Maximum duration reached",
        json.dumps(
            {"type": "error", "error_event": {"code": 1000, "error_type": "max_duration_exceeded", "message": "over"}}
        ),
    ),
)

ELEVENLABS_SCORING = replace(
    ELEVENLABS,
    name="elevenlabs with voice scores",  # which are among the events an agent can be set to send
    simulator=lambda script, clock: ElevenLabsSimulator(
        script, agent=SimulatedAgent(client_events=DEFAULT_EVENTS | {"vad_score"}), clock=clock
    ),
)

VENDORS = {vendor.name: vendor for vendor in (OPENAI, GEMINI, XAI, ELEVENLABS, ELEVENLABS_SCORING)}
SECONDARY = {"openai": XAI, "gemini": XAI, "xai": OPENAI, "elevenlabs": XAI, ELEVENLABS_SCORING.name: XAI}
"""Who else is there: another vendor, on another wire. Grok takes any rate."""
