"""A recorded call: which samples lie where on the two tracks, and what the log tells (RFC 0006, R-0006-80 to 86)."""

from __future__ import annotations

import asyncio
import json
import struct
import wave
from pathlib import Path
from typing import Any

import pytest

from roomkit.models.enums import HookTrigger
from roomkit.models.recording import Recording, RecordingEvent
from roomkit.models.session import EndReason
from roomkit.testing.call import Call, start_call
from roomkit.voice.realtime.mock import MockRealtimeProvider
from roomkit.voice.session.settings import SessionSettings

pytestmark = pytest.mark.virtual_time

RATE_HZ = 8_000
FRAME_MS, FRAME = 20, 160


def counted(first: int, count: int = FRAME) -> bytes:
    """Samples that tell where they are."""
    return struct.pack(f"<{count}h", *range(first, first + count))


async def recorded_call(directory: Path, *, lead_ms: float = 200.0, **fields: Any) -> Call:
    """A call of one rate from end to end, recorded from its first sample."""
    recording = fields.pop("recording", Recording(directory=directory))
    settings = SessionSettings(
        input_rate_hz=RATE_HZ, output_rate_hz=RATE_HZ, recording=recording, lead_ms=lead_ms, **fields
    )
    return await start_call(settings=settings, lead_ms=lead_ms)


async def hang_up(call: Call) -> RecordingEvent:
    call.session.end(EndReason.HANGUP)
    await call.over()
    event: RecordingEvent = call.port.of(HookTrigger.ON_RECORDING_STOPPED)[-1]
    return event


def tracks(path: Path | str) -> tuple[list[int], list[int]]:
    """The two sides of a file."""
    with wave.open(str(path)) as file:
        assert file.getnchannels() == 2
        pcm = file.readframes(file.getnframes())
    both = struct.unpack(f"<{len(pcm) // 2}h", pcm)
    return list(both[0::2]), list(both[1::2])


def at(track: list[int], ms: float, length_ms: float = FRAME_MS) -> list[int]:
    return track[round(ms * RATE_HZ / 1000) : round((ms + length_ms) * RATE_HZ / 1000)]


