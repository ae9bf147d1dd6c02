"""What vendors charge, as a dated table that the user can replace or extend.

A price that is not in the table is not known, and then neither is the cost: it is never guessed and never nought. The
table that ships (``prices.json``) holds only figures with a source. Not in here: what was used (`models.usage`).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

from roomkit.errors import ConfigError
from roomkit.models.usage import TOKEN_KINDS

MinutesOf = Literal["connection_s", "billable_s"]

_MILLION = Decimal(1_000_000)
_CACHED_IN = {"input_text": "cached_text", "input_audio": "cached_audio"}
_TEXTS = ("vendor", "model", "also_charged", "source")
_AMOUNTS = (*TOKEN_KINDS, "per_minute")


@dataclass(frozen=True, slots=True)
class Price:
    """What one vendor charges for the models whose name matches. ``None`` is *not known*, zero is *free*.

    Attributes:
        vendor: `Profile.name`.
        model: A pattern, ``*`` and ``?`` as in file names; ``"*"`` also fits a provider that names no model.
        input_text: For a million tokens, like all of these; the cached ones replace the price of the input they are of.
        per_minute: Beside or instead of tokens.
        minutes_of: Which minutes: those a link is open, or those the vendor says it bills (``billable_s``).
        also_charged: What the vendor charges besides and nobody can count here; the cost is then never all of it.
        as_of: When it was last looked up; ``None``: the table's date.
        source: Where.

    Raises:
        ConfigError: Something that cannot be a price, such as an amount that is no `Decimal`.
    """

    vendor: str
    model: str = "*"
    input_text: Decimal | None = None
    input_audio: Decimal | None = None
    input_image: Decimal | None = None
    cached_text: Decimal | None = None
    cached_audio: Decimal | None = None
    output_text: Decimal | None = None
    output_audio: Decimal | None = None
    output_reasoning: Decimal | None = None
    per_minute: Decimal | None = None
    minutes_of: MinutesOf = "connection_s"
    also_charged: str = ""
    as_of: date | None = None
    source: str = ""

    def __post_init__(self) -> None:
        for name in _AMOUNTS:
            if not _can_be_charged(getattr(self, name)):
                raise ConfigError(f'{name} is an amount of money: Decimal("32.00"), in a file "32.00"; or None, null')
        if self.minutes_of not in get_args(MinutesOf):
            raise ConfigError('"minutes_of" is "connection_s" or "billable_s"')
        if wrong := [name for name in _TEXTS if not isinstance(getattr(self, name), str)]:
            raise ConfigError(f"{wrong[0]} is text")

    def of_counts(self, counts: Mapping[str, float]) -> tuple[Decimal, frozenset[str]]:
        """What an answer costs, and what of it has no price here.

        Args:
            counts: As `counted` gives them.
        """
        amount, unpriced = Decimal(0), set()
        for kind, tokens in _charged(counts).items():
            price: Decimal | None = getattr(self, kind, None)
            if price is None:
                unpriced.add(kind)
            else:
                amount += price * tokens / _MILLION
        if self.per_minute is not None and self.minutes_of == "billable_s":
            if "billable_s" in counts:
                amount += self.of_seconds(counts["billable_s"])
            elif counts:
                unpriced.add("billable_s")
        return amount, frozenset(unpriced)

    def of_seconds(self, duration_s: float) -> Decimal:
        """What so much time costs."""
        return Decimal(0) if self.per_minute is None else self.per_minute * Decimal(str(duration_s)) / 60

    @property
    def per_connected_s(self) -> Decimal:
        """What an open link costs each second, whatever is said on it."""
        return self.of_seconds(1.0) if self.minutes_of == "connection_s" else Decimal(0)

    def fits(self, vendor: str, model: str | None) -> bool:
        """Whether it is the price of this model."""
        return self.vendor == vendor and fnmatchcase(model or "", self.model)


def cost_of(
    price: Price | None, counts: Mapping[str, float], connection_s: float, name: str
) -> tuple[Decimal, frozenset[str]]:
    """What was used, priced: the amount, and the names of what has no price.

    Args:
        price: ``None``: the table knows nothing of this model.
        counts: As `counted` gives them.
        connection_s: Time the link was open.
        name: Of the vendor's model, for the names.
    """
    if price is None:
        return Decimal(0), frozenset({name}) if counts or connection_s else frozenset()
    amount, unpriced = price.of_counts(counts)
    if price.minutes_of == "connection_s":
        amount += price.of_seconds(connection_s)
    if price.also_charged and (counts or connection_s):
        unpriced |= {price.also_charged}
    return amount, frozenset(f"{name} {kind}" for kind in unpriced)


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices in one currency; of several that fit a model, the first counts.

    Attributes:
        as_of: When the figures were looked up.
    """

    prices: tuple[Price, ...] = ()
    currency: str = "USD"
    as_of: date | None = field(default=None)

    def price_of(self, vendor: str, model: str | None) -> Price | None:
        """What a vendor's model costs; ``None``: not known."""
        return next((price for price in self.prices if price.fits(vendor, model)), None)

    def with_prices(self, *prices: Price) -> PriceTable:
        """This table with some of your own, which come first."""
        return PriceTable((*prices, *self.prices), self.currency, self.as_of)

    @classmethod
    def load(cls, path: str | Path) -> PriceTable:
        """Read a table from a JSON file in the form of the one that ships.

        Raises:
            ConfigError: It cannot be read, or an entry cannot be a price; names the entry.
        """
        try:
            return cls.parse(Path(path).read_text(encoding="utf-8"), where=Path(path).name)
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the price table {Path(path).name} cannot be read: {type(error).__name__}") from error

    @classmethod
    def parse(cls, text: str, *, where: str = "the price table") -> PriceTable:
        """Read a table from JSON; numbers are taken as they are written, never as floats.

        Raises:
            ConfigError: It is no table.
        """
        try:
            table = json.loads(text, parse_float=Decimal, parse_int=Decimal)
        except (ValueError, RecursionError, InvalidOperation) as error:  # the last: an exponent without end
            raise ConfigError(f"{where} is not JSON") from error
        entries = table.get("prices") if isinstance(table, dict) else None
        if not isinstance(entries, list):
            raise ConfigError(f'{where} must be an object with a list "prices"')
        currency = table.get("currency", "USD")
        if not isinstance(currency, str) or not currency:
            raise ConfigError(f'{where}: "currency" is a code such as "USD"')
        prices = tuple(
            price for number, entry in enumerate(entries, 1) for price in _prices(entry, f"{where}, price {number}")
        )
        return cls(prices, currency, _date(table.get("as_of"), where))


