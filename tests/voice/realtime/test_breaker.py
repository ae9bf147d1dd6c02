"""The circuit breaker of a provider, with time as a number (RFC 0006, R-0006-58)."""

from __future__ import annotations

from roomkit.voice.realtime.breaker import STABLE_MS, BreakerPolicy, BreakerState, CircuitBreaker

POLICY = BreakerPolicy(failures=3, cool_down_ms=1_000.0, max_cool_down_ms=3_000.0)


def failing(breaker: CircuitBreaker, *times_ms: float) -> None:
    for now_ms in times_ms:
        breaker.begin(now_ms)
        breaker.failed(now_ms)


def opened() -> CircuitBreaker:
    """Open since 2 ms, half-open from 1,002 ms on."""
    breaker = CircuitBreaker(POLICY)
    failing(breaker, 0.0, 1.0, 2.0)
    return breaker


def test_it_is_closed_until_that_many_failures_came_one_after_the_other() -> None:
    breaker = CircuitBreaker(POLICY)

    failing(breaker, 0.0, 1.0)
    before = breaker.state(1.0)
    failing(breaker, 2.0)

    assert (before, breaker.state(2.0)) == (BreakerState.CLOSED, BreakerState.OPEN)
    assert not breaker.admits(2.0)


def test_a_link_that_stayed_up_makes_the_count_begin_again() -> None:
    breaker = CircuitBreaker(POLICY)
    failing(breaker, 0.0, 1.0)
    breaker.begin(2.0)
    breaker.opened(2.0)

    failing(breaker, 3.0 + STABLE_MS, 4.0 + STABLE_MS)

    assert breaker.state(4.0 + STABLE_MS) is BreakerState.CLOSED


def test_a_link_that_was_lost_at_once_proves_nothing() -> None:
    breaker = CircuitBreaker(POLICY)

    for now_ms in (0.0, 10.0, 20.0):
        breaker.begin(now_ms)
        breaker.opened(now_ms)
        breaker.failed(now_ms + 1.0)

    assert breaker.state(21.0) is BreakerState.OPEN


def test_after_the_cool_down_one_dial_is_let_through_and_no_second() -> None:
    breaker = opened()

    states = breaker.state(1_001.0), breaker.state(1_002.0)
    breaker.begin(1_002.0)

    assert states == (BreakerState.OPEN, BreakerState.HALF_OPEN)
    assert not breaker.admits(1_003.0)


def test_a_trial_that_holds_closes_it_and_one_that_fails_opens_it_for_longer() -> None:
    well, ill = opened(), opened()

    well.begin(1_002.0)
    well.opened(1_002.0)
    failing(ill, 1_002.0)

    assert well.state(1_002.0 + STABLE_MS) is BreakerState.CLOSED
    assert (ill.state(3_001.0), ill.state(3_002.0)) == (BreakerState.OPEN, BreakerState.HALF_OPEN)


def test_the_cool_down_grows_to_its_limit_and_is_short_again_after_a_recovery() -> None:
    breaker = opened()
    failing(breaker, 1_002.0, 3_002.0, 6_002.0)
    at_its_limit = breaker.state(9_001.0), breaker.state(9_002.0)
    breaker.begin(9_002.0)
    breaker.opened(9_002.0)

    failing(breaker, 20_000.0, 20_000.0, 20_000.0)

    assert at_its_limit == (BreakerState.OPEN, BreakerState.HALF_OPEN)
    assert breaker.state(21_000.0) is BreakerState.HALF_OPEN


def test_a_trial_that_was_given_up_leaves_room_for_another() -> None:
    breaker = opened()
    breaker.begin(1_002.0)

    breaker.abandoned()

    assert breaker.admits(1_003.0)
