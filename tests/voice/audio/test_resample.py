"""The resampler's promises: exact counts, constant delay, no alias, and a result that does not depend on the cuts."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from roomkit.voice.audio.rates import resampler
from roomkit.voice.audio.resample import NEAREST_PHASES, Resampler

USUAL = [
    (8_000, 16_000), (16_000, 8_000), (16_000, 24_000), (24_000, 16_000), (24_000, 48_000), (48_000, 24_000),
    (8_000, 24_000), (24_000, 8_000), (16_000, 48_000), (48_000, 16_000), (22_050, 24_000), (22_050, 16_000),
    (22_050, 48_000), (24_000, 22_050), (44_100, 8_000), (44_100, 16_000), (44_100, 24_000), (44_100, 48_000),
    (8_000, 44_100), (48_000, 44_100),
]  # fmt: skip
AWKWARD = (44_100, 47_999)
DOWN = [pair for pair in USUAL if pair[0] > pair[1]]


def _tone(rate_hz: int, frequency_hz: float, *, amplitude: float = 16_000, seconds: float = 0.3) -> bytes:
    at = np.arange(int(rate_hz * seconds))
    return np.rint(amplitude * np.sin(2 * np.pi * frequency_hz * at / rate_hz)).astype("<i2").tobytes()


def _samples(pcm: bytes) -> NDArray[np.float64]:
    return np.frombuffer(pcm, "<i2").astype(np.float64)


def _db(signal: NDArray[np.float64], reference: NDArray[np.float64]) -> float:
    return 10 * math.log10(float(np.mean(signal**2)) / float(np.mean(reference**2)) + 1e-20)


def _ideal(rate_hz: int, count: int, frequency_hz: float, delay_ms: float) -> NDArray[np.float64]:
    seconds = np.arange(count) / rate_hz - delay_ms / 1000
    ideal: NDArray[np.float64] = 16_000 * np.sin(2 * np.pi * frequency_hz * seconds)
    return ideal


@pytest.mark.parametrize(("from_hz", "to_hz"), [*USUAL, AWKWARD])
def test_a_tone_comes_out_late_by_the_stated_delay_and_otherwise_intact(from_hz: int, to_hz: int) -> None:
    converter = Resampler(from_hz, to_hz)

    heard = _samples(converter.feed(_tone(from_hz, 1_000)))

    settled = slice(to_hz // 50, None)
    ideal = _ideal(to_hz, len(heard), 1_000, converter.delay_ms)[settled]
    assert _db(heard[settled] - ideal, ideal) < -80
    assert converter.delay_ms <= 2.0


@pytest.mark.parametrize(("from_hz", "to_hz"), DOWN)
def test_what_the_lower_rate_cannot_carry_is_gone_not_folded(from_hz: int, to_hz: int) -> None:
    for frequency_hz in np.linspace(to_hz / 2 * 1.001, from_hz / 2 * 0.999, 25):
        tone = _tone(from_hz, float(frequency_hz), amplitude=30_000)

        heard = _samples(Resampler(from_hz, to_hz).feed(tone))[to_hz // 50 :]

        assert _db(heard, _samples(tone)) < -80


@pytest.mark.parametrize(("from_hz", "to_hz"), [(8_000, 16_000), (8_000, 24_000), (16_000, 48_000), (22_050, 48_000)])
def test_images_of_the_lower_rate_are_not_heard_at_the_higher(from_hz: int, to_hz: int) -> None:
    frequency_hz = from_hz * 0.3
    heard = _samples(Resampler(from_hz, to_hz).feed(_tone(from_hz, frequency_hz, amplitude=30_000)))[to_hz // 50 :]

    spectrum = np.abs(np.fft.rfft(heard * np.blackman(len(heard))))
    frequencies = np.fft.rfftfreq(len(heard), 1 / to_hz)

    above = spectrum[frequencies > from_hz / 2].max()
    assert 20 * math.log10(above / spectrum.max()) < -80


@pytest.mark.parametrize(("from_hz", "to_hz"), USUAL)
def test_speech_passes_at_its_own_loudness(from_hz: int, to_hz: int) -> None:
    passband = 0.35 if min(from_hz, to_hz) < 12_000 else 0.4
    for share in (0.05, 0.2, passband):
        tone = _tone(from_hz, min(from_hz, to_hz) * share)

        heard = _samples(Resampler(from_hz, to_hz).feed(tone))[to_hz // 50 :]

        assert abs(_db(heard, _samples(tone))) < 0.3


@settings(max_examples=60, deadline=None)
@given(
    rates=st.sampled_from([*USUAL, AWKWARD]),
    seed=st.integers(0, 2**31),
    cuts=st.lists(st.integers(0, 1_500), max_size=12),
)
def test_the_result_does_not_depend_on_how_the_audio_was_cut(
    rates: tuple[int, int], seed: int, cuts: list[int]
) -> None:
    noise = np.random.default_rng(seed).integers(-32_768, 32_768, 1_500, dtype=np.int16).astype("<i2").tobytes()
    whole, cut = Resampler(*rates), Resampler(*rates)

    edges = [0, *sorted(cuts), 1_500]
    pieces = [cut.feed(noise[2 * begin : 2 * end]) for begin, end in pairwise(edges)]

    assert b"".join([*pieces, cut.flush()]) == whole.feed(noise) + whole.flush()


@pytest.mark.parametrize("rates", [(8_000, 24_000), (48_000, 16_000), (22_050, 48_000), AWKWARD])
def test_ten_seconds_at_once_are_converted_like_their_frames(rates: tuple[int, int]) -> None:
    noise = np.random.default_rng(7).integers(-9_000, 9_000, rates[0] * 10, dtype=np.int16).astype("<i2").tobytes()
    whole, cut = Resampler(*rates), Resampler(*rates)

    frames = [cut.feed(noise[at : at + 640]) for at in range(0, len(noise), 640)]

    assert b"".join(frames) == whole.feed(noise)


@settings(max_examples=60, deadline=None)
@given(
    from_hz=st.integers(1_000, 96_000),
    to_hz=st.integers(1_000, 96_000),
    sizes=st.lists(st.integers(0, 700), min_size=1, max_size=6),
)
def test_any_two_rates_keep_exact_count(from_hz: int, to_hz: int, sizes: list[int]) -> None:
    converter = Resampler(from_hz, to_hz)
    fed = came = 0

    for size in sizes:
        came += len(converter.feed(bytes(2 * size))) // 2
        fed += size

        assert came == -(-fed * to_hz // from_hz)


def test_an_hour_of_frames_neither_gains_nor_loses_a_sample() -> None:
    converter = Resampler(22_050, 48_000)

    came = sum(len(converter.feed(bytes(882))) // 2 for _ in range(18_000))

    assert came == 18_000 * 960


def test_a_frame_in_is_a_frame_out_from_the_first_on() -> None:
    converter = Resampler(16_000, 24_000)

    assert [len(converter.feed(bytes(640))) for _ in range(5)] == [960] * 5


@pytest.mark.parametrize("value", [-32_768, -1, 1, 12_345, 32_767])
@pytest.mark.parametrize(("from_hz", "to_hz"), [(8_000, 24_000), (22_050, 24_000), (48_000, 16_000), AWKWARD])
def test_a_constant_stays_that_constant(from_hz: int, to_hz: int, value: int) -> None:
    heard = _samples(Resampler(from_hz, to_hz).feed(np.full(from_hz // 10, value, "<i2").tobytes()))

    assert set(heard[to_hz // 50 :]) == {value}


def test_overshoot_is_limited_not_wrapped_around() -> None:
    square = np.where(np.arange(4_000) // 20 % 2, 32_767, -32_768).astype("<i2")

    heard = _samples(Resampler(8_000, 16_000).feed(square.tobytes()))[64:]

    middle = heard[: len(heard) // 80 * 80].reshape(-1, 80)[:, 20:24]
    assert heard.max() == 32_767
    assert heard.min() == -32_768
    assert np.all(np.abs(middle) > 25_000)


def test_silence_begins_and_stays_silent() -> None:
    converter = Resampler(24_000, 16_000)

    assert converter.feed(bytes(960)) == bytes(640)
    assert converter.flush() == bytes(2 * 20)


def test_flush_brings_the_tail_and_leaves_the_object_as_new() -> None:
    converter = Resampler(8_000, 16_000)
    tone = _tone(8_000, 440)

    first = converter.feed(tone) + converter.flush()
    second = converter.feed(tone) + converter.flush()

    assert first == second
    assert len(first) == 2 * len(tone) + 2 * 32


def test_equal_rates_need_no_resampler() -> None:
    assert resampler(24_000, 24_000) is None
    assert isinstance(resampler(24_000, 16_000), Resampler)


@pytest.mark.parametrize(("from_hz", "to_hz"), [(0, 8_000), (8_000, 0), (-8_000, 8_000)])
def test_a_rate_that_is_not_positive_is_refused(from_hz: int, to_hz: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        Resampler(from_hz, to_hz)


def test_half_a_sample_is_refused_and_changes_nothing() -> None:
    converter, untouched = Resampler(8_000, 16_000), Resampler(8_000, 16_000)

    with pytest.raises(ValueError, match="whole 16-bit samples"):
        converter.feed(b"\x01\x02\x03")

    assert converter.feed(_tone(8_000, 440)) == untouched.feed(_tone(8_000, 440))


def test_filters_are_shared_and_bounded() -> None:
    assert Resampler(8_000, 16_000)._plan is Resampler(8_000, 16_000)._plan
    assert len(Resampler(*AWKWARD)._plan.nearest) == NEAREST_PHASES
