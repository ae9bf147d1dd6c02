"""Names that xAI has retired, or never had, as the ones that mean the same today. Pure.

Guides and configurations outlive model ids; a call should not fail for one. Names not listed here go through as given:
they may be newer than this file, or the user's own voice.
"""

from __future__ import annotations

from typing import Final

CURRENT_MODEL: Final = "grok-voice-latest"
"""The vendor's alias for its best voice model (2026-11: ``grok-voice-think-fast-2.0``)."""

CURRENT_TRANSCRIBER: Final = "grok-transcribe"

_RETIRED: Final = frozenset({"grok-3", "grok-3-fast", "grok-4-voice", "grok-4-1-fast-non-reasoning", "grok-2-audio"})
"""Ids that guides give, for talking or for transcribing, and that the voice endpoint does not serve (2026-11)."""

_VOICES: Final = frozenset({
    "altair", "ara", "atlas", "aurora", "carina", "castor", "celeste", "cosmo", "eve", "helios", "helix", "iris",
    "kepler", "leo", "liora", "lumen", "luna", "lux", "naksh", "orion", "perseus", "rex", "rigel", "sal", "sirius",
    "ursa", "zagan", "zenith",
})  # fmt: skip
_RENAMED_VOICES: Final = {"aria": "ara"}


def todays_model(model: str) -> str:
    """The voice model that ``model`` means."""
    return CURRENT_MODEL if model.lower() in _RETIRED else model


def todays_transcriber(model: str) -> str:
    """The transcription model that ``model`` means."""
    return CURRENT_TRANSCRIBER if model.lower() in _RETIRED else model


def todays_voice(voice: str) -> str:
    """The voice that ``voice`` means: the vendor's own in small letters, a custom voice's id as given."""
    known = voice.lower()
    known = _RENAMED_VOICES.get(known, known)
    return known if known in _VOICES else voice
