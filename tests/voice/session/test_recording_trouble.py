"""A recording that cannot be: disks that are full, slow or gone, and calls of the API that make no sense."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import wave
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from roomkit.clock import Clock
from roomkit.errors import ConfigError, SessionStateError
from roomkit.models.enums import HookTrigger
from roomkit.models.recording import Recording
from roomkit.models.session import EndReason, SessionState
from roomkit.testing.call import Call, start_call
from roomkit.voice.session.recording import recorder as recorder_module
from roomkit.voice.session.recording.recorder import Recorder
from roomkit.voice.session.settings import SessionSettings

pytestmark = pytest.mark.virtual_time

FRAME = b"\x01\x00" * 320
SMALL_BYTES = 10 * len(FRAME)


async def call_with(recording: Recording | None = None) -> Call:
    return await start_call(settings=SessionSettings(recording=recording))


def reports(call: Call) -> list[str]:
    return [event.code for event in call.port.of(HookTrigger.ON_ERROR)]


async def speaks(call: Call, frames: int, *, steps_s: float = 0.02) -> None:
    for _ in range(frames):
        await asyncio.sleep(steps_s)
        await call.transport.simulate_client_audio(call.view, FRAME)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def open_files(directory: Path) -> list[str]:
    """Names of the files there that this process holds open."""
    held = {os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()}
    return [name for name in names(directory) if str(directory / name) in held]


def log(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


async def hang_up(call: Call) -> None:
    call.session.end(EndReason.HANGUP)
    await call.over()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[int, bytes], int] | None], None]:
    """Replace what writing does, or (None) put it back."""
    real = os.write

    def set_to(write: Callable[[int, bytes], int] | None) -> None:
        monkeypatch.setattr(os, "write", write or real)

    return set_to


# --- no place to record to --------------------------------------------------------------------


async def test_a_directory_that_is_not_there_costs_the_recording_and_not_the_call(tmp_path: Path) -> None:
    call = await call_with(Recording(directory=tmp_path / "missing"))

    await speaks(call, 50)

    assert call.view.state is SessionState.ACTIVE
    assert reports(call) == ["recording_failed"]
    assert "missing" not in str(call.told("error"))  # the client learns no path
    assert len(call.provider.sent_audio) == 50
    await hang_up(call)
    assert call.port.of(HookTrigger.ON_RECORDING_STARTED) == call.port.of(HookTrigger.ON_RECORDING_STOPPED) == []


@pytest.mark.parametrize("name", ["missing/a.wav", "there.wav", "bad\0name.wav", "log.wav"])
async def test_asked_to_record_where_it_cannot_it_says_so_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / "there.wav").write_bytes(b"dear diary")
    (tmp_path / "log.jsonl").write_text("dear diary")
    call = await call_with()

    with pytest.raises(ConfigError):
        await call.session.recording.start(tmp_path / name)

    assert (tmp_path / "there.wav").read_bytes() == b"dear diary"
    assert names(tmp_path) == ["log.jsonl", "there.wav"]
    assert await call.session.recording.start(tmp_path / "else.wav") == tmp_path / "else.wav"
    await hang_up(call)


async def test_without_a_directory_or_a_path_there_is_no_recording() -> None:
    call = await call_with()

    with pytest.raises(ConfigError, match="no place"):
        await call.session.recording.start()
    for rubbish in ("", "/", 7, b"a.wav"):
        with pytest.raises(ConfigError, match="no path"):
            await call.session.recording.start(rubbish)  # type: ignore[arg-type]  # rubbish on purpose
    with pytest.raises(ConfigError, match="mixed"):
        await call.session.recording.start("a.wav", tracks="three")  # type: ignore[arg-type]  # rubbish on purpose

    await hang_up(call)


@pytest.mark.parametrize(
    "fields",
    [{"directory": ""}, {"directory": 7}, {"tracks": "three"}, {"starts": "never"}, {"rate_hz": 0}, {"rate_hz": 10**9}],
)
def test_a_recording_that_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Recording(**{"directory": "somewhere", **fields})


# --- start and stop ---------------------------------------------------------------------------


async def test_only_one_recording_at_a_time_and_each_has_its_own_file(tmp_path: Path) -> None:
    """R-0006-84."""
    call = await call_with(Recording(directory=tmp_path, starts="on_request"))

    first = await call.session.recording.start()
    with pytest.raises(SessionStateError, match="already"):
        await call.session.recording.start()
    await speaks(call, 50)
    stopped = await call.session.recording.stop()
    again = await call.session.recording.stop()
    await speaks(call, 50)
    second = await call.session.recording.start()
    await hang_up(call)

    assert stopped is not None
    assert again is None
    assert (stopped.reason, stopped.duration_ms) == ("stopped", 1_000)
    assert [path.name for path in (first, second)] == [f"{call.view.id}.wav", f"{call.view.id}-2.wav"]
    assert [e.reason for e in call.port.of(HookTrigger.ON_RECORDING_STOPPED)] == ["stopped", "hangup"]


async def test_a_call_that_is_over_cannot_be_recorded(tmp_path: Path) -> None:
    call = await call_with()
    await hang_up(call)

    with pytest.raises(SessionStateError):
        await call.session.recording.start(tmp_path / "a.wav")

    assert names(tmp_path) == []


async def test_a_call_that_ends_while_its_recording_begins_leaves_one_whole_file_or_none(tmp_path: Path) -> None:
    call = await call_with()
    starting = call.tasks.start(call.session.recording.start(tmp_path / "a.wav"), name="start")
    await asyncio.sleep(0)

    call.session.end(EndReason.HANGUP)
    await call.session.ended()
    await asyncio.gather(starting, return_exceptions=True)

    for name in names(tmp_path):
        if name.endswith(".wav"):
            with wave.open(str(tmp_path / name)) as file:
                assert file.getnchannels() == 2
    began, ended = (call.port.of(getattr(HookTrigger, f"ON_RECORDING_{what}")) for what in ("STARTED", "STOPPED"))
    assert len(began) == len(ended)


# --- disks ------------------------------------------------------------------------------------


async def test_a_disk_that_fills_up_ends_the_recording_and_not_the_call(tmp_path: Path, disk: Any) -> None:
    """R-0006-82."""
    call = await call_with(Recording(directory=tmp_path))
    await speaks(call, 200)

    def full(descriptor: int, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    disk(full)
    await speaks(call, 100)
    disk(None)

    (stopped,) = call.port.of(HookTrigger.ON_RECORDING_STOPPED)
    assert stopped.reason == "failed"
    assert reports(call) == ["recording_failed"]
    assert len(call.provider.sent_audio) == 300
    with wave.open(stopped.path) as file:
        assert file.getnframes() / file.getframerate() * 1000 == stopped.duration_ms >= 1_000
    await hang_up(call)
    assert len(call.port.of(HookTrigger.ON_RECORDING_STOPPED)) == 1


async def test_a_disk_that_is_slow_delays_no_frame_and_what_it_cannot_take_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "MAX_WAITING_BYTES", SMALL_BYTES)
    call = await call_with(Recording(directory=tmp_path))

    for _ in range(30):  # more than fits, before the writer gets a turn
        await call.transport.simulate_client_audio(call.view, FRAME)
    reached_at_once = len(call.provider.sent_audio)
    await asyncio.sleep(1)
    await speaks(call, 5)
    await hang_up(call)

    (stopped,) = call.port.of(HookTrigger.ON_RECORDING_STOPPED)
    assert reached_at_once == 30
    assert 400 <= stopped.dropped_ms <= 420  # 20 of 30 frames, and the weight of a line of the log
    assert reports(call) == ["recording_dropped"]
    with wave.open(stopped.path) as file:
        samples = struct.unpack(f"<{2 * file.getnframes()}h", file.readframes(file.getnframes()))[0::2]
    assert any(samples[round(1.02 * 24_000) :])  # what came later keeps its place


async def test_a_disk_that_hangs_holds_up_neither_the_call_nor_its_end(
    tmp_path: Path, disk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs = threading.Event()
    monkeypatch.setattr("roomkit.voice.session.recording.recording.FINISH_TIMEOUT_S", 0.0)
    call = await call_with(Recording(directory=tmp_path))
    await speaks(call, 10)
    real = os.write

    def hang(descriptor: int, content: bytes) -> int:
        hangs.wait(10)
        return real(descriptor, content)

    disk(hang)
    call.session.end(EndReason.HANGUP)
    await call.over()
    (stopped,) = call.port.of(HookTrigger.ON_RECORDING_STOPPED)
    hangs.set()
    assert stopped.reason == "failed"
    assert "recording_failed" in reports(call)


async def test_the_files_of_a_disk_that_hung_are_let_go_when_it_comes_back(tmp_path: Path, disk: Any) -> None:
    hangs, real = threading.Event(), os.write
    recorder = Recorder(tmp_path / "a.wav", tracks="two", rate_hz=8_000, clock=Clock())
    await recorder.open()

    def hang(descriptor: int, content: bytes) -> int:
        hangs.wait(10)
        return real(descriptor, content)

    disk(hang)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await recorder.flush()
    recorder.abandon()
    while_it_hangs = open_files(tmp_path)
    hangs.set()
    await asyncio.sleep(0.01)

    assert while_it_hangs == ["a.jsonl", "a.wav"]
    assert open_files(tmp_path) == []


KILLED = """
import asyncio, os, signal, sys
from roomkit.models.recording import Recording
from roomkit.testing.call import start_call
from roomkit.testing.virtual_time import VirtualTimeLoop
from roomkit.voice.session.settings import SessionSettings

