"""The agent a simulated ElevenLabs server runs: what its owner would have set on the vendor's dashboard."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from roomkit.testing.simulators.elevenlabs.tables import DEFAULT_EVENTS, OVERRIDES
from roomkit.voice.realtime.commands import ToolSpec

_VARIABLE: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class SimulatedAgent:
    """One agent's settings.

    Attributes:
        first_message: What it says before anybody spoke; may hold ``{{variables}}``. Empty: it waits.
        prompt: Only its ``{{variables}}`` matter, each must be given by the client; live, it instructs the agent.
        tools: The client tools it may ask for when it is live; a script asks for any.
        is_private: A key or a signed URL is needed.
        branch_ids: Its branches, of which a client may name one; by default any.
        allowed_overrides: Dotted paths that a client may override (``"tts.voice_id"``).
        input_format: Of the caller's audio.
        output_format: Of the agent's audio.
        client_events: Which events it sends beside those that always come.
        aligns: Whether audio comes with character times.
        chunk_ms: Length of an audio event.
        max_duration_s: When the conversation is ended.
        silence_end_call_timeout_s: After how long without audio or another sign of the caller it is ended; by default
            never.
        ping_interval_ms: How often the client is pinged.
        pong_timeout_ms: How long after a ping the conversation is given up.
        silence_ms: Of the caller, that ends a turn.
    """

    first_message: str = ""
    prompt: str = ""
    tools: tuple[ToolSpec, ...] = ()
    is_private: bool = False
    branch_ids: frozenset[str] | None = None
    allowed_overrides: frozenset[str] = frozenset(OVERRIDES)
    input_format: str = "pcm_16000"
    output_format: str = "pcm_16000"
    client_events: frozenset[str] = DEFAULT_EVENTS
    aligns: bool = True
    chunk_ms: int = 250
    max_duration_s: float = 600.0
    silence_end_call_timeout_s: float | None = None
    ping_interval_ms: float = 2_000.0
    pong_timeout_ms: float = 20_000.0
    silence_ms: int = 400

    def missing_variables(self, given: Mapping[str, Any]) -> list[str]:
        """What the prompt or the first message needs and the client did not give."""
        needed = set(_VARIABLE.findall(self.prompt + self.first_message))
        return sorted(name for name in needed - set(given) if not name.startswith("system__"))


def filled(template: str, variables: Mapping[str, Any]) -> str:
    """A template with its variables in place."""
    return _VARIABLE.sub(lambda found: str(variables.get(found[1], "")), template)
