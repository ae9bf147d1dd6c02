"""One speaker's audio on a time line: pieces put where they were spoken or played, silence everywhere else.

Pure: the times are arguments. Pieces lie in *runs* without holes; a run whose beginning turns out to have been late (a
stalled network that then delivers all at once) moves back to where it belongs. Not in here: files, and whose audio it
is. Invariants: what was taken does not change any more; no sample is lost but those that were cut.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from roomkit.voice.audio.rates import resampler

if TYPE_CHECKING:
    from roomkit.voice.audio.resample import Resampler

JITTER_MS: Final = 80.0
"""Pieces of a live stream come this much early or late and still touch: networks deliver in bursts."""

ROUNDING_MS: Final = 1.0
"""Two times that differ by less are the same: one came from adding up frames, the other from a clock."""


class _Run:
    __slots__ = ("at", "pcm")

    def __init__(self, at: int) -> None:
        self.at = at
        self.pcm = bytearray()

    @property
    def end(self) -> int:
        return self.at + len(self.pcm) // 2


class Track:
    """The audio of one side, growing.

    Args:
        rate_hz: What comes out; what goes in at other rates is resampled, its delay taken out again.
        origin_ms: Where the time line begins, on the clock of the times given later.
    """

    def __init__(self, rate_hz: int, origin_ms: float) -> None:
        self.rate_hz = rate_hz
        self._origin_ms = origin_ms
        self._runs: deque[_Run] = deque()
        self._end = 0
        self._taken = 0
        self._source_hz = rate_hz
        self._resampler: Resampler | None = None
        self._delay = 0
        self._to_skip = 0
        self._is_fed = False

    @property
    def end(self) -> int:
        """The sample after the last one, counted from the origin."""
        return self._end

    def samples_until(self, at_ms: float) -> int:
        """How many samples lie between the origin and this time; never negative."""
        return max(0, round((at_ms - self._origin_ms) * self.rate_hz / 1000.0))

    def spoken(self, pcm: bytes, rate_hz: int, arrived_ms: float) -> None:
        """A piece of a live stream, whose last sample cannot be later than its arrival.

        Args:
            pcm: PCM16 LE mono, whole samples.
            rate_hz: The rate of ``pcm``.
            arrived_ms: When it was here.
        """
        duration_ms = len(pcm) * 500.0 / rate_hz
        self._put(pcm, rate_hz, arrived_ms - duration_ms, JITTER_MS)
        early = self._next - self.samples_until(arrived_ms)
        if early > JITTER_MS * self.rate_hz / 1000.0:
            self._move_back(early)

    def played(self, pcm: bytes, rate_hz: int, from_ms: float) -> None:
        """A piece that is played from ``from_ms`` on, or after what is still being played then."""
        self._put(pcm, rate_hz, from_ms, ROUNDING_MS)

    def cut(self, unplayed_ms: float) -> None:
        """The last ``unplayed_ms`` of audio were thrown away before they were played; what was taken stays."""
        self._finish_run()
        samples = round(unplayed_ms * self.rate_hz / 1000.0)
        while samples > 0 and self._runs:
            run = self._runs[-1]
            cut = min(samples, len(run.pcm) // 2)
            del run.pcm[len(run.pcm) - 2 * cut :]
            samples -= cut
            if not run.pcm:
                self._runs.pop()
        self._end = max(self._taken, self._runs[-1].end if self._runs else 0)

    def finish(self) -> None:
        """Nothing more comes: `end` is final."""
        self._finish_run()

    def take(self, until: int) -> bytes:
        """The samples from the last one taken up to ``until`` (not included), as PCM16 LE mono."""
        if until > self._end:  # what the resampler still holds belongs before that
            self._finish_run()
        out = bytearray(2 * max(0, until - self._taken))
        while self._runs and self._runs[0].at < until:
            run = self._runs[0]
            count = min(until, run.end) - run.at
            at = 2 * (run.at - self._taken)
            out[at : at + 2 * count] = run.pcm[: 2 * count]
            del run.pcm[: 2 * count]
            run.at += count
            if run.pcm or len(self._runs) == 1:
                break
            self._runs.popleft()
        self._taken = max(self._taken, until)
        self._end = max(self._end, self._taken)
        return bytes(out)

    @property
    def _next(self) -> int:
        """Where the next sample to be fed belongs; a resampler still holds some that were."""
        return self._end + (self._delay if self._is_fed else 0)

    def _put(self, pcm: bytes, rate_hz: int, from_ms: float, tolerance_ms: float) -> None:
        if rate_hz != self._source_hz:
            self._finish_run()
            self._set_source(rate_hz)
        start = self.samples_until(from_ms)
        if start - self._next > tolerance_ms * self.rate_hz / 1000.0:
            self._finish_run()
            self._runs.append(_Run(start))
        elif not self._runs or self._runs[-1].end != self._end:
            self._runs.append(_Run(self._end))
        run = self._runs[-1]
        run.pcm += self._convert(pcm)
        self._end = run.end

    def _move_back(self, early: int) -> None:
        """The newest run began too late: what seemed to be silence before it was a network that held it up."""
        run = self._runs[-1]
        before = self._runs[-2].end if len(self._runs) > 1 else 0
        back = min(early, run.at - max(before, self._taken))
        run.at -= back
        self._end -= back

    def _set_source(self, rate_hz: int) -> None:
        self._source_hz = rate_hz
        self._resampler = resampler(rate_hz, self.rate_hz)
        self._delay = 0 if self._resampler is None else round(self._resampler.delay_ms * self.rate_hz / 1000.0)
        self._to_skip = self._delay

    def _convert(self, pcm: bytes) -> bytes:
        if self._resampler is None:
            return pcm
        self._is_fed = True
        out = self._resampler.feed(pcm)
        if not self._to_skip:
            return out
        skipped = min(self._to_skip, len(out) // 2)
        self._to_skip -= skipped
        return out[2 * skipped :]

    def _finish_run(self) -> None:
        if self._resampler is None or not self._is_fed:
            return
        tail = self._resampler.flush()
        self._is_fed = False
        if self._runs:
            run = self._runs[-1]
            run.pcm += tail[2 * self._to_skip :][: 2 * self._delay]
            self._end = run.end
        self._to_skip = self._delay


def interleaved(left: bytes, right: bytes) -> bytes:
    """Two tracks of the same length as one stereo stream."""
    out = bytearray(2 * len(left))
    out[0::4], out[1::4] = left[0::2], left[1::2]
    out[2::4], out[3::4] = right[0::2], right[1::2]
    return bytes(out)


def mixed(left: bytes, right: bytes) -> bytes:
    """Two tracks of the same length as one; what does not fit into 16 bits is limited, not wrapped."""
    import numpy as np  # a tenth of a second, once, off the loop: only who mixes needs it

    total = np.frombuffer(left, "<i2").astype(np.int32) + np.frombuffer(right, "<i2")
    return bytes(total.clip(-32_768, 32_767).astype("<i2").tobytes())
