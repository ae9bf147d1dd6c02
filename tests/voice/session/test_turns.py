"""Turn-taking decisions (R-0006-30)."""

from __future__ import annotations

import pytest

from roomkit.voice.realtime.profile import TurnPolicy
from roomkit.voice.session.media.turns import interrupts


@pytest.mark.parametrize(
    ("allowed", "unheard_ms", "protected", "expected"),
    [(True, 10.0, False, True), (True, 0.0, False, False), (False, 10.0, False, False), (True, 10.0, True, False)],
)
def test_speech_interrupts_only_what_is_unheard_and_only_if_it_may(
    allowed: bool, unheard_ms: float, protected: bool, expected: bool
) -> None:
    assert interrupts(TurnPolicy(interrupts=allowed), unheard_ms, is_protected=protected) is expected