def log(path: Path | str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


async def caller_says(call: Call, first: int, frames: int) -> None:
    """Counting frames, each sent when its last sample has been spoken."""
    for index in range(frames):
        await asyncio.sleep(FRAME_MS / 1000)
        await call.transport.simulate_client_audio(call.view, counted(first + index * FRAME))


async def agent_says(call: Call, pcm: bytes, text: str = "words") -> None:
    await call.provider.simulate_response_start(call.view)
    await call.provider.simulate_audio(call.view, pcm)
    await call.provider.simulate_transcription(call.view, text)
    await call.provider.simulate_response_end(call.view)


# --- where samples lie ------------------------------------------------------------------------


async def test_both_sides_lie_on_one_time_line_sample_by_sample(tmp_path: Path) -> None:
    """R-0006-80, R-0006-81."""
    call = await recorded_call(tmp_path)

    await caller_says(call, 1, 5)  # 0 to 100 ms
    await asyncio.sleep(0.2)
    await agent_says(call, counted(10_000, 4_000))  # 300 to 800 ms, made at once
    await asyncio.sleep(0.7)
    await caller_says(call, 2_001, 5)  # 1,000 to 1,100 ms
    event = await hang_up(call)

    caller, agent = tracks(event.path)
    assert at(caller, 0, 100) == list(range(1, 801))
    assert at(caller, 1_000, 100) == list(range(2_001, 2_801))
    assert at(agent, 300, 500) == list(range(10_000, 14_000))
    assert not any(at(caller, 100, 900))
    assert not any(at(agent, 0, 300) + at(agent, 800, 300))
    assert len(caller) == len(agent) == 1_100 * 8
    assert event.duration_ms == 1_100


async def test_what_was_cut_is_not_on_the_agents_track(tmp_path: Path) -> None:
    """R-0006-81."""
    call = await recorded_call(tmp_path)
    await agent_says(call, counted(1, 16_000))  # two seconds

    await asyncio.sleep(0.5)
    await call.provider.simulate_speech_start(call.view)  # 200 ms more are at the client, which clears them
    await asyncio.sleep(1)
    await agent_says(call, counted(20_000, 800))
    await asyncio.sleep(0.2)
    event = await hang_up(call)

    _, agent = tracks(event.path)
    assert at(agent, 0, 500) == list(range(1, 4_001))
    assert not any(at(agent, 500, 1_000))
    assert at(agent, 1_500, 100) == list(range(20_000, 20_800))
    assert not any(at(agent, 1_600, 100))


async def test_how_much_of_a_cut_answer_is_there_is_what_the_client_reports(tmp_path: Path) -> None:
    call = await recorded_call(tmp_path)
    await agent_says(call, counted(1, 16_000))

    await asyncio.sleep(0.5)
    await call.transport.simulate_client_playback(call.view, 420.0)
    await call.provider.simulate_speech_start(call.view)
    event = await hang_up(call)

    _, agent = tracks(event.path)
    assert at(agent, 0, 420) == list(range(1, 3_361))
    assert not any(at(agent, 420, 80))


async def test_a_recording_that_stops_in_the_middle_of_an_answer_ends_where_it_was_heard(tmp_path: Path) -> None:
    call = await recorded_call(tmp_path)
    await agent_says(call, counted(1, 16_000))
    await asyncio.sleep(0.5)

    event = await call.session.recording.stop()
    await asyncio.sleep(2)
    await hang_up(call)

    assert event is not None
    _, agent = tracks(event.path)
    assert event.duration_ms == 500
    assert agent == list(range(1, 4_001))


async def test_who_is_muted_is_not_recorded(tmp_path: Path) -> None:
    """R-0006-81."""
    call = await recorded_call(tmp_path)

    await caller_says(call, 1, 10)
    call.session.permit(can_write=False, can_read=True)
    await caller_says(call, 10_001, 10)
    call.session.permit(can_write=True, can_read=True)
    await caller_says(call, 20_001, 10)
    event = await hang_up(call)

    caller, _ = tracks(event.path)
    assert at(caller, 0, 200) == list(range(1, 1_601))
    assert not any(at(caller, 200, 200))
    assert at(caller, 400, 200) == list(range(20_001, 21_601))


async def test_an_agent_nobody_may_hear_is_not_recorded(tmp_path: Path) -> None:
    call = await recorded_call(tmp_path)
    await agent_says(call, counted(1, 16_000))
    await asyncio.sleep(0.1)

    call.session.permit(can_write=True, can_read=False)
    await agent_says(call, counted(20_000, 8_000))
    await asyncio.sleep(1)
    event = await hang_up(call)

    _, agent = tracks(event.path)
    assert at(agent, 0, 100) == list(range(1, 801))
    assert not any(agent[800:])


async def test_a_lost_provider_leaves_no_hole_in_the_callers_track(tmp_path: Path) -> None:
    call = await recorded_call(tmp_path)

    await caller_says(call, 1, 10)
    await call.provider.simulate_disconnect(call.view)
    await caller_says(call, 1_601, 50)
    event = await hang_up(call)

    caller, _ = tracks(event.path)
    assert at(caller, 0, 1_200) == list(range(1, 9_601))
    states = [line["state"] for line in log(event.log_path) if line["type"] == "link_state"]
    assert states == ["recovering", "up"]


async def test_a_client_at_8_khz_and_a_provider_at_24_khz_are_recorded_at_the_clients_rate(tmp_path: Path) -> None:
    settings = SessionSettings(transport_rate_hz=8_000, recording=Recording(directory=tmp_path))
    call = await start_call(provider=MockRealtimeProvider(rate_hz=24_000), settings=settings, lead_ms=200)

    await caller_says(call, 1, 10)
    await agent_says(call, b"\xe8\x03" * 24_000)
    await asyncio.sleep(1)
    event = await hang_up(call)

    caller, agent = tracks(event.path)
    assert event.rate_hz == 8_000
    assert at(caller, 0, 200) == list(range(1, 1_601))
    assert not any(at(agent, 0, 200))
    assert at(agent, 210, 980) == [1_000] * 7_840


async def test_two_rates_at_the_client_become_one(tmp_path: Path) -> None:
    settings = SessionSettings(recording=Recording(directory=tmp_path))  # 16 kHz there, 24 kHz back
    call = await start_call(settings=settings, lead_ms=200)

    for _ in range(50):
        await asyncio.sleep(0.02)
        await call.transport.simulate_client_audio(call.view, b"\xe8\x03" * 320)
    event = await hang_up(call)

    with wave.open(event.path) as file:
        assert (file.getframerate(), file.getnframes()) == (24_000, 24_000)
        pcm = file.readframes(24_000)
    assert set(struct.unpack("<48000h", pcm)[1_000:47_000:2]) == {1_000}


async def test_mixed_is_one_track(tmp_path: Path) -> None:
    call = await recorded_call(tmp_path, recording=Recording(directory=tmp_path, tracks="mixed"))

    await agent_says(call, counted(100, 800))
    await caller_says(call, 1, 5)
    event = await hang_up(call)

    with wave.open(event.path) as file:
        assert file.getnchannels() == 1
        both = struct.unpack("<800h", file.readframes(file.getnframes()))
    assert list(both) == [101 + 2 * index for index in range(800)]


async def test_a_caller_who_comes_back_is_recorded_on_the_same_time_line(tmp_path: Path) -> None:
    call = await recorded_call(tmp_path, client_grace_ms=5_000)

    await caller_says(call, 1, 10)
    await call.transport.simulate_client_disconnect(call.view)
    await asyncio.sleep(1)
    await call.session.resume(None)
    await caller_says(call, 1_601, 10)
    event = await hang_up(call)

    caller, _ = tracks(event.path)
    assert at(caller, 0, 200) == list(range(1, 1_601))
    assert not any(at(caller, 200, 1_000))
    assert at(caller, 1_200, 200) == list(range(1_601, 3_201))
    states = [(line["link"], line["state"]) for line in log(event.log_path) if line["type"] == "link_state"]
    assert states == [("client", "recovering"), ("client", "up")]


# --- hooks, the log, the way out --------------------------------------------------------------


async def test_hooks_are_told_when_it_begins_and_when_it_is_complete(tmp_path: Path) -> None:
    """R-0006-85."""
    call = await recorded_call(tmp_path)
    await caller_says(call, 1, 50)

    event = await hang_up(call)

    began = call.port.of(HookTrigger.ON_RECORDING_STARTED)
    path = tmp_path / f"{call.view.id}.wav"
    assert [(e.path, e.reason, e.duration_ms) for e in began] == [(str(path), None, 0)]
    assert (event.path, event.tracks, event.reason, event.duration_ms) == (str(path), "two", "hangup", 1_000)
    assert (event.room_id, event.channel_id, event.session) == ("room-1", "voice", call.view)
    order = [trigger for trigger, _ in call.port.told if "session" in trigger or "recording" in trigger]
    assert order == ["on_session_started", "on_recording_started", "on_recording_stopped", "on_session_ended"]


async def test_the_log_tells_what_happened_and_when(tmp_path: Path) -> None:
    """R-0006-86."""
    call = await recorded_call(tmp_path)

    await asyncio.sleep(1)
    await call.provider.simulate_speech_start(call.view)
    await call.provider.simulate_speech_end(call.view)
    await call.provider.simulate_transcription(call.view, "what time is it", role="user")
    await call.provider.simulate_tool_call(call.view, "c1", "clock", '{"zone": "\ud83d"}')
    await agent_says(call, counted(1, 1_600), "noon")
    await asyncio.sleep(1)
    event = await hang_up(call)

    lines = log(event.log_path)
    assert [line["type"] for line in lines] == [
        "recording_started", "speaking", "speaking", "transcription", "tool_call", "tool_result",
        "speaking", "speaking", "transcription", "session_ended", "recording_stopped",
    ]  # fmt: skip
    by_type = {line["type"]: line for line in lines}
    assert by_type["recording_started"]["session_id"] == call.view.id
    assert lines[3]["text"] == "what time is it"
    assert lines[3]["at_ms"] == 1_000
    assert lines[3]["time"] == "2026-01-01T00:00:01+00:00"
    assert by_type["tool_call"]["arguments"] == '{"zone": "?"}'  # half an emoji is no text
    assert by_type["session_ended"]["reason"] == "hangup"


@pytest.mark.parametrize("way", ["goodbye", "gone", "provider", "cancelled"])
async def test_it_is_complete_whatever_way_the_call_ends(tmp_path: Path, way: str) -> None:
    """R-0006-84."""
    call = await recorded_call(tmp_path)
    await caller_says(call, 1, 10)

    if way == "goodbye":
        call.session.end(EndReason.CLIENT_ENDED)
    elif way == "gone":
        await call.transport.simulate_client_disconnect(call.view)
    elif way == "provider":
        await call.provider.simulate_disconnect(call.view, retryable=False)
    else:
        await call.tasks.close()
    await call.over()

    event = call.port.of(HookTrigger.ON_RECORDING_STOPPED)[0]
    assert event.reason == str(call.view.end_reason)
    assert at(tracks(event.path)[0], 0, 200) == list(range(1, 1_601))
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
