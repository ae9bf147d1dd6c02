"""The table of prices in the documentation is the one that ships."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from roomkit.telemetry.prices import shipped_prices

PAGE = Path(__file__).parents[2] / "docs" / "usage-and-cost.md"
KINDS = ("input_text", "cached_text", "input_audio", "cached_audio", "input_image", "output_text", "output_audio")


def rows() -> dict[str, list[Decimal | None]]:
    """By each model that is spelled out: what its row says, ``None`` for a question mark."""
    table = PAGE.read_text(encoding="utf-8").partition("| models | text in ")[2].partition("\n\n")[0]
    shown: dict[str, list[Decimal | None]] = {}
    for line in table.splitlines()[2:]:
        models, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        for model in re.findall(r"`([a-z][^`]*)`", models):
            shown[model] = [None if cell == "?" else Decimal(cell) for cell in cells]
    return shown


ROWS = rows()


@pytest.mark.parametrize("model", ROWS)
def test_a_row_of_the_page_says_what_the_table_holds(model: str) -> None:
    (price,) = [price for price in shipped_prices().prices if price.model == model]

    assert ROWS[model] == [getattr(price, kind) for kind in KINDS]


def test_no_model_priced_by_the_token_is_missing_on_the_page() -> None:
    priced = {price.model.removeprefix("models/") for price in shipped_prices().prices if price.input_text is not None}
    models = {model for model in priced if not re.search(r"-20[\d?]{2}-|-\d\d-20\d\d", model)}

    assert models - ROWS.keys() == set()
