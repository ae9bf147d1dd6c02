"""Speech to text as a contract: one utterance in, what was said out, with guesses on the way.

Not in here: engines, and deciding when an utterance begins or ends (`roomkit.voice.turn`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Recognition:
    """What an engine made of an utterance (so far).

    Attributes:
        text: The words as one would write them. ``""``: speech, but nothing the engine knows. ``None``: no speech.
        confidence: 0 (a guess) to 1; 0 without text.
    """

    text: str | None
    confidence: float = 0.0


NOTHING_HEARD = Recognition(None)


class Utterance(Protocol):
    """One stretch of a caller's speech on its way through an engine. Loop-thread only; the last two methods end it."""

    def feed(self, pcm: bytes) -> None:
        """Take the next piece, PCM16 LE mono at the engine's ``rate_hz``, whole samples; never waits."""

    def so_far(self) -> Recognition:
        """The newest guess; never waits, so it may lag what was fed."""

    async def finish(self) -> Recognition:
        """No more audio will come: the final word.

        Raises:
            ProviderError: The engine failed.
        """

    def abandon(self) -> None:
        """The result is not wanted; releases the engine. Idempotent, allowed after `finish`."""


@runtime_checkable
class WorksAhead(Protocol):
    """What an `Utterance` may have besides: told of pauses, it has the final word ready when one turns out the end."""

    def pause(self) -> None:
        """The caller fell silent, perhaps for good; until `resume`, what is fed is silence. Never waits."""

    def resume(self) -> None:
        """The caller went on; what was worked out in the pause is not the final word."""


class SpeechToText(Protocol):
    """An engine; holds models, never a caller's state, and serves any number of utterances at once."""

    @property
    def rate_hz(self) -> int:
        """Sample rate it listens at."""

    async def warm(self) -> None:
        """Load what is slow to load, off the loop. Idempotent; `open` works without, only later."""

    def open(self) -> Utterance:
        """Begin an utterance; never waits."""

    async def close(self) -> None:
        """Release models and threads. Idempotent."""
