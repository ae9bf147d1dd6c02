"""What a caller hears, on a time line: audio that arrives plays after what arrived before, a clear cuts what is left.

Pure: the time is an argument. Invariant: what was cut before its time is in neither the position nor the recording.
"""

from __future__ import annotations

from roomkit.voice.audio.pcm import ms_to_bytes, silence

LOUD_PEAK = 330
"""About -40 dBFS: above the hiss of any codec, below any speech."""


def is_loud(pcm: bytes) -> bool:
    """Whether some sample of PCM16 LE mono is louder than hiss."""
    samples = memoryview(pcm[: len(pcm) & ~1]).cast("h")
    return bool(samples) and (max(samples) > LOUD_PEAK or min(samples) < -LOUD_PEAK)


class Earpiece:
    """Plays the agent's audio on the caller's clock.

    Args:
        rate_hz: Rate of what is heard.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._pieces: list[tuple[float, bytes]] = []  # (when it begins, PCM), in order, without overlap
        self._epoch_began = 0
        self._plays_until_ms = 0.0

    def hear(self, pcm: bytes, now_ms: float) -> None:
        """Audio arrived: PCM16 LE mono, whole samples."""
        begins_ms = max(now_ms, self._plays_until_ms)
        self._pieces.append((begins_ms, pcm))
        self._plays_until_ms = begins_ms + self._duration_ms(pcm)

    def clear(self, now_ms: float) -> None:
        """Throw away what has not been played by ``now_ms``; the position starts again from 0."""
        kept = [
            (begins_ms, self._until(pcm, now_ms - begins_ms)) for begins_ms, pcm in self._pieces if begins_ms < now_ms
        ]
        self._pieces = kept
        self._epoch_began = len(kept)
        self._plays_until_ms = min(self._plays_until_ms, now_ms)

    def is_silent(self, now_ms: float) -> bool:
        """Whether everything that arrived has been played."""
        return now_ms >= self._plays_until_ms

    def silent_for_ms(self, now_ms: float) -> float:
        """Since when nothing plays; 0 while something does."""
        return max(0.0, now_ms - self._plays_until_ms)

    def position_ms(self, now_ms: float) -> float:
        """How much was played since the last clear."""
        pieces = self._pieces[self._epoch_began :]
        return sum(min(self._duration_ms(pcm), max(0.0, now_ms - begins_ms)) for begins_ms, pcm in pieces)

    def heard_speech(self) -> bool:
        """Whether anything louder than hiss was played or waits."""
        return any(is_loud(pcm) for _, pcm in self._pieces)

    def recording(self) -> bytes:
        """All that was heard, from its first sample on, with the pauses there were."""
        parts: list[bytes] = []
        until_ms = self._pieces[0][0] if self._pieces else 0.0
        for begins_ms, pcm in self._pieces:
            parts.append(silence(begins_ms - until_ms, self._rate_hz))
            parts.append(pcm)
            until_ms = begins_ms + self._duration_ms(pcm)
        return b"".join(parts)

    def _duration_ms(self, pcm: bytes) -> float:
        return len(pcm) * 500.0 / self._rate_hz

    def _until(self, pcm: bytes, ms: float) -> bytes:
        return pcm[: ms_to_bytes(ms, self._rate_hz)]