async def main():
    call = await start_call(settings=SessionSettings(recording=Recording(directory=sys.argv[1])))
    for _ in range(500):
        await asyncio.sleep(0.02)
        await call.transport.simulate_client_audio(call.view, b"\\1\\0" * 320)
    os.kill(os.getpid(), signal.SIGKILL)

with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
    runner.run(main())
"""
"""Ten virtual seconds of a recorded call, then the end of the process."""


def test_a_process_that_is_killed_leaves_a_valid_file_that_lacks_its_last_seconds_only(tmp_path: Path) -> None:
    """R-0006-83."""
    died = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False, timeout=60)

    assert died.returncode == -signal.SIGKILL
    [path] = tmp_path.glob("*.wav")
    with wave.open(str(path)) as file:
        assert 7.0 <= file.getnframes() / file.getframerate() <= 10.0
        samples = struct.unpack(f"<{2 * file.getnframes()}h", file.readframes(file.getnframes()))
    assert set(samples[100:-100:2]) == {1}
    assert log(str(path.with_suffix(".jsonl")))[0]["type"] == "recording_started"


async def test_messages_of_the_application_that_are_no_json_cost_their_line_only(tmp_path: Path) -> None:
    call = await call_with(Recording(directory=tmp_path))
    ring: dict[str, Any] = {"type": "ring"}
    ring["self"] = ring

    call.session.tell_client(ring)
    call.session.tell_client({"type": "odd", "kind": 1, "self": {(1, 2): 3}})
    call.session.tell_client({"type": "fine", "at_ms": "mine"})
    await hang_up(call)

    (stopped,) = call.port.of(HookTrigger.ON_RECORDING_STOPPED)
    lines = log(stopped.log_path)
    assert [line["type"] for line in lines[1:4]] == ["ring", "odd", "fine"]
    assert lines[3]["at_ms"] == 0


# --- what it costs ----------------------------------------------------------------------------


async def python_calls(call: Call, frames: int) -> int:
    """Python functions called while so many frames of the caller go to the provider."""
    sink = call.session.events.media.input
    count = 0

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(profile)
    try:
        for _ in range(frames):
            sink.feed(FRAME)
    finally:
        sys.setprofile(None)
    return count


async def test_a_call_that_is_not_recorded_pays_no_call_a_frame_for_it(tmp_path: Path) -> None:
    """R-0006-82."""
    plain, tapped = await call_with(), await call_with(Recording(directory=tmp_path))

    await python_calls(plain, 100)  # caches fill
    without, during = await python_calls(plain, 100), await python_calls(tapped, 100)
    await tapped.session.recording.stop()
    after = await python_calls(tapped, 100)

    assert plain.session.events.media.input.tap is None
    assert during >= without + 100
    assert after < without + 100  # the collector of garbage calls something now and then
    await hang_up(plain)
    await hang_up(tapped)


def test_the_tap_only_remembers() -> None:
    """No file, thread or task is touched on the audio path: three names are all it calls."""
    assert not {"open", "write", "run_in_executor", "_in_thread"} & set(Recorder.caller.__code__.co_names)
