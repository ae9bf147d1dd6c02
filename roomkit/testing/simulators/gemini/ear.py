"""The simulated service's voice activity detection.

Its only clock is the audio itself: a caller who stops sending has not stopped speaking, unless ``audioStreamEnd`` says
so. Audio may come at any declared rate. What follows from speech is the session's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal

from roomkit.testing.simulators.sound import loudness

FRAME_MS: Final = 20
ONSET_FRAMES: Final = 3
"""Loud frames in a row that make speech: one click is none."""
THRESHOLDS: Final = {"START_SENSITIVITY_HIGH": 300.0, "START_SENSITIVITY_LOW": 1_000.0}
"""RMS above which a frame is loud. The real model is not a level meter: ours, low for the sensitive one."""
SILENCES_MS: Final = {"END_SENSITIVITY_HIGH": 500, "END_SENSITIVITY_LOW": 1_000}
"""Silence that ends a turn where ``silenceDurationMs`` is not given; the vendor does not publish its own."""

Level = Callable[[bytes, int], float]
"""Measures a frame of PCM16 LE mono at a rate, in place of its loudness."""

Noticed = Literal["started", "stopped"]


class Ear:
    """Takes audio as it comes; finds speech in it."""

    def __init__(self) -> None:
        self._rate_hz = 0
        self._pending = b""
        self._loud_frames = 0
        self._quiet_ms = 0
        self.is_speech = False

    def hear(
        self, pcm: bytes, rate_hz: int, detection: Mapping[str, Any], level: Level | None = None
    ) -> Iterator[Noticed]:
        """Take PCM16 LE mono at ``rate_hz``; ``detection`` is ``automaticActivityDetection`` of the set-up."""
        if rate_hz != self._rate_hz:
            self._rate_hz, self._pending = rate_hz, b""
        size_bytes = FRAME_MS * rate_hz * 2 // 1000
        audio = self._pending + pcm
        whole_bytes = len(audio) - len(audio) % size_bytes
        self._pending = audio[whole_bytes:]
        threshold = THRESHOLDS[detection.get("startOfSpeechSensitivity", "START_SENSITIVITY_HIGH")]
        usual_ms = SILENCES_MS[detection.get("endOfSpeechSensitivity", "END_SENSITIVITY_HIGH")]
        silence_ms = detection.get("silenceDurationMs", usual_ms)
        for at in range(0, whole_bytes, size_bytes):
            frame = audio[at : at + size_bytes]
            is_loud = (loudness(frame, "audio/pcm") if level is None else level(frame, rate_hz)) > threshold
            yield from self._listen(is_loud, silence_ms)

    def stream_ended(self) -> Iterator[Noticed]:
        """No more audio for a while: an open utterance is over."""
        if self.is_speech:
            self._quiet()
            yield "stopped"

    def _listen(self, is_loud: bool, silence_ms: float) -> Iterator[Noticed]:
        self._loud_frames = self._loud_frames + 1 if is_loud else 0
        self._quiet_ms = 0 if is_loud else self._quiet_ms + FRAME_MS
        if not self.is_speech and self._loud_frames >= ONSET_FRAMES:
            self.is_speech = True
            yield "started"
        elif self.is_speech and self._quiet_ms >= silence_ms:
            self._quiet()
            yield "stopped"

    def _quiet(self) -> None:
        self.is_speech = False
        self._loud_frames = self._quiet_ms = 0
