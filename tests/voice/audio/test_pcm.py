"""PCM as bytes: durations, silence, and pieces that end in the middle of a sample."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.voice.audio.pcm import Alignment, duration_ms, is_silent, ms_to_bytes, silence


@given(pieces=st.lists(st.binary(max_size=9), max_size=20))
def test_alignment_loses_nothing_and_hands_on_whole_samples_only(pieces: list[bytes]) -> None:
    alignment = Alignment()

    out = [alignment.feed(piece) for piece in pieces]

    fed = b"".join(pieces)
    assert all(len(piece) % 2 == 0 for piece in out)
    assert b"".join(out) == fed[: len(fed) // 2 * 2]


def test_an_aligned_piece_comes_back_as_the_same_object() -> None:
    piece = bytes(960)

    assert Alignment().feed(piece) is piece


def test_the_odd_byte_completes_the_first_sample_of_the_next_piece() -> None:
    alignment = Alignment()

    assert alignment.feed(b"\x01\x02\x03") == b"\x01\x02"
    assert alignment.feed(b"") == b""
    assert alignment.feed(b"\x04\x05\x06") == b"\x03\x04\x05\x06"
    assert alignment.feed(b"\x07\x08") == b"\x07\x08"


def test_a_reset_forgets_the_held_byte() -> None:
    alignment = Alignment()
    alignment.feed(b"\x01")

    alignment.reset()

    assert alignment.feed(b"\x02\x03") == b"\x02\x03"


@pytest.mark.parametrize(("rate_hz", "size_bytes"), [(8_000, 320), (16_000, 640), (24_000, 960), (48_000, 1_920)])
def test_twenty_milliseconds_have_the_same_length_both_ways(rate_hz: int, size_bytes: int) -> None:
    assert ms_to_bytes(20, rate_hz) == size_bytes
    assert duration_ms(bytes(size_bytes), rate_hz) == 20.0


@given(ms=st.floats(-10, 5_000), rate_hz=st.sampled_from([8_000, 11_025, 22_050, 44_100, 48_000]))
def test_sizes_are_whole_samples_within_half_a_sample(ms: float, rate_hz: int) -> None:
    size_bytes = ms_to_bytes(ms, rate_hz)

    assert size_bytes % 2 == 0
    assert abs(duration_ms(bytes(size_bytes), rate_hz) - max(0.0, ms)) <= 500.0 / rate_hz + 1e-9


def test_silence_is_silent_and_one_bit_is_not() -> None:
    assert is_silent(silence(20, 8_000))
    assert is_silent(b"")
    assert not is_silent(silence(20, 8_000) + b"\x01\x00")
