"""A WAV file that grows while it is recorded and is a whole one whenever the process dies.

Samples are appended first and the header is brought up to date after them: what a killed process leaves is valid up to
its last `GrowingWav.update`. Room for 64-bit sizes is kept from the start, so a file that outgrows 4 GiB becomes RF64
in place. Not in here: reading and whole files at once (`wav`). Blocking: call it from a thread.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Final

from roomkit.errors import ConfigError

HEADER_BYTES: Final = 80
MAX_RIFF_BYTES: Final = 0xFFFF_FFFF
OWNER_ONLY: Final = 0o600
"""A recording of people is nobody else's business on a shared machine."""


class GrowingWav:
    """One PCM16 file, open for appending.

    Args:
        path: Must not exist: a recording is never written over.
        rate_hz: Frames a second.
        channels: Samples a frame.

    Raises:
        ConfigError: There is a file already, or it cannot be made.

    Source: EBU Tech 3306 (RF64: the ``JUNK`` chunk that turns into ``ds64``).
    """

    def __init__(self, path: Path, *, rate_hz: int, channels: int) -> None:
        self._rate_hz = rate_hz
        self._frame_bytes = 2 * channels
        self._channels = channels
        self.data_bytes = 0
        self._file = open_new(path)
        try:
            self.update()
        except OSError as error:
            self._file.close()
            raise ConfigError(f"{path}: cannot be written ({error.strerror})") from error

    def append(self, pcm: bytes) -> None:
        """Add whole frames at the end; they count from the next `update`.

        Raises:
            OSError: The disk is full or gone; the file stays valid as it was.
        """
        self._file.seek(HEADER_BYTES + self.data_bytes)
        write_all(self._file.fileno(), pcm)
        self.data_bytes += len(pcm)

    def update(self) -> None:
        """Make the header tell what is there.

        Raises:
            OSError: The disk is full or gone.
        """
        self._file.seek(0)
        write_all(self._file.fileno(), header(self.data_bytes, self._rate_hz, self._channels))

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        self._file.close()


def open_new(path: Path) -> FileOfOurs:
    """Make a file only its owner may read.

    Raises:
        ConfigError: There is one already, or it cannot be made.
    """
    try:
        return FileOfOurs(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, OWNER_ONLY))
    except FileExistsError as error:
        raise ConfigError(f"{path}: there is such a file already; recordings are never written over") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"{path}: cannot be written ({reason})") from error


class FileOfOurs:
    """A descriptor without a buffer: what a full disk refused is not tried again behind our back at the close."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._is_open = True

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def seek(self, at: int) -> None:
        """Go on writing from this byte."""
        os.lseek(self._descriptor, at, os.SEEK_SET)

    def close(self) -> None:
        """Idempotent."""
        if self._is_open:
            self._is_open = False
            os.close(self._descriptor)


def write_all(descriptor: int, content: bytes) -> None:
    """Write every byte.

    Raises:
        OSError: The disk is full or gone.
    """
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def header(data_bytes: int, rate_hz: int, channels: int) -> bytes:
    """The first `HEADER_BYTES` of a PCM16 file that holds so much audio: RIFF, or RF64 where 32 bits cannot say it."""
    frame_bytes = 2 * channels
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate_hz, rate_hz * frame_bytes, frame_bytes, 16)
    riff_bytes = HEADER_BYTES - 8 + data_bytes
    if riff_bytes <= MAX_RIFF_BYTES:
        spare = struct.pack("<4sI28x", b"JUNK", 28)
        return (
            struct.pack("<4sI4s", b"RIFF", riff_bytes, b"WAVE") + spare + fmt + struct.pack("<4sI", b"data", data_bytes)
        )
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, riff_bytes, data_bytes, data_bytes // frame_bytes, 0)
    riff = struct.pack("<4sI4s", b"RF64", MAX_RIFF_BYTES, b"WAVE")
    return riff + sizes + fmt + struct.pack("<4sI", b"data", MAX_RIFF_BYTES)
