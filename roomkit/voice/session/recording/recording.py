"""Whether a session is being recorded: started at once or on request, stopped on every way out, hooks told.

Not in here: the tap (`recorder`), the files (`recording_files`). Invariants: while nothing is recorded the audio path
pays one attribute read a piece; one recording at a time; nothing a disk does delays or ends the call.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Final

from roomkit.errors import ConfigError, SessionStateError
from roomkit.models.enums import HookTrigger
from roomkit.models.recording import RecordingEvent, Tracks
from roomkit.voice.session.context import SessionContext
from roomkit.voice.session.media.lane import Media
from roomkit.voice.session.outcome import fail
from roomkit.voice.session.recording.recorder import HOLDBACK_MS, Recorder

logger = logging.getLogger(__name__)

FLUSH_S: Final = 0.5
"""How often a recording is written; with the holdback, what a killed process loses is under three seconds."""

FINISH_TIMEOUT_S: Final = 5.0
"""A session does not stay for a disk that hangs; the thread finishes the file when it comes back."""


class SessionRecording:
    """The recording of one session: none, or one at a time.

    Args:
        context: The session's common ground.
    """

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._media: Media | None = None
        self._recorder: Recorder | None = None
        self._task: asyncio.Task[None] | None = None
        self._count = 0

    def begin(self, media: Media) -> None:
        """The session is ACTIVE: record it, if it is to be recorded at once. Never waits."""
        self._media = media
        config = self._context.settings.recording
        if config is not None and config.starts == "at_once":
            self._start(self._path(None), config.tracks, None)

    async def start(self, path: Path | str | None = None, *, tracks: Tracks | None = None) -> Path:
        """Record from now on; returns where, once the files are there.

        Args:
            path: The WAV file; default: named by the session in the directory of its `Recording`.
            tracks: See `Recording`; default: as there, else two.

        Raises:
            ConfigError: There is no place to record to, or the file is there already or cannot be made.
            SessionStateError: It is being recorded already, or is not live.
        """
        if self._media is None or self._context.is_over:
            raise self._context.not_live()
        if self._recorder is not None:
            raise SessionStateError("the session is being recorded already; stop that recording first")
        config = self._context.settings.recording
        tracks = tracks or (config.tracks if config is not None else "two")
        if tracks not in ("two", "mixed"):
            raise ConfigError(f'tracks is "two" or "mixed", not {tracks!r}')
        opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        recorder = self._start(self._path(path), tracks, opened)
        await opened
        return recorder.path

    async def stop(self, reason: str = "stopped") -> RecordingEvent | None:
        """End the recording; returns what the hooks are told, ``None`` where nothing was being recorded."""
        recorder, task = self._recorder, self._task
        if recorder is None:
            return None
        self._detach(recorder)
        if task is not None:
            task.cancel()
        return await self._finish(recorder, reason)

    async def close(self) -> None:
        """The session ends, whatever the way."""
        await self.stop(str(self._context.view.end_reason))
        self._media = None

    # --- details --------------------------------------------------------------------------------------------------

    def _path(self, path: Path | str | None) -> Path:
        if path is not None:
            if not isinstance(path, (str, Path)) or not Path(path).name:
                raise ConfigError(f"{path!r} is no path of a file to record to")
            return Path(path)
        config = self._context.settings.recording
        if config is None:
            raise ConfigError("no place to record to: name a path, or give the channel a Recording(directory=...)")
        self._count += 1
        name = self._context.view.id if self._count == 1 else f"{self._context.view.id}-{self._count}"
        return Path(config.directory) / f"{name}.wav"

    def _start(self, path: Path, tracks: Tracks, opened: asyncio.Future[None] | None) -> Recorder:
        assert self._media is not None
        context, config = self._context, self._context.settings.recording
        recorder = Recorder(
            path if path.suffix == ".wav" else path.with_name(f"{path.name}.wav"),
            tracks=tracks,
            rate_hz=(config.rate_hz if config is not None else None) or self._media.highest_rate_hz,
            clock=context.clock,
            holdback_ms=HOLDBACK_MS + (context.settings.lead_ms if context.settings.lead_ms < HOLDBACK_MS else 0.0),
        )
        self._task = task = context.start_task(self._run(recorder, opened), "recording")
        if opened is not None:
            task.add_done_callback(lambda _: fail(opened, SessionStateError("the recording ended before it began")))
        self._recorder = context.recorder = recorder
        self._media.tap(recorder)
        view = context.view
        context.record(
            "recording_started", session_id=view.id, room_id=view.room_id, participant_id=view.participant_id,
            channel_id=view.channel_id, file=recorder.path.name, tracks=tracks, rate_hz=recorder.rate_hz,
            link_states=dict(view.link_states),
        )  # fmt: skip
        return recorder

    async def _run(self, recorder: Recorder, opened: asyncio.Future[None] | None) -> None:
        try:
            await recorder.open()
            self._announce(recorder)
            if opened is not None and not opened.done():
                opened.set_result(None)
            await self._write(recorder)
        except ConfigError as error:
            self._detach(recorder)
            if opened is not None:
                fail(opened, error)
            else:
                logger.error("session %s is not recorded: %s", self._context.view.id, error)
                self._context.warn("recording_failed", "the session cannot be recorded")
        except Exception as error:  # the disk, or a defect of ours: whatever breaks a recording must not end the call
            logger.exception("session %s: its recording failed", self._context.view.id)
            self._detach(recorder)
            reason = error.strerror if isinstance(error, OSError) else type(error).__name__
            self._context.warn("recording_failed", f"the recording ended early: {reason}")
            await self._finish(recorder, "failed")

    async def _write(self, recorder: Recorder) -> None:
        was_reported = False
        while True:
            await asyncio.sleep(FLUSH_S)
            await recorder.flush()
            if recorder.dropped_ms and not was_reported:
                was_reported = True
                self._context.warn("recording_dropped", "the disk is too slow: parts of the recording are missing")

    def _detach(self, recorder: Recorder) -> None:
        if self._recorder is not recorder:  # it was stopped meanwhile, and another may have begun
            return
        if self._media is not None:
            recorder.agent_cut(self._media.output.ledger.unplayed_ms())
            self._media.tap(None)
        self._recorder = self._task = self._context.recorder = None

    async def _finish(self, recorder: Recorder, reason: str) -> RecordingEvent:
        recorder.note("recording_stopped", {"reason": reason, "dropped_ms": round(recorder.dropped_ms, 1)})
        duration_ms = recorder.duration_ms
        try:
            async with asyncio.timeout(FINISH_TIMEOUT_S):
                duration_ms = await recorder.finish()
        except Exception as error:  # as above: the end of a call waits for no disk
            if reason != "failed":
                logger.error("session %s: the end of its recording is missing", self._context.view.id, exc_info=error)
                self._context.warn("recording_failed", "the end of the recording is missing")
                reason = "failed"
        finally:
            recorder.abandon()
            event = self._event(recorder, reason, duration_ms)
            if recorder.is_open:
                self._announce(recorder)
                self._tell(HookTrigger.ON_RECORDING_STOPPED, event)
        return event

    def _announce(self, recorder: Recorder) -> None:
        if not recorder.is_announced:
            recorder.is_announced = True
            self._tell(HookTrigger.ON_RECORDING_STARTED, self._event(recorder, None))

    def _event(self, recorder: Recorder, reason: str | None, duration_ms: float = 0.0) -> RecordingEvent:
        return RecordingEvent(
            session=self._context.view,
            reason=reason,
            path=str(recorder.path),
            log_path=str(recorder.path.with_suffix(".jsonl")),
            tracks=recorder.tracks,
            rate_hz=recorder.rate_hz,
            duration_ms=duration_ms,
            dropped_ms=recorder.dropped_ms,
        )

    def _tell(self, trigger: HookTrigger, event: RecordingEvent) -> None:
        """At once, not from the lane: one that hangs in a hook is given up at the end, with all that waits in it."""
        self._context.port.tell(trigger, event)
