"""Settings of the local provider: what an operator may choose, checked when it is made."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class LocalRealtimeConfig(BaseModel):
    """How the local voice agent listens and speaks.

    Attributes:
        voice: Its voice where a session asks for none: an espeak-ng voice or language (``"en-us"``, ``"en-gb+f3"``).
        silence_duration_ms: Pause that ends a turn nobody can judge; complete phrases end sooner, incomplete later.
        complete_ms: Pause that ends a complete phrase.
        incomplete_ms: Pause that ends a phrase of which the end is missing.
        vad_threshold: Probability from which a block counts as speech.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    voice: str = "en-us"
    silence_duration_ms: float = Field(default=256, ge=64, le=5_000)
    complete_ms: float = Field(default=96, ge=32, le=5_000)
    incomplete_ms: float = Field(default=480, ge=64, le=10_000)
    vad_threshold: float = Field(default=0.5, ge=0.05, le=0.95)
