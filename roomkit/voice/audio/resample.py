"""Streaming sample-rate conversion with a constant delay: a polyphase FIR filter as one strided matrix product a call.

The filter is linear phase, 20 periods of the lower rate on each side of its centre, fewer where that would hold audio
back longer than 2 ms. Its coefficients are multiples of 2^-20, so with PCM16 input every product and sum is exact in
float64: the result does not depend on how the stream was cut, nor on the machine's order of summation.

Block resamplers (soxr's stream) hold back up to 115 ms and deliver in lumps; they are right for whole files, not here.
Not in here: channels other than mono, files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]

MAX_DELAY_S: Final = 0.002
"""What conversation can spare: a tenth of a frame."""

MAX_HALF_PERIODS: Final = 20
"""Within 0.3 dB to 80 % of the lower Nyquist frequency (75 % at 8 kHz, which affords 16); longer costs time."""

MIN_HALF_PERIODS: Final = 8
"""Below this there is no filter to speak of: under 4 kHz the delay exceeds 2 ms instead."""

MAX_EXACT_PHASES: Final = 1_280
"""Enough for any two of 8, 11.025, 16, 22.05, 24, 32, 44.1 and 48 kHz; a table stays under 3 MB."""

NEAREST_PHASES: Final = 4_096
"""Beyond that, the nearest of so many phases: its timing error is 85 dB below a 1 kHz tone at 8 kHz."""

COEFFICIENT_STEP: Final = 2.0**-20

MAX_PRODUCT: Final = 2**17
"""Most multiplications handed to BLAS at once. With more, OpenBLAS wakes its threads: 200 ms of audio that take 0.1 ms
on one core then took 1.7 ms on two (measured 2026-11-21)."""


class Resampler:
    """Converts one stream of PCM16 LE mono from one rate to another. One object per stream and direction.

    After N samples in, exactly ``ceil(N * to_hz / from_hz)`` have come out, for ever: 20 ms in, 20 ms out, at once.
    The stream is late by `delay_ms` (it begins with that much near-silence, and `flush` returns the tail).

    Args:
        from_hz: Rate of what is fed, any positive number.
        to_hz: Rate of what comes out. Where the two have no common divisor to speak of (more than
            `MAX_EXACT_PHASES` phases) the nearest of `NEAREST_PHASES` is used; counts stay exact.

    Raises:
        ValueError: A rate that is not positive.
    """

    __slots__ = ("_history", "_phase", "_plan")

    def __init__(self, from_hz: int, to_hz: int) -> None:
        if from_hz <= 0 or to_hz <= 0:
            raise ValueError(f"sample rates are positive, not {from_hz} and {to_hz} Hz")
        self._plan = _plan(from_hz, to_hz)
        self._start_anew()

    def _start_anew(self) -> None:
        self._history: Samples = np.zeros(self._plan.taps - 1)
        self._phase = 0

    @property
    def delay_ms(self) -> float:
        """How late the output is, at every frequency alike."""
        return self._plan.delay_s * 1000.0

    def feed(self, pcm: bytes) -> bytes:
        """Convert the next piece of the stream.

        Args:
            pcm: PCM16 LE mono at ``from_hz``; whole samples, any number of them (20 ms usual).

        Returns:
            PCM16 LE mono at ``to_hz``; what does not fit into 16 bits is limited, not wrapped.

        Raises:
            ValueError: An odd number of bytes (`roomkit.voice.audio.pcm.Alignment` prevents it).
        """
        plan, history = self._plan, self._history
        if len(pcm) & 1:
            raise ValueError(f"{len(pcm)} bytes are not whole 16-bit samples; pass the stream through Alignment first")
        new = np.frombuffer(pcm, "<i2")
        since_cycle = len(history) - (plan.taps - 1) + len(new)
        end = -(-since_cycle * plan.cycle_out // plan.cycle_in)
        if end <= self._phase:
            self._history = np.concatenate((history, new))
            return b""
        cycles = -(-end // plan.cycle_out)
        line = np.zeros(max((cycles - 1) * plan.cycle_in + plan.reach, len(history) + len(new)))
        line[: len(history)] = history
        line[len(history) : len(history) + len(new)] = new
        out = plan.convolve(line, cycles, self._phase, end)
        done, self._phase = divmod(end, plan.cycle_out)
        self._history = line[done * plan.cycle_in : len(history) + len(new)].copy()
        return _to_pcm(out)

    def flush(self) -> bytes:
        """The tail of the stream, `delay_ms` of it; then the object is as new."""
        tail = self.feed(bytes(2 * math.ceil(self._plan.delay_s * self._plan.from_hz)))
        self._start_anew()
        return tail


def _to_pcm(samples: Samples) -> bytes:
    np.rint(samples, out=samples)
    np.minimum(samples, 32767.0, out=samples)
    np.maximum(samples, -32768.0, out=samples)
    return samples.astype("<i2").tobytes()


@dataclass(frozen=True, slots=True)
class _Block:
    """Neighbouring outputs of a cycle: ``matrix`` takes the input from ``first`` on to outputs ``begin`` to ``end``."""

    first: int
    begin: int
    end: int
    matrix: Samples


@dataclass(frozen=True, slots=True)
class _Plan:
    """The filter for one pair of rates, shared by all its streams. ``cycle_in`` samples become ``cycle_out``.

    Attributes:
        taps: Input samples an output depends on.
        reach: Input samples a whole cycle of outputs depends on, counted from the first one's first.
        blocks: The exact phases; empty where there are too many.
        nearest: One row of taps for each of `NEAREST_PHASES`; empty where the phases are exact.
    """

    from_hz: int
    cycle_in: int
    cycle_out: int
    taps: int
    reach: int
    delay_s: float
    blocks: tuple[_Block, ...]
    nearest: Samples

    def convolve(self, line: Samples, cycles: int, begin: int, end: int) -> Samples:
        """Outputs ``begin`` to ``end`` of the cycles that start at the head of ``line``."""
        if not self.blocks:
            return self._convolve_nearest(line, begin, end)
        out = np.empty((cycles, self.cycle_out))
        step = self.cycle_in * line.itemsize
        for block in self.blocks:
            shape, offset = (cycles, len(block.matrix)), block.first * line.itemsize
            # Overlapping rows without a copy; as_strided does the same in ten times the time.
            rows: Samples = np.ndarray(shape, np.float64, line.data, offset, (step, line.itemsize))
            at_once = max(1, MAX_PRODUCT // block.matrix.size)
            for at in range(0, cycles, at_once):
                some = slice(at, at + at_once)
                out[some, block.begin : block.end] = np.dot(rows[some], block.matrix)
        return out.reshape(-1)[begin:end]

    def _convolve_nearest(self, line: Samples, begin: int, end: int) -> Samples:
        first, phase = np.divmod(np.arange(begin, end) * self.cycle_in, self.cycle_out)
        windows = np.lib.stride_tricks.sliding_window_view(line, self.taps)[first]
        result: Samples = np.einsum("ij,ij->i", windows, self.nearest[phase * NEAREST_PHASES // self.cycle_out])
        return result


@lru_cache(maxsize=32)
def _plan(from_hz: int, to_hz: int) -> _Plan:
    common = math.gcd(from_hz, to_hz)
    cycle_in, cycle_out = from_hz // common, to_hz // common
    lower_hz = min(from_hz, to_hz)
    half_periods = max(MIN_HALF_PERIODS, min(MAX_HALF_PERIODS, int(MAX_DELAY_S * lower_hz)))
    taps = math.floor(2 * half_periods * from_hz / lower_hz) + 1
    exact = cycle_out <= MAX_EXACT_PHASES

    def coefficients(position: NDArray[np.float64]) -> Samples:
        """One row of taps for each position (in input samples after the newest one taken)."""
        ages = position[:, None] + np.arange(taps - 1, -1, -1)
        return _coefficients(half_periods, ages * (lower_hz / from_hz) - half_periods)

    fractions: Samples = np.arange(cycle_out) * cycle_in % cycle_out / cycle_out
    return _Plan(
        from_hz=from_hz,
        cycle_in=cycle_in,
        cycle_out=cycle_out,
        taps=taps,
        reach=taps + (cycle_out - 1) * cycle_in // cycle_out,
        delay_s=half_periods / lower_hz,
        blocks=_blocks(coefficients(fractions), cycle_in, cycle_out) if exact else (),
        nearest=coefficients((np.arange(NEAREST_PHASES) + 0.5) / NEAREST_PHASES) if not exact else np.empty((0, taps)),
    )


def _blocks(rows: Samples, cycle_in: int, cycle_out: int) -> tuple[_Block, ...]:
    """Spread the taps of each phase over the cycle's input, in blocks half as wide again as the filter is long.

    One block for simple ratios. One for 147:160 would be mostly zeros: two are faster.
    """
    taps = rows.shape[1]
    width = max(8, 3 * taps * cycle_out // (2 * cycle_in))
    count = max(1, round(cycle_out / width))
    edges = [cycle_out * index // count for index in range(count + 1)]
    blocks = []
    for begin, end in pairwise(edges):
        first = begin * cycle_in // cycle_out
        last = (end - 1) * cycle_in // cycle_out
        matrix = np.zeros((last - first + taps, end - begin))
        for column in range(end - begin):
            at = (begin + column) * cycle_in // cycle_out - first
            matrix[at : at + taps, column] = rows[begin + column]
        blocks.append(_Block(first, begin, end, matrix))
    return tuple(blocks)


def _coefficients(half_periods: int, at: Samples) -> Samples:
    """The filter at times ``at`` (in periods of the lower rate, 0 its centre): rows that each sum to exactly 1."""
    waves = _impulse_response(half_periods)
    values = np.zeros_like(at)
    for index, amplitude in enumerate(waves):
        values += amplitude * np.cos(np.pi * index / half_periods * at)
    values[np.abs(at) > half_periods] = 0.0
    values /= values.sum(axis=1, keepdims=True)
    steps = np.rint(values / COEFFICIENT_STEP)
    peak = np.argmax(steps, axis=1)
    # A constant stays that constant, exactly: the rounding of a row goes into its largest tap.
    steps[np.arange(len(steps)), peak] += 1.0 / COEFFICIENT_STEP - steps.sum(axis=1)
    exact: Samples = steps * COEFFICIENT_STEP
    return exact


@lru_cache(maxsize=32)
def _impulse_response(half_periods: int) -> Samples:
    """The low-pass filter between the rates, as amplitudes of cosines over its length: weighted least squares.

    Frequencies are in units of the lower rate. The stopband begins at its Nyquist frequency (0.5) and is weighted for
    -80 dB there and less beyond; the passband is weighted for 100 dB where speech has its energy, and for a tenth
    of a dB at its edge. A windowed sinc of this length gives up a sixth of the band for the same alias.
    """
    edge = 0.5 - 1.7 / half_periods
    passband = np.linspace(0.0, edge, 8 * half_periods)
    stopband = np.concatenate([np.linspace(0.5, 1.5, 24 * half_periods), np.linspace(1.5, 6.0, 40 * half_periods)])
    pass_weight = np.exp(np.interp(passband, [0.0, 0.4 * edge, edge], np.log([3e4, 3e4, 10.0])))
    stop_weight = np.exp(np.interp(stopband, [0.5, 0.8], np.log([1.5e4, 4e4])))
    frequencies = np.concatenate([passband, stopband])
    weight = np.concatenate([pass_weight, stop_weight])
    order = np.arange(half_periods + 8)
    across = 2.0 * half_periods * frequencies[:, None]
    spectra = half_periods * (np.sinc(across - order) + np.sinc(across + order))
    wanted = np.where(frequencies <= edge, weight, 0.0)
    amplitudes: Samples = np.linalg.lstsq(spectra * weight[:, None], wanted, rcond=None)[0]
    return amplitudes