@functools.cache
def shipped_prices() -> PriceTable:
    """The table that comes with this release: only figures that have a source, so much is missing."""
    text = resources.files("roomkit.telemetry").joinpath("prices.json").read_text(encoding="utf-8")
    return PriceTable.parse(text, where="prices.json")


def _charged(counts: Mapping[str, float]) -> dict[str, Decimal]:
    """Tokens by the kind they are charged as; those of a total that no kind explains are ``tokens of no kind``."""
    tokens = {kind: Decimal(str(counts[name])) for kind in TOKEN_KINDS if (name := f"{kind}_tokens") in counts}
    known = sum((count for kind, count in tokens.items() if kind not in _CACHED_IN.values()), Decimal(0))
    for kind, cached in _CACHED_IN.items():
        if kind in tokens and cached in tokens:
            tokens[cached] = min(tokens[cached], tokens[kind])
            tokens[kind] -= tokens[cached]
    if (rest := Decimal(str(counts.get("total_tokens", 0))) - known) > 0:
        tokens["tokens of no kind"] = rest
    return {kind: count for kind, count in tokens.items() if count}


def _prices(entry: object, where: str) -> list[Price]:
    """One entry: a price for each of the patterns in its ``model``."""
    if not isinstance(entry, dict) or not isinstance(entry.get("vendor"), str):
        raise ConfigError(f'{where} must be an object with a "vendor"')
    known = {each.name for each in fields(Price)}
    if unknown := sorted(map(str, entry.keys() - known)):
        raise ConfigError(f"{where} has {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    model = entry.get("model", "*")
    patterns = model if isinstance(model, list) and model else [model]
    if not all(isinstance(pattern, str) for pattern in patterns):
        raise ConfigError(f'{where}: "model" is a pattern such as "voice-2*", or a list of them')
    values: dict[str, Any] = {**entry, "as_of": _date(entry.get("as_of"), where)}
    values |= {name: _money(values[name]) for name in _AMOUNTS if name in values}
    try:
        return [Price(**{**values, "model": pattern}) for pattern in patterns]
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def _money(value: object) -> object:
    """An amount in JSON: text or a number; what is written otherwise is for `Price` to refuse."""
    try:
        return Decimal(value) if isinstance(value, str) else value
    except InvalidOperation:
        return value


def _can_be_charged(amount: object) -> bool:
    if isinstance(amount, Decimal):
        return amount.is_finite() and 0 <= amount <= _MILLION
    return amount is None or (type(amount) is int and 0 <= amount <= _MILLION)


def _date(value: object, where: str) -> date | None:
    if value is None:
        return None
    try:
        return date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError as error:
        raise ConfigError(f'{where}: "as_of" is a date such as "2026-11-21"') from error
