from __future__ import annotations

import struct
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from roomkit.errors import ConfigError
from roomkit.voice.audio.wav import parse_wav, read_wav, write_wav

WAVE_EXTENSIBLE = 0xFFFE
SINE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(1600) / 16_000)


def riff(body: bytes, *, tag: int, bits: int, channels: int = 1, rate_hz: int = 16_000, before: bytes = b"") -> bytes:
    block = channels * bits // 8
    if tag == WAVE_EXTENSIBLE:
        fmt = struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * block, block, bits)
        fmt += struct.pack("<HHI", 22, bits, 0) + b"\x01\x00" + bytes.fromhex("000000001000800000aa00389b71")
    else:
        fmt = struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * block, block, bits)
    chunks = before + b"fmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def as_integers(samples: NDArray[np.float64], bits: int) -> bytes:
    scaled = np.rint(samples * (2.0 ** (bits - 1) - 1)).astype(np.int64)
    if bits == 8:
        return bytes((scaled + 128).astype(np.uint8).tobytes())
    return b"".join(int(value).to_bytes(bits // 8, "little", signed=True) for value in scaled)


def heard(content: bytes) -> NDArray[np.float64]:
    return np.frombuffer(parse_wav(content)[0], "<i2").astype(np.float64) / 32_768


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_integers_of_every_width_sound_the_same(bits: int) -> None:
    content = riff(as_integers(SINE, bits), tag=1, bits=bits)

    assert np.abs(heard(content) - SINE).max() < (0.01 if bits == 8 else 1e-4)


@pytest.mark.parametrize("bits", [32, 64])
def test_floats_of_both_widths_sound_the_same(bits: int) -> None:
    content = riff(SINE.astype(f"<f{bits // 8}").tobytes(), tag=3, bits=bits)

    assert np.abs(heard(content) - SINE).max() < 1e-4


def test_the_extensible_form_is_read_by_the_format_in_its_extension() -> None:
    content = riff(as_integers(SINE, 24), tag=WAVE_EXTENSIBLE, bits=24)

    assert np.abs(heard(content) - SINE).max() < 1e-4


def test_channels_are_averaged() -> None:
    both = np.stack([SINE, np.zeros_like(SINE)], axis=1).reshape(-1)

    assert np.abs(heard(riff(as_integers(both, 16), tag=1, bits=16, channels=2)) - SINE / 2).max() < 1e-4


def test_floats_beyond_full_scale_are_clipped_and_what_is_not_a_number_is_silent() -> None:
    content = riff(np.array([2.0, -2.0, np.nan, np.inf], "<f4").tobytes(), tag=3, bits=32)

    assert list(np.frombuffer(parse_wav(content)[0], "<i2")) == [32_767, -32_768, 0, 32_767]


def test_the_rate_is_the_files() -> None:
    assert parse_wav(riff(b"\0\0", tag=1, bits=16, rate_hz=44_100))[1] == 44_100


def test_chunks_nobody_asked_for_are_skipped_odd_sizes_included() -> None:
    extra = b"LIST" + struct.pack("<I", 3) + b"abc\0"

    assert len(heard(riff(as_integers(SINE, 16), tag=1, bits=16, before=extra))) == len(SINE)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_recording_whose_sizes_were_never_filled_in_is_read_to_its_end(size: int) -> None:
    whole = riff(as_integers(SINE, 16), tag=1, bits=16)
    at = whole.index(b"data") + 4

    assert len(heard(whole[:at] + struct.pack("<I", size) + whole[at + 4 :])) == len(SINE)


def test_half_a_frame_at_the_end_is_dropped() -> None:
    assert parse_wav(riff(b"\1\0\2\0\3", tag=1, bits=16, channels=2))[0] == b"\2\0"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b"hello, I am text", "not a WAV file"),
        (b"ID3\x04 and so on", "but MP3"),
        (b"OggS and so on", "but Ogg"),
        (b"RIFF\x04\0\0\0WAVE", "without audio data"),
        (b"RIFF\x04\0\0\0WAVEdata\2\0\0\0\0\0", "data comes before its format"),
        (b"RIFF\x04\0\0\0WAVEfmt \2\0\0\0\1\0", "format is cut short"),
        (riff(b"\0" * 8, tag=0x55, bits=16), "is not linear PCM"),
        (riff(b"\0" * 8, tag=1, bits=12), "12 bits"),
        (riff(b"\0" * 8, tag=1, bits=16, channels=0), "0 channels"),
        (riff(b"\0" * 8, tag=1, bits=16, rate_hz=0), "at 0 Hz"),
    ],
)
def test_what_is_not_audio_gets_one_clear_line(content: bytes, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_wav(content, name="call.wav")

    assert str(caught.value).startswith("call.wav: ")
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=200))
def test_rubbish_after_a_good_beginning_is_audio_or_a_config_error(rubbish: bytes) -> None:
    try:
        pcm, rate_hz = parse_wav(b"RIFF\0\0\0\0WAVE" + rubbish)
    except ConfigError:
        return
    assert len(pcm) % 2 == 0
    assert rate_hz > 0


def test_a_file_that_is_not_there_gets_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.wav: cannot be read \(No such file"):
        read_wav(tmp_path / "nothing.wav")


def test_a_folder_gets_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_wav(tmp_path)


def test_what_is_written_reads_the_same_here_and_in_the_standard_library(tmp_path: Path) -> None:
    path = tmp_path / "answer.wav"
    pcm = as_integers(SINE, 16)

    write_wav(path, pcm, 24_000)

    assert read_wav(path) == (pcm, 24_000)
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.readframes(10_000)) == (24_000, 1, pcm)


def test_a_place_that_cannot_be_written_gets_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        write_wav(tmp_path / "no" / "folder.wav", b"", 16_000)
