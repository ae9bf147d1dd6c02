"""The files of one recording: samples put in their places, lines into the log. Blocking: runs on a thread.

Not in here: the session (`recording`). Invariant: both files are whole after every call, whenever the process dies.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roomkit.models.recording import Tracks
from roomkit.voice.audio.track import Track, interleaved, mixed
from roomkit.voice.audio.wav_file import GrowingWav, open_new, write_all


@dataclass(frozen=True, slots=True)
class CallerAudio:
    """The caller's voice as the provider was given it; its last sample was spoken before ``at_ms``."""

    pcm: bytes
    rate_hz: int
    at_ms: float


@dataclass(frozen=True, slots=True)
class AgentAudio:
    """The agent's voice as it left for the client at ``at_ms``."""

    pcm: bytes
    rate_hz: int
    at_ms: float


@dataclass(frozen=True, slots=True)
class AgentCut:
    """The last ``unplayed_ms`` of what left were never heard."""

    unplayed_ms: float


@dataclass(frozen=True, slots=True)
class Note:
    """A line of the log."""

    fields: Mapping[str, Any]


Entry = CallerAudio | AgentAudio | AgentCut | Note


class RecordingFiles:
    """A WAV file and the log beside it, both new.

    Args:
        path: Of the WAV file; the log has its name with ``.jsonl``.
        origin_ms: The session's clock at the first sample.

    Raises:
        ConfigError: One of the two is there already, or cannot be made; then none is left.
    """

    def __init__(self, path: Path, *, tracks: Tracks, rate_hz: int, origin_ms: float) -> None:
        self._combine = interleaved if tracks == "two" else mixed
        self._caller, self._agent = Track(rate_hz, origin_ms), Track(rate_hz, origin_ms)
        self._taken = 0
        self._log = open_new(path.with_suffix(".jsonl"))
        try:
            self._wav = GrowingWav(path, rate_hz=rate_hz, channels=2 if tracks == "two" else 1)
        except BaseException:  # whatever failed: no log without its recording
            self._log.close()
            path.with_suffix(".jsonl").unlink()
            raise

    def write(self, entries: Iterable[Entry], *, until_ms: float) -> None:
        """Take in what happened, and write what does not change any more.

        Args:
            entries: In the order they happened.
            until_ms: Nothing that comes later is older than this.

        Raises:
            OSError: The disk is full or gone.
        """
        self._take_in(entries)
        self._append(max(self._taken, self._caller.samples_until(until_ms)))

    def finish(self, entries: Iterable[Entry], *, end_ms: float) -> float:
        """Write the rest and let go of the files; returns the length in ms.

        Raises:
            OSError: The disk is full or gone; the files are closed all the same, whole as they were.
        """
        try:
            self._take_in(entries)
            self._caller.finish()
            self._agent.finish()
            self._append(max(self._caller.end, self._agent.end, self._caller.samples_until(end_ms)))
            return self.duration_ms
        finally:
            self.close()

    @property
    def duration_ms(self) -> float:
        """What was written so far."""
        return self._taken * 1000.0 / self._caller.rate_hz

    def close(self) -> None:
        """Let go of the files. Idempotent."""
        self._log.close()
        self._wav.close()

    def _take_in(self, entries: Iterable[Entry]) -> None:
        lines = []
        for entry in entries:
            match entry:
                case CallerAudio(pcm, rate_hz, at_ms):
                    self._caller.spoken(pcm, rate_hz, at_ms)
                case AgentAudio(pcm, rate_hz, at_ms):
                    self._agent.played(pcm, rate_hz, at_ms)
                case AgentCut(unplayed_ms):
                    self._agent.cut(unplayed_ms)
                case Note(fields):
                    lines.append(_line(fields))
        if lines:
            # A lone surrogate (half an emoji out of broken JSON) is no UTF-8.
            write_all(self._log.fileno(), "".join(lines).encode(errors="replace"))

    def _append(self, until: int) -> None:
        self._wav.append(self._combine(self._caller.take(until), self._agent.take(until)))
        self._taken = until
        self._wav.update()


def _line(fields: Mapping[str, Any]) -> str:
    try:
        return json.dumps(fields, ensure_ascii=False, default=str) + "\n"
    except (TypeError, ValueError, RecursionError):  # an application's own message, which no client could read either
        return json.dumps({name: fields[name] for name in ("at_ms", "time", "type")}) + "\n"
