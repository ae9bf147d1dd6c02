"""Voice activity: is this block of audio speech? One number a block; what follows from it is `roomkit.voice.turn`.

Not in here: when a turn begins or ends, and the engines. Invariant: `Blocks` gives out every sample it was fed exactly
once, in order, in blocks of one size.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

BYTES_PER_SAMPLE = 2


class Vad(Protocol):
    """Judges one caller's audio block by block; keeps what it heard before. Loop-thread only, under 1 ms a block."""

    @property
    def rate_hz(self) -> int:
        """Sample rate of the blocks."""

    @property
    def block_bytes(self) -> int:
        """Size of the blocks `speech_probability` takes."""

    def speech_probability(self, block: bytes) -> float:
        """How likely this block is speech, 0 to 1.

        Args:
            block: PCM16 LE mono at ``rate_hz``, exactly ``block_bytes`` long, following the last one.
        """

    def reset(self) -> None:
        """Forget what was heard: what comes next does not follow it."""


class Blocks:
    """Cuts a stream of chunks of any length into blocks of one size; an odd byte or short rest waits for the next.

    Args:
        block_bytes: Size of a block.
    """

    def __init__(self, block_bytes: int) -> None:
        if block_bytes <= 0 or block_bytes % BYTES_PER_SAMPLE:
            raise ValueError(f"a block is a positive, even number of bytes, not {block_bytes}")
        self._block_bytes = block_bytes
        self._rest = b""

    def feed(self, pcm: bytes) -> Iterator[bytes]:
        """The blocks that are complete now. Take them all: what is not taken is lost."""
        data = self._rest + pcm if self._rest else pcm
        whole = len(data) - len(data) % self._block_bytes
        self._rest = data[whole:]
        for start in range(0, whole, self._block_bytes):
            yield data[start : start + self._block_bytes]

    def flush(self) -> bytes:
        """What waited for a whole block (whole samples; an odd byte is dropped); the next feed starts afresh."""
        rest, self._rest = self._rest, b""
        return rest[: len(rest) - len(rest) % BYTES_PER_SAMPLE]
