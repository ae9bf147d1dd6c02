"""Mu-law against the standard's own decision values and against ffmpeg."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.voice.audio.g711 import ulaw_from_pcm, ulaw_to_pcm

EVERY_SAMPLE = np.arange(-32_768, 32_768).astype("<i2").tobytes()
EVERY_CODE = bytes(range(256))
FFMPEG = shutil.which("ffmpeg") or ""

SEGMENT_OUTPUTS = {
    0x80: 8_031, 0x8F: 4_191, 0x90: 3_999, 0x9F: 2_079, 0xAF: 1_023, 0xBF: 495, 0xCF: 231, 0xDF: 99, 0xEF: 33,
    0xFE: 2, 0xFF: 0,
}  # fmt: skip
"""ITU-T G.711 table 2a: character signals and their decoder output, in steps of 14-bit samples (ours are 4 times)."""


def samples(*values: int) -> bytes:
    return np.array(values, dtype="<i2").tobytes()


def ffmpeg(audio: bytes, read_as: str, write_as: str) -> bytes:
    command = [FFMPEG, "-v", "error", "-f", read_as, "-ar", "8000", "-ac", "1", "-i", "-", "-f", write_as, "-"]
    return subprocess.run(command, input=audio, capture_output=True, check=True).stdout


@pytest.mark.parametrize(("code", "steps"), SEGMENT_OUTPUTS.items())
def test_codes_stand_for_the_standards_values_on_both_sides_of_zero(code: int, steps: int) -> None:
    assert ulaw_to_pcm(bytes([code])) == samples(steps * 4)
    assert ulaw_to_pcm(bytes([code & 0x7F])) == samples(-steps * 4)


@pytest.mark.parametrize(
    ("sample", "code"),
    [
        (0, 0xFF), (3, 0xFF), (4, 0xFE), (-4, 0x7E), (123, 0xF0), (124, 0xEF), (31_611, 0x81), (31_612, 0x80),
        (32_767, 0x80), (-32_768, 0x00), (-31_611, 0x01), (-31_612, 0x00),
    ],
)  # fmt: skip
def test_samples_get_the_code_of_their_decision_interval(sample: int, code: int) -> None:
    assert ulaw_from_pcm(samples(sample)) == bytes([code])


def test_every_code_survives_the_way_there_and_back() -> None:
    back = ulaw_from_pcm(ulaw_to_pcm(EVERY_CODE))

    assert back == EVERY_CODE.replace(b"\x7f", b"\xff")  # there are two zeros, and we write the positive one


@given(st.integers(-32_768, 32_767))
def test_a_sample_is_never_further_off_than_half_its_interval(sample: int) -> None:
    (back,) = np.frombuffer(ulaw_to_pcm(ulaw_from_pcm(samples(sample))), dtype="<i2").tolist()

    clipped = max(-32_124, min(32_124, sample))
    assert abs(back - clipped) <= max(4, (abs(clipped) + 132) >> 5)


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of element size"):
        ulaw_from_pcm(b"\0\0\0")


def test_nothing_is_nothing() -> None:
    assert ulaw_from_pcm(b"") == ulaw_to_pcm(b"") == b""


@pytest.mark.skipif(not FFMPEG, reason="needs ffmpeg")
def test_ffmpeg_decodes_as_we_do() -> None:
    assert ffmpeg(EVERY_CODE, "mulaw", "s16le") == ulaw_to_pcm(EVERY_CODE)


@pytest.mark.skipif(not FFMPEG, reason="needs ffmpeg")
def test_ffmpeg_encodes_as_we_do_but_for_a_step_where_it_rounds_to_14_bits_first() -> None:
    ours = np.frombuffer(ulaw_from_pcm(EVERY_SAMPLE), dtype=np.uint8).astype(int)
    theirs = np.frombuffer(ffmpeg(EVERY_SAMPLE, "s16le", "mulaw"), dtype=np.uint8).astype(int)
    differ = ours != theirs

    assert differ.mean() < 0.02
    assert np.abs(ours - theirs)[differ].max() == 1
