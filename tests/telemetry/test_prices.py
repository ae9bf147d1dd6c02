"""Prices: a dated table the user can replace; a price it does not hold is not known, and never nought."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.errors import ConfigError
from roomkit.models.usage import counted
from roomkit.telemetry.prices import Price, PriceTable, cost_of, shipped_prices

WHOLE_CENTS = Price(
    "acme",
    input_text=Decimal(4),
    input_audio=Decimal(32),
    cached_text=Decimal("0.4"),
    cached_audio=Decimal("0.4"),
    output_text=Decimal(16),
    output_audio=Decimal(64),
)
A_MILLION = 1_000_000


def of_counts(price: Price, **counts: float) -> tuple[Decimal, frozenset[str]]:
    return price.of_counts(counted(counts))


def test_tokens_are_charged_by_the_million_and_by_kind() -> None:
    amount, unpriced = of_counts(WHOLE_CENTS, input_text_tokens=A_MILLION, output_audio_tokens=A_MILLION // 2)

    assert amount == Decimal(4) + Decimal(32)
    assert unpriced == frozenset()


def test_cached_tokens_are_charged_at_their_own_price_in_place_of_the_inputs() -> None:
    amount, _ = of_counts(WHOLE_CENTS, input_audio_tokens=A_MILLION, cached_audio_tokens=A_MILLION // 2)

    assert amount == Decimal(16) + Decimal("0.2")


def test_more_cached_tokens_than_there_was_input_charge_no_more_than_the_input() -> None:
    amount, _ = of_counts(WHOLE_CENTS, input_text_tokens=A_MILLION, cached_text_tokens=5 * A_MILLION)

    assert amount == Decimal("0.4")


def test_money_is_exact() -> None:
    amount, _ = of_counts(WHOLE_CENTS, input_text_tokens=1)

    assert amount == Decimal("0.000004")


def test_a_kind_without_a_price_is_named() -> None:
    amount, unpriced = of_counts(WHOLE_CENTS, input_image_tokens=10, input_text_tokens=A_MILLION)

    assert amount == Decimal(4)
    assert unpriced == {"input_image"}


def test_tokens_of_no_kind_have_no_price() -> None:
    assert of_counts(WHOLE_CENTS, total_tokens=12) == (Decimal(0), frozenset({"tokens of no kind"}))


def test_a_free_kind_is_not_an_unknown_one() -> None:
    free = replace(WHOLE_CENTS, input_image=Decimal(0))

    assert of_counts(free, input_image_tokens=10) == (Decimal(0), frozenset())


def test_minutes_of_an_open_link_are_charged_by_the_second() -> None:
    price = Price("acme", per_minute=Decimal("0.10"))

    assert cost_of(price, {}, 90.0, "acme") == (Decimal("0.15"), frozenset())
    assert price.per_connected_s * 60 == pytest.approx(Decimal("0.10"))


def test_minutes_the_vendor_bills_are_charged_as_it_says() -> None:
    price = Price("acme", per_minute=Decimal("0.12"), minutes_of="billable_s", output_audio=Decimal(0))

    assert of_counts(price, billable_s=30, output_audio_tokens=5) == (Decimal("0.06"), frozenset())
    assert of_counts(price, output_audio_tokens=5) == (Decimal(0), frozenset({"billable_s"}))
    assert cost_of(price, {}, 90.0, "acme") == (Decimal(0), frozenset())


def test_what_nobody_can_count_leaves_the_cost_unknown_and_the_rest_known() -> None:
    price = Price("acme", per_minute=Decimal("0.08"), also_charged="the language model")

    assert cost_of(price, {}, 60.0, "acme") == (Decimal("0.08"), frozenset({"acme the language model"}))
    assert cost_of(price, {}, 0.0, "acme") == (Decimal(0), frozenset())


def test_a_model_without_a_price_is_named_as_soon_as_it_was_used() -> None:
    assert cost_of(None, {}, 0.0, "acme/x") == (Decimal(0), frozenset())
    assert cost_of(None, {}, 1.0, "acme/x") == (Decimal(0), frozenset({"acme/x"}))
    assert cost_of(None, {"total_tokens": 1}, 0.0, "acme/x") == (Decimal(0), frozenset({"acme/x"}))


KINDS = st.sampled_from(["input_text_tokens", "input_audio_tokens", "output_text_tokens", "output_audio_tokens"])
COUNTS = st.dictionaries(KINDS, st.integers(0, 10**9))


@given(COUNTS, COUNTS)
def test_two_answers_cost_what_they_cost_together(one: dict[str, int], two: dict[str, int]) -> None:
    together = {name: one.get(name, 0) + two.get(name, 0) for name in one.keys() | two.keys()}

    separately = of_counts(WHOLE_CENTS, **one)[0] + of_counts(WHOLE_CENTS, **two)[0]

    assert of_counts(WHOLE_CENTS, **together)[0] == separately


# --- the table --------------------------------------------------------------------------------


def test_of_several_prices_that_fit_the_first_counts() -> None:
    mini, other = Price("acme", "big-*-mini*"), Price("acme", "big-*")
    table = PriceTable((mini, other))

    assert table.price_of("acme", "big-2.1-mini") is mini
    assert table.price_of("acme", "big-2.1") is other
    assert table.price_of("acme", "small") is None
    assert table.price_of("ACME Inc", "big-2.1") is None


def test_a_provider_that_names_no_model_fits_only_a_price_for_all() -> None:
    assert PriceTable((Price("acme", "big"),)).price_of("acme", None) is None
    assert PriceTable((Price("acme"),)).price_of("acme", None) is not None


def test_prices_of_ones_own_come_before_the_tables() -> None:
    negotiated = Price("xai", per_minute=Decimal("0.05"))

    table = shipped_prices().with_prices(negotiated)

    assert table.price_of("xai", "grok-voice-latest") is negotiated
    assert table.as_of == shipped_prices().as_of


def test_the_table_that_ships_is_dated_and_every_price_in_it_says_where_it_comes_from() -> None:
    table = shipped_prices()

    assert table.as_of is not None
    assert all(price.source and price.as_of and price.as_of <= table.as_of for price in table.prices)


def test_no_price_that_ships_is_hidden_by_one_before_it() -> None:
    table = shipped_prices()
    models = [(price, price.model.replace("20??-??-??", "2026-10-06").replace("*", "-x")) for price in table.prices]

    assert [price for price, model in models if table.price_of(price.vendor, model) is not price] == []


@pytest.mark.parametrize(
    ("vendor", "model"),
    [
        ("openai", "gpt-realtime-3"),
        ("openai", "gpt-realtime-2.1-pro"),
        ("openai", "gpt-4o-realtime-preview"),
        ("openai", None),
        ("gemini", "gemini-3.8-live-extended-thinking"),
        ("gemini", "gemini-4-live"),
        ("xai", "grok-voice-agent-3"),
        ("local", "pocketsphinx"),
    ],
)
def test_the_table_that_ships_guesses_nothing_of_other_models(vendor: str, model: str | None) -> None:
    assert shipped_prices().price_of(vendor, model) is None


def test_a_dated_snapshot_costs_what_its_model_costs() -> None:
    table = shipped_prices()
    model, snapshot = (table.price_of("openai", name) for name in ("gpt-realtime-2.1", "gpt-realtime-2.1-2026-07-01"))

    assert model is not None
    assert snapshot is not None
    assert replace(snapshot, model=model.model) == model


def test_an_entry_may_be_of_several_models(tmp_path: Path) -> None:
    entry = {"vendor": "acme", "model": ["big", "big-20??"], "input_text": "3"}
    table = PriceTable.load(write(tmp_path / "mine.json", {"prices": [entry]}))

    assert [price.model for price in table.prices] == ["big", "big-20??"]
    assert {price.input_text for price in table.prices} == {Decimal(3)}


def write(path: Path, table: Any) -> Path:
    path.write_text(table if isinstance(table, str) else json.dumps(table))
    return path


def test_a_table_is_read_from_a_file_with_every_digit(tmp_path: Path) -> None:
    text = (
        '{"as_of": "2026-11-20", "currency": "EUR", "prices": [{"vendor": "a", "input_text": 0.1, "output_text": 3}]}'
    )

    table = PriceTable.load(write(tmp_path / "mine.json", text))

    assert (table.currency, table.as_of) == ("EUR", date(2026, 11, 20))
    assert table.prices[0].input_text == Decimal("0.1")
    assert table.prices[0].output_text == Decimal(3)
    assert table.prices[0].input_audio is None


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("no json", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ([], '"prices"'),
        ({"prices": {}}, '"prices"'),
        ({"prices": [3]}, "price 1"),
        ({"prices": [{}]}, '"vendor"'),
        ({"prices": [{"vendor": "a"}, {"vendor": 3}]}, "price 2"),
        ({"prices": [{"vendor": "a", "inptu_text": 1}]}, "inptu_text"),
        ({"prices": [{"vendor": "a", "input_text": -1}]}, "input_text"),
        ({"prices": [{"vendor": "a", "input_text": True}]}, "input_text"),
        ({"prices": [{"vendor": "a", "input_text": "NaN"}]}, "input_text"),
        ({"prices": [{"vendor": "a", "input_text": "1e40"}]}, "input_text"),
        ({"prices": [{"vendor": "a", "input_text": "four"}]}, "input_text"),
        ('{"prices": [{"vendor": "a", "input_text": NaN}]}', "input_text"),
        ({"prices": [{"vendor": "a", "model": 3}]}, "model"),
        ({"prices": [{"vendor": "a", "model": []}]}, "model"),
        ({"prices": [{"vendor": "a", "model": ["b", 3]}]}, "model"),
        ({"prices": [{"vendor": "a", "model": [["b"]]}]}, "model"),
        ({"prices": [{"vendor": "a", "also_charged": True}]}, "also_charged"),
        ({"prices": [{"vendor": "a", "minutes_of": "speech"}]}, "minutes_of"),
        ({"prices": [{"vendor": "a", "as_of": "yesterday"}]}, "as_of"),
        ({"prices": [], "as_of": 2026}, "as_of"),
        ({"prices": [], "currency": 3}, "currency"),
        ({"prices": [{"vendor": "a", "minutes_of": None}]}, "minutes_of"),
        ({"prices": [{"vendor": "a", "output_text": [1]}]}, "price 1: output_text"),
    ],
)
def test_a_file_that_is_no_table_is_refused_and_says_where(tmp_path: Path, table: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        PriceTable.load(write(tmp_path / "mine.json", table))


@pytest.mark.parametrize("number", ["1e9999999999999999999", "-1e9999999999999999999", "1E-9999999999999999999"])
def test_a_number_beyond_every_decimal_is_no_price(number: str) -> None:
    with pytest.raises(ConfigError, match="the price table"):
        PriceTable.parse(f'{{"prices": [{{"vendor": "a", "output_text": {number}}}]}}')


@pytest.mark.parametrize(
    "rubbish",
    [
        {"output_text": 0.5},
        {"output_text": "0.50"},
        {"per_minute": Decimal("NaN")},
        {"per_minute": Decimal(-1)},
        {"per_minute": Decimal("1e999999")},
        {"input_audio": True},
        {"minutes_of": "speech"},
        {"model": None},
    ],
)
def test_a_price_that_cannot_be_is_refused_before_anything_is_charged(rubbish: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(rubbish))):
        Price(**{"vendor": "acme", **rubbish})


def test_a_file_that_is_not_there_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.json"):
        PriceTable.load(tmp_path / "none.json")
