"""One recording while it runs: a tap the audio path hands pieces to, and a way for them off the loop.

The tap only remembers: it never waits, and what a slow disk cannot take is dropped and counted, later audio keeps its
place. Not in here: when to record and who is told (`recording`), where samples belong (`audio.track`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar

from roomkit.clock import Clock
from roomkit.models.recording import Tracks
from roomkit.voice.session.recording.files import AgentAudio, AgentCut, CallerAudio, Entry, Note, RecordingFiles

T = TypeVar("T")

MAX_WAITING_BYTES: Final = 4 * 1024 * 1024
"""Twenty seconds of both sides at 48 kHz: longer than any disk that still works takes to answer."""

NOTE_BYTES: Final = 512
"""What a line of the log is taken to weigh; they are few."""

HOLDBACK_MS: Final = 2_000.0
"""What is younger is not written yet: it may still be cut (a client holds its lead), or have been late."""

THREADS: Final = 4
"""Of recorders alone, so that a disk that hangs takes no thread from the tools."""


class Recorder:
    """The tap of one recording and its way to the files.

    Args:
        path: Of the WAV file.
        holdback_ms: How much of the newest audio may still change.

    Attributes:
        path: As given.
        dropped_ms: Audio that is missing because the disk was too slow.
        is_announced: Whether the hooks were told that it began.
    """

    def __init__(
        self, path: Path, *, tracks: Tracks, rate_hz: int, clock: Clock, holdback_ms: float = HOLDBACK_MS
    ) -> None:
        self.path = path
        self.tracks: Tracks = tracks
        self.rate_hz = rate_hz
        self.dropped_ms = 0.0
        self.is_announced = False
        self._clock = clock
        self._holdback_ms = holdback_ms
        self._origin_ms = clock.now_ms()
        self._waiting: list[Entry] = []
        self._waiting_bytes = 0
        self._files: RecordingFiles | None = None
        self._job: asyncio.Future[Any] | None = None

    # --- the tap, on the audio path -------------------------------------------------------------------------------

    def caller(self, pcm: bytes, rate_hz: int) -> None:
        """A piece of the caller's voice goes to the provider; PCM16 LE mono, whole samples."""
        if self._has_room(pcm, rate_hz):
            self._waiting.append(CallerAudio(pcm, rate_hz, self._clock.now_ms()))

    def agent(self, pcm: bytes, rate_hz: int) -> None:
        """A piece of the agent's voice left for the client."""
        if self._has_room(pcm, rate_hz):
            self._waiting.append(AgentAudio(pcm, rate_hz, self._clock.now_ms()))

    def agent_cut(self, unplayed_ms: float) -> None:
        """The last of what left was never heard."""
        self._waiting.append(AgentCut(unplayed_ms))

    def note(self, kind: str, fields: Mapping[str, Any]) -> None:
        """Something for the log; times are added."""
        if self._waiting_bytes < MAX_WAITING_BYTES:
            self._waiting_bytes += NOTE_BYTES
            at_ms = round(self._clock.now_ms() - self._origin_ms, 3)
            stamp = {"at_ms": at_ms, "time": self._clock.wall().isoformat(), "type": kind}
            self._waiting.append(Note({**fields, **stamp}))

    def told(self, message: Mapping[str, Any]) -> None:
        """What the client is told is what happens; partial transcripts are left out, their finals follow."""
        if message.get("is_final", True):
            self.note(str(message.get("type", "")), message)

    def _has_room(self, pcm: bytes, rate_hz: int) -> bool:
        if self._waiting_bytes + len(pcm) > MAX_WAITING_BYTES:
            self.dropped_ms += len(pcm) * 500.0 / rate_hz
            return False
        self._waiting_bytes += len(pcm)
        return True

    # --- the files, on a thread -----------------------------------------------------------------------------------

    async def open(self) -> None:
        """Make the files.

        Raises:
            ConfigError: They are there already, or cannot be made.
        """
        await self._in_thread(self._open)

    async def flush(self) -> None:
        """Write what does not change any more.

        Raises:
            OSError: The disk is full or gone.
        """
        entries, until_ms = self._take(), self._clock.now_ms() - self._holdback_ms
        await self._in_thread(lambda: self._write(entries, until_ms))

    async def finish(self) -> float:
        """Write the rest and let go of the files; returns the length of the recording in ms.

        Raises:
            OSError: The disk is full or gone; the files are let go all the same.
        """
        entries, end_ms = self._take(), self._clock.now_ms()
        return await self._in_thread(lambda: self._files.finish(entries, end_ms=end_ms) if self._files else 0.0)

    def abandon(self) -> None:
        """Let go of the files as soon as nobody writes to them; for a disk that hangs. Idempotent."""
        if self._job is not None and not self._job.done():
            self._job.add_done_callback(lambda _: self._close())
        else:
            self._close()

    @property
    def is_open(self) -> bool:
        """Whether there are files."""
        return self._files is not None

    @property
    def duration_ms(self) -> float:
        """What is in the file so far."""
        return 0.0 if self._files is None else self._files.duration_ms

    def _open(self) -> None:
        self._files = RecordingFiles(self.path, tracks=self.tracks, rate_hz=self.rate_hz, origin_ms=self._origin_ms)

    def _write(self, entries: list[Entry], until_ms: float) -> None:
        if self._files is not None:
            self._files.write(entries, until_ms=until_ms)

    def _close(self) -> None:
        if self._files is not None:
            self._files.close()

    def _take(self) -> list[Entry]:
        entries, self._waiting, self._waiting_bytes = self._waiting, [], 0
        return entries

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """One at a time: a job goes on when nobody waits for it any more, and the next one waits for it."""
        while self._job is not None and not self._job.done():
            await asyncio.wait({self._job})
        job: asyncio.Future[T] = asyncio.get_running_loop().run_in_executor(_threads(), work)
        self._job = job
        return await asyncio.shield(job)


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="roomkit-recording")
