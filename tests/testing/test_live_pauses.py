"""Pauses of a turn in live mode: held until speech goes on, and dropped where it does not."""

from __future__ import annotations

import pytest

from roomkit.testing.simulators.pauses import KEPT_MS, LONGEST_MS, Pauses
from roomkit.testing.simulators.sound import tone

RATE_HZ = 24_000
BYTES_PER_MS = 48


@pytest.mark.parametrize("piece_bytes", [2, 318, 960, 9_600, 10**9])
def test_a_pause_within_speech_is_heard_whole_and_the_one_after_it_is_cut_however_the_audio_is_cut(
    piece_bytes: int,
) -> None:
    spoken = tone(200) + bytes(500 * BYTES_PER_MS) + tone(200)
    audio = spoken + bytes(800 * BYTES_PER_MS)
    pauses = Pauses(RATE_HZ)

    heard = b"".join(pauses.feed(audio[at : at + piece_bytes]) for at in range(0, len(audio), piece_bytes))

    assert heard == spoken + bytes(KEPT_MS * BYTES_PER_MS)


def test_of_silence_without_an_end_only_so_much_is_kept() -> None:
    pauses = Pauses(RATE_HZ)

    heard = pauses.feed(bytes(10 * LONGEST_MS * BYTES_PER_MS) + tone(20))

    assert len(heard) == (KEPT_MS + LONGEST_MS + 20) * BYTES_PER_MS
