from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.app.earpiece import Earpiece, is_loud

RATE_HZ = 1_000  # a sample a millisecond


def sound(ms: int, level: int = 5_000) -> bytes:
    return struct.pack("<h", level) * ms


def test_audio_that_arrives_early_plays_after_what_is_there() -> None:
    ear = Earpiece(RATE_HZ)

    ear.hear(sound(100), now_ms=0.0)
    ear.hear(sound(100), now_ms=10.0)

    assert ear.position_ms(150.0) == 150.0
    assert ear.silent_for_ms(150.0) == 0.0
    assert ear.silent_for_ms(230.0) == 30.0


def test_a_clear_cuts_what_was_not_played_and_counts_anew() -> None:
    ear = Earpiece(RATE_HZ)
    ear.hear(sound(1_000), now_ms=0.0)

    ear.clear(now_ms=300.0)
    ear.hear(sound(50), now_ms=320.0)

    assert ear.position_ms(1_000.0) == 50.0
    assert ear.recording() == sound(300) + bytes(2 * 20) + sound(50)


def test_a_recording_begins_with_the_first_sound_and_keeps_the_pauses() -> None:
    ear = Earpiece(RATE_HZ)

    ear.hear(sound(10), now_ms=5_000.0)
    ear.hear(sound(10), now_ms=5_030.0)

    assert ear.recording() == sound(10) + bytes(2 * 20) + sound(10)


def test_nothing_heard_is_an_empty_recording() -> None:
    ear = Earpiece(RATE_HZ)

    ear.clear(now_ms=10.0)

    assert ear.recording() == b""
    assert ear.position_ms(20.0) == 0.0


@pytest.mark.parametrize(
    ("pcm", "loud"),
    [(b"", False), (b"\1", False), (sound(5, 0), False), (sound(5, 300), False), (sound(5, 400), True)],
)
def test_loud_is_louder_than_hiss(pcm: bytes, loud: bool) -> None:
    assert is_loud(pcm) is loud


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 400)), max_size=30))
def test_the_position_never_goes_back_between_clears(steps: list[tuple[bool, int]]) -> None:
    ear = Earpiece(RATE_HZ)
    now_ms, before = 0.0, 0.0
    for arrives, ms in steps:
        if arrives:
            ear.hear(sound(ms), now_ms)
        else:
            now_ms += ms
        assert ear.position_ms(now_ms) >= before
        before = ear.position_ms(now_ms)
