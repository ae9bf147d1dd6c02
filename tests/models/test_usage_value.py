"""Usage is a value that adds up, and never takes what it does not know for nought."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.models.usage import COUNT_NAMES, MAX_COUNT, Usage, counted

WHOLE = st.integers(0, 10**6)
SECONDS = st.integers(0, 10**6).map(float)
USAGES = st.builds(
    Usage,
    counts=st.dictionaries(st.sampled_from(sorted(COUNT_NAMES)), st.integers(1, 10**6)),
    input_audio_s=SECONDS,
    output_audio_s=SECONDS,
    connection_s=SECONDS,
    known_cost=st.decimals(0, 1000, places=6),
    currency=st.just("USD"),
    unpriced=st.frozensets(st.sampled_from(["openai/a input_text", "gemini"]), max_size=2),
)
RUBBISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
RECORD_KEYS = st.sampled_from(
    [*sorted(COUNT_NAMES), "connection_s", "cost", "known_cost", "currency", "unpriced", "else"]
)


@given(USAGES, USAGES, USAGES)
def test_usages_add_up_in_any_order_and_grouping(one: Usage, two: Usage, three: Usage) -> None:
    assert (one + two) + three == one + (two + three)
    assert one + two == two + one
    assert one + Usage() == one


@given(USAGES, USAGES)
def test_the_cost_of_a_sum_is_known_only_where_both_costs_are(one: Usage, two: Usage) -> None:
    both = one + two

    assert both.known_cost == one.known_cost + two.known_cost
    assert (both.cost is None) == (one.cost is None or two.cost is None)


@given(USAGES)
def test_what_is_stored_can_be_read_back(usage: Usage) -> None:
    stored = json.loads(json.dumps(usage.as_metadata()))

    back = Usage.from_metadata(stored)

    assert {**back.counts, "total_tokens": 0} == {**usage.counts, "total_tokens": 0}
    assert (back.connection_s, back.known_cost, back.unpriced) == (usage.connection_s, usage.known_cost, usage.unpriced)
    assert back.cost == usage.cost


@given(RUBBISH | st.dictionaries(RECORD_KEYS, RUBBISH))
def test_a_stored_record_of_any_shape_is_read_without_an_error(record: Any) -> None:
    usage = Usage.from_metadata(record)

    assert all(0 < amount < MAX_COUNT for name, amount in usage.counts.items() if name != "total_tokens")
    assert usage.known_cost.is_finite()
    assert usage.known_cost >= 0
    assert len(usage.unpriced) <= 17


def test_a_stored_record_without_a_cost_is_not_free() -> None:
    usage = Usage.from_metadata({"total_tokens": 10})

    assert usage.cost is None


def test_money_of_another_currency_is_named_and_not_added() -> None:
    both = Usage(known_cost=Decimal("1.50"), currency="USD") + Usage(known_cost=Decimal(2), currency="EUR")

    assert (both.known_cost, both.currency) == (Decimal("1.50"), "USD")
    assert both.cost is None
    assert both.unpriced == {"amounts in EUR"}


def test_an_empty_usage_takes_the_currency_of_what_is_added() -> None:
    both = Usage() + Usage(known_cost=Decimal(2), currency="EUR")

    assert (both.cost, both.currency) == (Decimal(2), "EUR")


@pytest.mark.parametrize(
    "rubbish", [-1, math.nan, math.inf, -math.inf, 10**400, MAX_COUNT, "12", None, True, [3], {"n": 1}, 0]
)
def test_what_is_no_count_is_left_out(rubbish: Any) -> None:
    assert counted({"input_text_tokens": rubbish, "output_text_tokens": 7}) == {
        "output_text_tokens": 7,
        "total_tokens": 7,
    }


def test_names_nobody_knows_are_left_out() -> None:
    assert counted({"tokens": 9, "input_token_details.text_tokens": 4}) == {}


def test_a_total_below_its_parts_is_not_believed() -> None:
    counts = counted({"input_text_tokens": 10, "output_audio_tokens": 20, "cached_text_tokens": 8, "total_tokens": 3})

    assert counts["total_tokens"] == 30


@given(WHOLE, WHOLE)
def test_a_total_above_its_parts_is_kept(part: int, rest: int) -> None:
    assert counted({"input_text_tokens": part, "total_tokens": part + rest}).get("total_tokens", 0) == part + rest
