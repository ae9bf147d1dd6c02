"""Where the time of a turn went: one record a turn, all in milliseconds after the caller's speech ended."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(slots=True)
class TurnLatency:
    """Marks of one turn on one clock; unset marks are None.

    Attributes:
        speech_ended_ms: Loop time at which the provider said that the caller's speech had ended (or text was typed).
        first_transcript: The caller's words were first known.
        first_provider_audio: The first audio of the answer came from the provider.
        first_audio_sent: The first audio of the answer left for the client.
        first_audio_heard: The client reported playing it (where it reports).
    """

    speech_ended_ms: float
    first_transcript: float | None = None
    first_provider_audio: float | None = None
    first_audio_sent: float | None = None
    first_audio_heard: float | None = None

    def mark(self, name: str, now_ms: float) -> None:
        """Set a mark, once."""
        if getattr(self, name) is None:
            setattr(self, name, now_ms - self.speech_ended_ms)

    def as_dict(self) -> dict[str, float | None]:
        """The four durations by name, ``…_ms``."""
        return {f"{mark.name}_ms": getattr(self, mark.name) for mark in fields(self)[1:]}
