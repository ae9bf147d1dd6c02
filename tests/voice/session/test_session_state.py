"""Every pair of the session's transition table (R-0006-1)."""

from __future__ import annotations

from itertools import product

import pytest

from roomkit.errors import SessionStateError
from roomkit.models.session import SessionState
from roomkit.voice.session.state import advance

LEGAL = {
    (SessionState.CONNECTING, SessionState.ACTIVE),
    (SessionState.CONNECTING, SessionState.ENDED),
    (SessionState.ACTIVE, SessionState.ENDED),
}


@pytest.mark.parametrize(("now", "to"), list(product(SessionState, SessionState)))
def test_a_step_is_taken_exactly_if_the_rule_allows_it(now: SessionState, to: SessionState) -> None:
    if (now, to) in LEGAL:
        assert advance(now, to) is to
    else:
        with pytest.raises(SessionStateError, match=f"{now} cannot become {to}"):
            advance(now, to)
