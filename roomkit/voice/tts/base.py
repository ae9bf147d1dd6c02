"""Text to speech as a contract: one sentence in, its audio out, piece by piece.

Not in here: engines; cutting a text into sentences and pacing (`roomkit.voice.pipeline`).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol


class TextToSpeech(Protocol):
    """An engine; serves any number of callers."""

    @property
    def rate_hz(self) -> int:
        """Sample rate of what it says."""

    async def warm(self) -> None:
        """Load what is slow to load, off the loop. Idempotent."""

    def knows_voice(self, voice: str) -> bool:
        """Whether `synthesize` takes this voice."""

    def synthesize(self, text: str, *, voice: str | None = None, rate: float = 1.0) -> AsyncGenerator[bytes, None]:
        """Say a sentence.

        Args:
            text: What to say, as written; anything unspeakable in it is left out.
            voice: One `knows_voice` accepts; ``None``: the engine's own.
            rate: Speed of speech relative to normal, 0.5 to 2.

        Yields:
            PCM16 LE mono at ``rate_hz``, any length. Closing the iterator stops the engine at once.

        Raises:
            ProviderError: The engine failed.
        """

    async def close(self) -> None:
        """Release models and threads. Idempotent."""
