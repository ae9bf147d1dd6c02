"""Recordings of voice sessions as an application sees them: what it asks for, and what its hooks are told.

Not in here: how a session is recorded (`roomkit.voice.session.recording.recording`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from roomkit.errors import ConfigError
from roomkit.models.voice import SessionEvent

Tracks = Literal["two", "mixed"]

LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 4_000, 192_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """How the sessions of a channel are recorded: each into a WAV file and an event log beside it.

    Whether people agreed to be recorded is the application's to know; ``starts="on_request"`` waits for it to say so.

    Args:
        directory: Where the files go, named by the session's id; must exist.
        tracks: ``"two"``: the caller left, the agent right. ``"mixed"``: both on one track.
        starts: ``"at_once"``: with the session. ``"on_request"``: with `RealtimeVoiceChannel.start_recording`.
        rate_hz: Of the file; default: the higher one of the client's two rates.

    Raises:
        ConfigError: A value that cannot be.
    """

    directory: Path | str
    tracks: Tracks = "two"
    starts: Literal["at_once", "on_request"] = "at_once"
    rate_hz: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.directory, (str, Path)) or not str(self.directory):
            raise ConfigError("Recording(directory=...) is the path of a directory")
        if self.tracks not in ("two", "mixed"):
            raise ConfigError(f'Recording(tracks=...) is "two" or "mixed", not {self.tracks!r}')
        if self.starts not in ("at_once", "on_request"):
            raise ConfigError(f'Recording(starts=...) is "at_once" or "on_request", not {self.starts!r}')
        if self.rate_hz is not None and not LOWEST_RATE_HZ <= self.rate_hz <= HIGHEST_RATE_HZ:
            raise ConfigError(f"a recording at {self.rate_hz} Hz cannot be: 8000, 16000, 24000 and 48000 are usual")


class RecordingEvent(SessionEvent):
    """A recording began, or is complete; the payload of ON_RECORDING_STARTED and ON_RECORDING_STOPPED.

    ``reason`` says why it stopped: ``"stopped"`` (asked to), ``"failed"`` (the disk), or the session's end reason.

    Attributes:
        path: The WAV file.
        log_path: The event log, one JSON object a line.
        tracks: See `Recording`.
        rate_hz: Of the file.
        duration_ms: Length of the file; 0 at the start.
        dropped_ms: Audio of either side that is missing in it because the disk was too slow.
    """

    path: str
    log_path: str
    tracks: Tracks
    rate_hz: int
    duration_ms: float = 0.0
    dropped_ms: float = 0.0
