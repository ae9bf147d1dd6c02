"""Levels in dBFS, and how often they are due."""

from __future__ import annotations

import math

import numpy as np
import pytest

from roomkit.voice.audio.level import SILENCE_DBFS, level


def _sine(amplitude: float) -> bytes:
    return np.rint(amplitude * np.sin(2 * np.pi * np.arange(2_400) / 24)).astype("<i2").tobytes()


@pytest.mark.parametrize("below_db", [0.01, 6.0, 20.0, 40.0])
def test_a_sine_reads_its_peak_and_three_decibels_less_of_rms(below_db: float) -> None:
    rms_dbfs, peak_dbfs = level(_sine(32_768 * 10 ** (-below_db / 20)))

    assert peak_dbfs == pytest.approx(-below_db, abs=0.05)
    assert rms_dbfs == pytest.approx(-below_db - 3.01, abs=0.05)


def test_the_most_negative_sample_is_full_scale() -> None:
    assert level(b"\x00\x80" * 480) == (0.0, 0.0)


@pytest.mark.parametrize("pcm", [b"", b"\x7f", bytes(960)])
def test_silence_and_nothing_read_a_finite_floor(pcm: bytes) -> None:
    assert level(pcm) == (SILENCE_DBFS, SILENCE_DBFS)


def test_an_odd_last_byte_is_ignored() -> None:
    assert level(_sine(1_000) + b"\x7f") == level(_sine(1_000))


def test_one_sample_in_a_second_is_above_the_floor() -> None:
    rms_dbfs, peak_dbfs = level(bytes(47_998) + b"\x01\x00")

    assert SILENCE_DBFS <= rms_dbfs < peak_dbfs == pytest.approx(20 * math.log10(1 / 32_768))
