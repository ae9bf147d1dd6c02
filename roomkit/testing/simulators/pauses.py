"""Silence held back until speech follows it, so that the end of a turn has little of it. Pure.

A simulator hears the end of a turn in half a second of silence; the recogniser of live mode, which is made for turns
that end after a tenth of one, would take the rest for words. Invariant: what was let through is what came in, but for
silence at the end.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from roomkit.testing.simulators.sound import loudness
from roomkit.voice.vad.base import Blocks

BLOCK_MS: Final = 20
KEPT_MS: Final = 100
"""Of a pause; no more is needed to hear that a word is over."""
LONGEST_MS: Final = 10_000
"""Of a pause that is held; the oldest of more silence is nobody's loss."""
QUIET_SHARE: Final = 0.05
"""Of the loudest block of the turn, up to which a block is quiet: -26 dB, for callers whose microphone is low, too."""
QUIET: Final = 30.0
"""Root mean square up to which a block is quiet in any case, in units of a 16-bit sample (-61 dBFS)."""


class Pauses:
    """One turn's.

    Args:
        rate_hz: Of the audio: PCM16 LE mono.
    """

    def __init__(self, rate_hz: int) -> None:
        self._blocks = Blocks(BLOCK_MS * rate_hz // 1000 * 2)
        self._quiet_ms = 0
        self._loudest = 0.0
        self._held: deque[bytes] = deque(maxlen=LONGEST_MS // BLOCK_MS)

    def feed(self, pcm: bytes) -> bytes:
        """What may be heard by now; up to 20 ms wait for the next piece."""
        heard: list[bytes] = []
        for block in self._blocks.feed(pcm):
            level = loudness(block, "audio/pcm")
            self._loudest = max(self._loudest, level)
            if level > max(QUIET, QUIET_SHARE * self._loudest):
                heard += [*self._held, block]
                self._held.clear()
                self._quiet_ms = 0
            elif self._quiet_ms < KEPT_MS:
                self._quiet_ms += BLOCK_MS
                heard.append(block)
            else:
                self._held.append(block)
        return b"".join(heard)
