"""WAV files: any of them in, PCM16 mono out; and PCM16 mono back into a file.

Read here rather than by the standard library's ``wave``, which knows neither floats nor WAVE_FORMAT_EXTENSIBLE.
Recorders that were killed leave sizes of 0 or 2^32-1 in the header: the data then ends where the file does.
Not in here: resampling, and other containers. Invariant: what is no audio raises one `ConfigError` of one line.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from roomkit.errors import ConfigError

MAX_FILE_BYTES = 512 * 1024 * 1024
"""Over an hour of CD audio; beyond that somebody mixed up two files."""

FORMAT_PCM = 0x0001
FORMAT_FLOAT = 0x0003
FORMAT_EXTENSIBLE = 0xFFFE

EXTENSIBLE_MIN_BYTES = 40
"""The 18 bytes of WAVEFORMATEX and 22 of the extension, whose GUID begins with the format tag."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """How the samples lie in the file."""

    tag: int
    channels: int
    rate_hz: int
    bits: int

    @property
    def sample_bytes(self) -> int:
        return self.bits // 8


def read_wav(path: Path) -> tuple[bytes, int]:
    """The audio of a WAV file as one channel.

    Args:
        path: 8-, 16-, 24- or 32-bit integers or 32- or 64-bit floats, any rate and number of channels.

    Returns:
        PCM16 LE mono (channels averaged, peaks beyond full scale clipped) and its rate in Hz.

    Raises:
        ConfigError: It cannot be read or is not such a file; the message names the file and says why, in one line.

    Source: RFC 2361, and Microsoft's "Multiple channel audio data and WAVE files" for the extensible form.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_FILE_BYTES >> 20} MB")
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror or type(error).__name__})") from error
    return parse_wav(content, name=str(path))


def parse_wav(content: bytes, *, name: str = "the audio") -> tuple[bytes, int]:
    """As `read_wav`, from the bytes of a file; ``name`` is what errors call it."""
    if len(content) < 12 or content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise ConfigError(f"{name}: not a WAV file{_what_it_is(content)}")
    layout: _Layout | None = None
    for kind, body in _chunks(content):
        if kind == b"fmt ":
            layout = _layout(body, name)
        elif kind == b"data":
            if layout is None:
                raise ConfigError(f"{name}: a damaged WAV file (its data comes before its format)")
            return _to_pcm16(body, layout), layout.rate_hz
    raise ConfigError(f"{name}: a WAV file without audio data")


def write_wav(path: Path, pcm: bytes, rate_hz: int) -> None:
    """Write PCM16 LE mono as a WAV file, replacing what is there.

    Raises:
        ConfigError: The file cannot be written.
    """
    fmt = struct.pack("<HHIIHH", FORMAT_PCM, 1, rate_hz, rate_hz * 2, 2, 16)
    header = b"RIFF" + struct.pack("<I", 36 + len(pcm)) + b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt
    try:
        path.write_bytes(header + b"data" + struct.pack("<I", len(pcm)) + pcm)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror or type(error).__name__})") from error


def _what_it_is(content: bytes) -> str:
    if not content:
        return " (it is empty)"
    for magic, kind in ((b"ID3", "MP3"), (b"\xff\xfb", "MP3"), (b"OggS", "Ogg"), (b"fLaC", "FLAC"), (b"RF64", "RF64")):
        if content.startswith(magic):
            return f" but {kind}; convert it first, for example with ffmpeg"
    return ""


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(content):
        kind = content[at : at + 4]
        size = int.from_bytes(content[at + 4 : at + 8], "little")
        if kind == b"data" and size == 0:
            size = len(content)  # a recorder that never came back to fill it in
        yield kind, content[at + 8 : at + 8 + size]
        at += 8 + size + (size & 1)


def _layout(body: bytes, name: str) -> _Layout:
    if len(body) < 16:
        raise ConfigError(f"{name}: a damaged WAV file (its format is cut short)")
    tag, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", body)
    if tag == FORMAT_EXTENSIBLE and len(body) >= EXTENSIBLE_MIN_BYTES:
        tag = int.from_bytes(body[24:26], "little")
    if channels == 0 or not 1_000 <= rate_hz <= 768_000:
        raise ConfigError(f"{name}: a damaged WAV file ({channels} channels at {rate_hz} Hz)")
    if (tag, bits) not in _KNOWN:
        raise ConfigError(f"{name}: its encoding (format {tag:#06x}, {bits} bits) is not linear PCM or float")
    return _Layout(tag, channels, rate_hz, bits)


_KNOWN = {
    *((FORMAT_PCM, bits) for bits in (8, 16, 24, 32)),
    *((FORMAT_FLOAT, bits) for bits in (32, 64)),
}


def _to_pcm16(body: bytes, layout: _Layout) -> bytes:
    frame_bytes = layout.sample_bytes * layout.channels
    body = body[: len(body) // frame_bytes * frame_bytes]
    if layout.channels == 1 and (layout.tag, layout.bits) == (FORMAT_PCM, 16):
        return body
    mono = _samples(body, layout).reshape(-1, layout.channels).mean(axis=1)
    return bytes(np.clip(np.rint(mono * 32_768.0), -32_768, 32_767).astype("<i2").tobytes())


def _samples(body: bytes, layout: _Layout) -> NDArray[np.float64]:
    """Every sample of every channel, full scale being 1."""
    if layout.tag == FORMAT_FLOAT:
        floats = np.frombuffer(body, "<f4" if layout.bits == 32 else "<f8").astype(np.float64)
        return np.nan_to_num(floats, nan=0.0, posinf=1.0, neginf=-1.0).clip(-1e3, 1e3)
    if layout.bits == 8:  # the one unsigned format
        return (np.frombuffer(body, np.uint8).astype(np.float64) - 128.0) / 128.0
    if layout.bits == 24:
        widened = np.zeros((len(body) // 3, 4), np.uint8)
        widened[:, 1:] = np.frombuffer(body, np.uint8).reshape(-1, 3)
        return widened.view("<i4").reshape(-1).astype(np.float64) / 2.0**31
    return np.frombuffer(body, f"<i{layout.sample_bytes}").astype(np.float64) / 2.0 ** (layout.bits - 1)
