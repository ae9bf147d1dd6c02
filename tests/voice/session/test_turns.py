"""Turn-taking decisions and the words they leave behind (R-0006-25, R-0006-30)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.voice.realtime.profile import TurnPolicy
from roomkit.voice.session.turns import interrupts, words_heard


@pytest.mark.parametrize(
    ("allowed", "unheard_ms", "protected", "expected"),
    [(True, 10.0, False, True), (True, 0.0, False, False), (False, 10.0, False, False), (True, 10.0, True, False)],
)
def test_speech_interrupts_only_what_is_unheard_and_only_if_it_may(
    allowed: bool, unheard_ms: float, protected: bool, expected: bool
) -> None:
    assert interrupts(TurnPolicy(interrupts=allowed), unheard_ms, is_protected=protected) is expected


def test_half_the_audio_is_half_the_words() -> None:
    assert words_heard("one two three four", heard_ms=2_000, received_ms=4_000) == "one two"


@given(st.text("ab ", max_size=60), st.floats(0, 5_000), st.floats(1, 5_000))
def test_what_was_heard_is_always_a_beginning_of_what_was_said(text: str, heard_ms: float, received_ms: float) -> None:
    heard = words_heard(text, heard_ms, received_ms).split()

    assert text.split()[: len(heard)] == heard
