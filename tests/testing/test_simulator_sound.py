"""The simulator's sound: lengths are exact, G.711 is G.711, loudness tells speech from silence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.testing.simulators.sound import bytes_per_ms, encode, loudness, tone


@pytest.mark.parametrize("duration_ms", [0, 1, 19, 20, 333, 1_000])
def test_a_tone_is_as_long_as_asked(duration_ms: int) -> None:
    assert len(tone(duration_ms)) == duration_ms * 48


def test_every_frame_of_a_tone_is_the_same() -> None:
    assert tone(60) == tone(20) * 3


@pytest.mark.parametrize(
    ("kind", "code", "sample"),
    [
        ("audio/pcmu", 0x00, -32124),
        ("audio/pcmu", 0x80, 32124),
        ("audio/pcmu", 0xFF, 0),
        ("audio/pcma", 0xD5, 8),
        ("audio/pcma", 0x55, -8),
        ("audio/pcma", 0xAA, 32256),
        ("audio/pcma", 0x2A, -32256),
    ],
)
def test_codes_stand_for_the_samples_of_the_standard(kind: str, code: int, sample: int) -> None:
    assert loudness(bytes([code]), kind) == pytest.approx(abs(sample))
    if sample:
        assert encode(np.full(3, sample, dtype="<i2").tobytes(), kind) == bytes([code])


@pytest.mark.parametrize("kind", ["audio/pcm", "audio/pcmu", "audio/pcma"])
def test_a_tone_is_about_as_loud_in_every_format(kind: str) -> None:
    coded = encode(tone(200), kind)

    assert len(coded) == 200 * bytes_per_ms(kind)
    assert loudness(coded, kind) == pytest.approx(6_000 / 2**0.5, rel=0.05)
    assert loudness(encode(bytes(9_600), kind), kind) < 10


@given(
    pcm=st.binary(max_size=200).map(lambda raw: raw[: len(raw) // 2 * 2]),
    kind=st.sampled_from(["audio/pcmu", "audio/pcma"]),
)
def test_any_samples_can_be_encoded(pcm: bytes, kind: str) -> None:
    assert len(encode(pcm, kind)) == -(-len(pcm) // 6)
