"""When to redial, and whether it can help: as values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.errors import ConfigError, ProviderLostError, ProviderRefusedError
from roomkit.voice.realtime.reconnect import (
    QUOTA_EXCEEDED,
    RATE_LIMITED,
    CloseMap,
    Failure,
    ReconnectPolicy,
    is_retryable,
    redacted,
)
from roomkit.voice.wires.port import WireClosed, WireRefused

UNIT = st.floats(0, 1, exclude_max=True)


def test_a_goodbye_is_one_only_once_the_session_was_set_up() -> None:
    """R-0006-62."""
    closes = CloseMap(refusing_closes={1000: "conversation_ended"}, goodbye_closes=frozenset({1000}))

    before, after = (closes.of_close(WireClosed(1000, ""), was_up=was_up) for was_up in (False, True))

    assert [(each.code, each.retryable, each.is_goodbye) for each in (before, after)] == [
        ("conversation_ended", False, False),
        ("conversation_ended", False, True),
    ]
    assert not closes.of_close(WireClosed(1011, ""), was_up=True).is_goodbye


def test_the_first_attempt_comes_at_once_because_the_caller_is_on_the_line() -> None:
    assert ReconnectPolicy().delay_ms(0, 0.0, random=0.99) == 0.0


def test_the_bound_of_the_wait_doubles_up_to_its_limit() -> None:
    policy = ReconnectPolicy(first_delay_ms=100, max_delay_ms=350, budget_ms=1e9)

    assert [policy.delay_ms(failed, 0.0, random=0.5) for failed in (1, 2, 3, 4)] == [50, 100, 175, 175]


def test_it_gives_up_after_its_attempts() -> None:
    policy = ReconnectPolicy(max_attempts=3)

    assert policy.delay_ms(2, 0.0, random=0.0) is not None
    assert policy.delay_ms(3, 0.0, random=0.0) is None


def test_it_gives_up_when_the_next_attempt_would_come_after_its_time() -> None:
    policy = ReconnectPolicy(first_delay_ms=1000, budget_ms=2000)

    assert policy.delay_ms(1, 1400, random=0.5) == 500
    assert policy.delay_ms(1, 1500, random=0.5) is None
    assert policy.delay_ms(0, 2000, random=0.0) is None


@given(failed=st.integers(0, 100_000), elapsed_ms=st.floats(0, 1e9), chance=UNIT)
def test_a_wait_is_never_negative_too_long_or_beyond_the_budget(failed: int, elapsed_ms: float, chance: float) -> None:
    policy = ReconnectPolicy(max_attempts=1_000_000)

    delay_ms = policy.delay_ms(failed, elapsed_ms, chance)

    assert delay_ms is None or (0 <= delay_ms <= policy.max_delay_ms and elapsed_ms + delay_ms < policy.budget_ms)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ProviderLostError("gone"), True),
        (ProviderRefusedError("no"), False),
        (TimeoutError(), True),
        (ConnectionResetError(), True),
        (ConfigError("bad"), False),
        (ZeroDivisionError(), False),
    ],
)
def test_only_what_may_pass_is_tried_again(error: BaseException, expected: bool) -> None:
    assert is_retryable(error) is expected


@pytest.mark.parametrize("code", [1000, 1001, 1005, 1006, 1011, 1012, 1013, 1015])
def test_an_ordinary_close_is_worth_a_redial(code: int) -> None:
    assert CloseMap().of_close(WireClosed(code)).retryable


def test_a_close_that_blames_us_is_not() -> None:
    assert CloseMap().of_close(WireClosed(1008, "no")) == Failure(
        "policy_violation", "the connection was closed (1008): no", retryable=False
    )


@pytest.mark.parametrize(("was_up", "expected"), [(False, False), (True, True)])
def test_a_close_that_blames_the_set_up_passes_once_that_was_taken(was_up: bool, expected: bool) -> None:
    closes = CloseMap(passing_closes=frozenset({1008}))

    assert closes.of_close(WireClosed(1008), was_up=was_up).retryable is expected
    assert not closes.of_close(WireClosed(1007), was_up=was_up).retryable


@pytest.mark.parametrize(
    ("status", "expected"), [(401, False), (404, False), (408, True), (429, True), (503, True), (0, True)]
)
def test_a_refused_upgrade_is_tried_again_only_if_it_may_pass(status: int, expected: bool) -> None:
    assert CloseMap().of_refusal(WireRefused(status, "words")).retryable is expected


def test_what_a_refusal_asks_for_goes_along_to_whoever_waits() -> None:
    failure = CloseMap().of_refusal(WireRefused(429, "slow down", retry_after_s=7))

    assert failure.as_error("openai").retry_after_ms == 7_000
    assert CloseMap().of_refusal(WireRefused(429, "slow down")).as_error("openai").retry_after_ms is None


def test_a_wait_the_vendor_asked_for_is_kept_and_beyond_the_time_there_is_is_none() -> None:
    policy = ReconnectPolicy(first_delay_ms=100, budget_ms=30_000)

    assert policy.delay_ms(1, 0.0, random=0.5, at_least_ms=7_000) == 7_000
    assert policy.delay_ms(1, 0.0, random=0.5, at_least_ms=30_000) is None


def test_a_failure_becomes_the_exception_of_its_kind() -> None:
    lost = Failure("1006", "gone", retryable=True).as_error("Acme")
    refused = Failure("http_401", "no", retryable=False).as_error("Acme")

    assert isinstance(lost, ProviderLostError)
    assert isinstance(refused, ProviderRefusedError)
    assert (refused.code, refused.message, refused.retryable) == ("http_401", "Acme: no", False)


@pytest.mark.parametrize("key", ["sk-proj-abc123", "ek_0123456", "xai-0123abc", "AIzaSyD123456", "Bearer abc.def"])
def test_what_looks_like_a_key_is_cut_out_of_a_peers_words(key: str) -> None:
    assert redacted(f"key {key} is\nwrong") == "key <key> is wrong"


def test_ordinary_words_are_kept_and_long_ones_cut() -> None:
    assert redacted("Your session hit the maximum duration of 60 minutes.").endswith("60 minutes.")
    assert len(redacted("word " * 1000)) <= 200


LIMITS = CloseMap(
    refusing_closes={1000: "over", 1002: "protocol"},
    goodbye_closes=frozenset({1000}),
    rate_reasons=("rate limit", "resource_exhausted"),
    quota_reasons=("quota",),
)


@pytest.mark.parametrize("code", [1000, 1002, 1006, 1011, 4000])
@pytest.mark.parametrize("reason", ["Rate limit reached", "status: RESOURCE_EXHAUSTED."])
def test_a_vendor_that_hangs_up_over_the_rate_may_be_dialled_again_whatever_its_code(code: int, reason: str) -> None:
    failure = LIMITS.of_close(WireClosed(code, reason), was_up=True)

    assert (failure.code, failure.retryable, failure.is_goodbye) == (RATE_LIMITED, True, False)
    assert reason in failure.reason


def test_an_account_that_is_used_up_is_not_dialled_again() -> None:
    failure = LIMITS.of_close(WireClosed(1011, "This request exceeds your quota limit."), was_up=True)

    assert (failure.code, failure.retryable) == (QUOTA_EXCEEDED, False)


@pytest.mark.parametrize("reason", ["", "Internal error", "the quo", "rate-limiting step"])
def test_other_words_leave_a_close_its_code(reason: str) -> None:
    assert LIMITS.of_close(WireClosed(1002, reason)).code == "protocol"
    assert CloseMap().of_close(WireClosed(1011, "Rate limit reached")).code == "1011"
