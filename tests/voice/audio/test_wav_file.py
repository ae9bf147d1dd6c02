"""A WAV file that grows: whole at every moment, never written over, as large as a disk."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from roomkit.errors import ConfigError
from roomkit.voice.audio.wav import read_wav
from roomkit.voice.audio.wav_file import HEADER_BYTES, GrowingWav, header

STEREO = b"\x01\x00\x02\x00" * 240


def test_it_reads_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    wav = GrowingWav(path, rate_hz=24_000, channels=2)
    wav.append(STEREO)
    wav.append(STEREO)
    wav.update()
    wav.close()
    wav.close()

    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 24_000, 2)
        assert file.readframes(file.getnframes()) == STEREO * 2
    assert read_wav(path)[1] == 24_000


def test_one_that_was_killed_is_whole_up_to_its_last_update(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    killed = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom roomkit.voice.audio.wav_file import GrowingWav\n"
        "wav = GrowingWav(Path(sys.argv[1]), rate_hz=8000, channels=2)\n"
        "wav.append(b'\\1\\0\\2\\0' * 800)\nwav.update()\nwav.append(b'\\1\\0\\2\\0' * 800)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )

    died = subprocess.run([sys.executable, "-c", killed, str(path)], check=False, timeout=60)

    assert died.returncode == -9
    with wave.open(str(path)) as file:
        assert file.getnframes() == 800
        assert file.readframes(800) == b"\1\0\2\0" * 800


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    GrowingWav(tmp_path / "a.wav", rate_hz=8_000, channels=1).close()

    assert stat.S_IMODE((tmp_path / "a.wav").stat().st_mode) == 0o600


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"dear diary")

    with pytest.raises(ConfigError, match="already"):
        GrowingWav(path, rate_hz=8_000, channels=2)

    assert path.read_bytes() == b"dear diary"


@pytest.mark.parametrize("name", ["missing/a.wav", "a\0b.wav", "x" * 300, ""])
def test_a_path_that_cannot_be_is_a_clear_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"cannot be written|already"):
        GrowingWav(tmp_path / name, rate_hz=8_000, channels=2)


def test_a_full_disk_leaves_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.wav"
    wav = GrowingWav(path, rate_hz=8_000, channels=2)
    wav.append(STEREO)
    wav.update()
    write = os.write

    def full(descriptor: int, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        wav.append(STEREO)
    monkeypatch.setattr(os, "write", write)
    wav.close()

    with wave.open(str(path)) as file:
        assert file.readframes(file.getnframes()) == STEREO


def test_beyond_four_gigabytes_it_is_an_rf64_of_the_same_shape() -> None:
    data_bytes = 5 * 2**30

    small, large = header(96_000, 24_000, 2), header(data_bytes, 24_000, 2)

    assert len(small) == len(large) == HEADER_BYTES
    assert (small[:4], large[:4]) == (b"RIFF", b"RF64")
    assert large[12:16] == b"ds64"
    assert int.from_bytes(large[28:36], "little") == data_bytes
    assert int.from_bytes(large[36:44], "little") == data_bytes // 4
    assert large[76:80] == b"\xff\xff\xff\xff"
