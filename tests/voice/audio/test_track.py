"""Where audio lies on a time line: spoken, played, cut, resampled."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.voice.audio.track import JITTER_MS, Track, interleaved, mixed

RATE_HZ = 8_000
FRAME_MS = 20.0
FRAME = 160


def counted(first: int, count: int = FRAME) -> bytes:
    """Samples that tell where they are."""
    return struct.pack(f"<{count}h", *range(first, first + count))


def samples(pcm: bytes) -> list[int]:
    return list(struct.unpack(f"<{len(pcm) // 2}h", pcm))


def everything(track: Track) -> list[int]:
    track.finish()
    return samples(track.take(track.end))


def test_a_live_stream_lies_where_its_pieces_were_spoken() -> None:
    track = Track(RATE_HZ, origin_ms=1_000)

    for index in range(3):
        track.spoken(counted(1 + index * FRAME), RATE_HZ, 1_020 + index * FRAME_MS)

    assert everything(track) == list(range(1, 1 + 3 * FRAME))


def test_a_pause_is_silence_of_its_length() -> None:
    track = Track(RATE_HZ, origin_ms=0)

    track.spoken(counted(1), RATE_HZ, 20)
    track.spoken(counted(501), RATE_HZ, 520)

    heard = everything(track)
    assert heard[:FRAME] == list(range(1, 161))
    assert not any(heard[FRAME:4_000])
    assert heard[4_000:] == list(range(501, 661))


def test_jitter_makes_no_holes() -> None:
    track = Track(RATE_HZ, origin_ms=0)

    for index, late_ms in enumerate([0, 30, 5, JITTER_MS - 1, 0]):
        track.spoken(counted(1 + index * FRAME), RATE_HZ, 20 + index * FRAME_MS + late_ms)

    assert everything(track) == list(range(1, 1 + 5 * FRAME))


def test_what_a_stalled_network_delivers_at_once_moves_back_to_where_it_was_spoken() -> None:
    track = Track(RATE_HZ, origin_ms=0)
    track.spoken(counted(1), RATE_HZ, 20)

    for index in range(1, 16):  # all of 300 ms arrives at 320
        track.spoken(counted(1 + index * FRAME), RATE_HZ, 320)

    heard = everything(track)
    late_by = heard.index(161) - FRAME
    assert heard[late_by + FRAME :] == list(range(161, 1 + 16 * FRAME))
    assert late_by <= JITTER_MS * RATE_HZ / 1000


def test_what_is_played_waits_for_what_is_being_played() -> None:
    track = Track(RATE_HZ, origin_ms=0)

    track.played(counted(1), RATE_HZ, 0)
    track.played(counted(161), RATE_HZ, 1)  # made faster than it is spoken
    track.played(counted(1_000), RATE_HZ, 100)

    heard = everything(track)
    assert heard[:320] == list(range(1, 321))
    assert heard[320:800] == [0] * 480
    assert heard[800:] == list(range(1_000, 1_160))


def test_what_was_cut_is_not_there_and_the_next_piece_is_where_it_was_played() -> None:
    track = Track(RATE_HZ, origin_ms=0)
    track.played(counted(1, 1_600), RATE_HZ, 0)  # 200 ms

    track.cut(150)
    track.played(counted(5_000), RATE_HZ, 60)

    heard = everything(track)
    assert heard[:400] == list(range(1, 401))
    assert heard[400:480] == [0] * 80
    assert heard[480:] == list(range(5_000, 5_160))


@pytest.mark.parametrize("unplayed_ms", [0, 1e9, -5])
def test_a_cut_of_nothing_or_of_more_than_there_is_leaves_a_track(unplayed_ms: float) -> None:
    track = Track(RATE_HZ, origin_ms=0)
    track.cut(unplayed_ms)
    track.played(counted(1), RATE_HZ, 0)
    first = track.take(80)

    track.cut(unplayed_ms)

    assert samples(first) == list(range(1, 81))
    assert len(everything(track)) in (0, 80)


def test_what_was_taken_stays_and_time_goes_on_without_audio() -> None:
    track = Track(RATE_HZ, origin_ms=0)

    before = track.take(800)
    track.spoken(counted(1, 8_000), RATE_HZ, 200)  # a second, of which most would lie before what was taken

    assert before == bytes(1_600)
    assert everything(track) == list(range(1, 8_001))


@pytest.mark.parametrize("from_hz", [16_000, 24_000, 48_000, 22_050])
def test_another_rate_is_resampled_without_moving(from_hz: int) -> None:
    track = Track(8_000, origin_ms=0)
    silence, click = bytes(from_hz // 50 * 2), b"\xff\x3f" * (from_hz // 50)  # 20 ms each

    for index in range(50):
        track.spoken(click if index in (10, 30) else silence, from_hz, 20.0 + index * 20.0)
    heard = everything(track)

    loud = [at for at, value in enumerate(heard) if value > 8_000]
    assert len(heard) == pytest.approx(8_000, abs=10)
    assert loud[0] == pytest.approx(1_600, abs=2)
    assert loud[-1] == pytest.approx(4_960, abs=2)


def test_a_client_that_comes_back_at_another_rate_goes_on_where_it_is() -> None:
    track = Track(8_000, origin_ms=0)

    track.spoken(b"\xe8\x03" * 8_000, 8_000, 1_000)
    track.spoken(b"\xd0\x07" * 16_000, 16_000, 3_000)

    heard = everything(track)
    assert len(heard) == 3 * 8_000
    assert heard[4_000] == 1_000
    assert not any(heard[8_100:15_900])
    assert heard[20_000] == 2_000


@given(
    lengths=st.lists(st.integers(1, 700), min_size=1, max_size=30),
    steps_ms=st.lists(st.floats(0, 400), min_size=30, max_size=30),
    takes=st.lists(st.booleans(), min_size=30, max_size=30),
)
def test_no_sample_is_lost_doubled_or_out_of_order_however_it_comes_and_is_taken(
    lengths: list[int], steps_ms: list[float], takes: list[bool]
) -> None:
    track = Track(RATE_HZ, origin_ms=0)
    at_ms, first, out = 0.0, 1, b""
    for length, step_ms, is_taken in zip(lengths, steps_ms, takes, strict=False):
        at_ms += step_ms
        track.spoken(counted(first, length), RATE_HZ, at_ms)
        first += length
        if is_taken:
            out += track.take(track.samples_until(at_ms - 100))
    track.finish()
    out += track.take(track.end)

    assert [value for value in samples(out) if value] == list(range(1, first))


@given(
    lengths=st.lists(st.integers(1, 900), min_size=1, max_size=20),
    steps_ms=st.lists(st.floats(0, 400), min_size=20, max_size=20),
    behind_ms=st.lists(st.floats(-100, 300), min_size=20, max_size=20),
)
def test_resampled_or_not_what_is_taken_is_as_long_as_it_should_be(
    lengths: list[int], steps_ms: list[float], behind_ms: list[float]
) -> None:
    track, at_ms, taken = Track(24_000, origin_ms=0), 0.0, 0
    for length, step_ms, late_ms in zip(lengths, steps_ms, behind_ms, strict=False):
        at_ms += step_ms
        track.spoken(b"\xe8\x03" * length, 16_000, at_ms)
        until = max(taken, track.samples_until(at_ms - late_ms))
        assert len(track.take(until)) == 2 * (until - taken)
        taken = until
    track.finish()
    heard = samples(track.take(track.end))

    assert len(heard) == track.end - taken
    assert all(value <= 1_500 for value in heard)


def test_two_tracks_side_by_side_and_mixed() -> None:
    left, right = struct.pack("<3h", 1, 30_000, -30_000), struct.pack("<3h", 2, 30_000, -30_000)

    assert samples(interleaved(left, right)) == [1, 2, 30_000, 30_000, -30_000, -30_000]
    assert samples(mixed(left, right)) == [3, 32_767, -32_768]
