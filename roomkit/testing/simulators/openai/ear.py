"""The input audio buffer of the simulated server, and its voice activity detection.

The ear's only clock is the audio itself: a caller who stops sending has not stopped speaking, as on the real server.
It reports what it noticed; what follows from that (events, turns, answers) is the session's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from roomkit.testing.simulators.sound import bytes_per_ms, loudness

FRAME_MS: Final = 20
ONSET_FRAMES: Final = 3
"""Loud frames in a row that make speech: one click is none."""
LOUDNESS_AT_FULL_THRESHOLD: Final = 1_000.0
"""RMS that a ``threshold`` of 1.0 stands for; the default of 0.5 is then about -36 dBFS."""
SEMANTIC_SILENCE_MS: Final = {"low": 800, "medium": 400, "auto": 400, "high": 200}
"""How long a pause ends a turn under semantic_vad. The simulator cannot know meaning: our choice, shorter is eager."""


@dataclass(frozen=True, slots=True)
class Started:
    """Speech began, this long after the first audio of the session.

    Attributes:
        chunk_bytes: How much of what was appended last had been listened to by then.
    """

    audio_start_ms: int
    chunk_bytes: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """Speech ended; the silence that showed it is included. ``chunk_bytes``: see `Started`."""

    audio_end_ms: int
    chunk_bytes: int


Level = Callable[[bytes, str], float]
"""Measures a frame of an audio type, like `loudness`."""

Noticed = Started | Stopped


class Listener(Protocol):
    """Who hears the caller and not only that they spoke: the agent of live mode. Told in the order of the audio."""

    def level(self, frame: bytes, audio_type: str) -> float:
        """What takes the place of loudness: over 1,000 times a detector's threshold is speech."""

    def on_audio(self, audio: bytes, audio_type: str) -> None:
        """The caller's next audio."""

    def on_speech(self) -> None:
        """A turn has begun; again while it is open: nothing new."""

    def on_turn(self, item_id: str) -> None:
        """The audio since then became this item."""

    def on_clear(self) -> None:
        """The audio since then is not to become one."""


class Ear:
    """Takes appended audio; measures the buffer and finds speech in it."""

    def __init__(self) -> None:
        self._position_ms = 0
        self._pending = b""
        self._audio_type = "audio/pcm"
        self._buffered_bytes = 0
        self._loud_frames = 0
        self._quiet_ms = 0
        self.is_speech = False

    @property
    def buffered_ms(self) -> float:
        """Audio since the last commit or clear."""
        return self._buffered_bytes / bytes_per_ms(self._audio_type)

    def append(
        self, audio: bytes, audio_type: str, detection: Mapping[str, Any] | None, level: Level = loudness
    ) -> Iterator[Noticed]:
        """Take audio as it came; ``detection`` is the session's ``turn_detection``, `None` for manual turns."""
        if audio_type != self._audio_type:
            self._audio_type, self._pending = audio_type, b""
        self._buffered_bytes += len(audio)
        size_bytes = FRAME_MS * bytes_per_ms(audio_type)
        chunk_bytes = -len(self._pending)
        self._pending += audio
        frames, self._pending = _frames(self._pending, size_bytes)
        for frame in frames:
            self._position_ms += FRAME_MS
            chunk_bytes += size_bytes
            if detection is not None:
                yield from self._listen(level(frame, audio_type), detection, chunk_bytes)

    def empty(self) -> None:
        """The buffer was committed or cleared."""
        self._buffered_bytes = 0
        self._loud_frames = 0
        self._quiet_ms = 0
        self.is_speech = False

    def _listen(self, level: float, detection: Mapping[str, Any], chunk_bytes: int) -> Iterator[Noticed]:
        loud = level > detection.get("threshold", 0.5) * LOUDNESS_AT_FULL_THRESHOLD
        self._loud_frames = self._loud_frames + 1 if loud else 0
        self._quiet_ms = 0 if loud else self._quiet_ms + FRAME_MS
        if not self.is_speech and self._loud_frames >= ONSET_FRAMES:
            self.is_speech = True
            onset_ms = self._position_ms - ONSET_FRAMES * FRAME_MS
            yield Started(max(0, onset_ms - detection.get("prefix_padding_ms", 300)), chunk_bytes)
        elif self.is_speech and self._quiet_ms >= _silence_ms(detection):
            yield Stopped(self._position_ms, chunk_bytes)


def _silence_ms(detection: Mapping[str, Any]) -> int:
    if detection["type"] == "semantic_vad":
        return SEMANTIC_SILENCE_MS[detection["eagerness"]]
    return int(detection["silence_duration_ms"])


def _frames(audio: bytes, size_bytes: int) -> tuple[list[bytes], bytes]:
    whole = len(audio) - len(audio) % size_bytes
    return [audio[at : at + size_bytes] for at in range(0, whole, size_bytes)], audio[whole:]
