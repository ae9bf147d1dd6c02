"""Pacing (R-0006-13)."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from roomkit.voice.audio.pacer import Lead


def test_a_piece_may_leave_when_the_client_then_holds_no_more_than_the_lead() -> None:
    lead = Lead(200)
    lead.sent(180, now_ms=0)

    assert lead.delay_ms(20, now_ms=0) == 0
    assert lead.delay_ms(40, now_ms=0) == 20


def test_idle_time_is_never_banked() -> None:
    lead = Lead(200)
    lead.sent(20, now_ms=0)

    lead.sent(200, now_ms=60_000)

    assert lead.delay_ms(20, now_ms=60_000) == 20


def test_what_has_not_left_the_machine_counts_as_unheard() -> None:
    lead = Lead(200)
    lead.sent(20, now_ms=0)

    assert lead.ahead_ms(now_ms=1_000, unsent_ms=150) == 150
    assert lead.delay_ms(100, now_ms=1_000, unsent_ms=150) == 50


def test_a_client_that_reports_a_fuller_buffer_makes_it_later_never_earlier() -> None:
    lead = Lead(200)
    lead.sent(100, now_ms=0)

    lead.reported(160, now_ms=0)
    later = lead.ahead_ms(now_ms=0)
    lead.reported(10, now_ms=0)

    assert (later, lead.ahead_ms(now_ms=0)) == (160, 160)


def test_without_a_bound_nothing_waits_and_everything_sent_is_heard() -> None:
    lead = Lead(math.inf)
    lead.sent(60_000, now_ms=0)

    assert (lead.delay_ms(1_000, now_ms=0), lead.ahead_ms(now_ms=0)) == (0, 0)


@given(st.lists(st.tuples(st.floats(1, 40), st.floats(0, 100)), max_size=60))
def test_obeying_the_delay_never_lets_the_client_hold_more_than_the_lead(pieces: list[tuple[float, float]]) -> None:
    lead, now_ms = Lead(200), 0.0

    for duration_ms, pause_ms in pieces:
        now_ms += pause_ms
        now_ms += lead.delay_ms(duration_ms, now_ms)
        lead.sent(duration_ms, now_ms)

        assert lead.ahead_ms(now_ms) <= 200 + 1e-6
