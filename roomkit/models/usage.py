"""What a conversation used and what that cost, as a value: tokens by kind, seconds, money.

Standard library only; made by the session's accounting, read back from stored events. Not in here: prices
(`telemetry.prices`). Invariant: usages add up, in any order and grouping, and what is not known stays said:
an amount is never taken for nought because its price is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any

TOKEN_KINDS = (
    "input_text", "input_audio", "input_image", "cached_text", "cached_audio",
    "output_text", "output_audio", "output_reasoning",
)  # fmt: skip
"""What tokens can be; ``<kind>_tokens`` is the name of their count. The cached ones are parts of the input."""

COUNT_NAMES = frozenset({*(f"{kind}_tokens" for kind in TOKEN_KINDS), "total_tokens", "billable_s"})
"""The portable names of `ResponseDone.usage`."""

MAX_COUNT = 1e12
"""No answer counts that far; what claims to is rubbish, and would drown the sum."""

_SECONDS = ("input_audio_s", "output_audio_s", "connection_s")
_MAX_UNPRICED = 16
"""Names kept of what has no price; a stored record may hold anything."""

_NO_COUNTS: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, seconds and money of one turn, session or room.

    Attributes:
        counts: What the vendor counted, by the portable names of `ResponseDone.usage`.
        input_audio_s: The caller's audio that went to the provider, as measured here.
        output_audio_s: The agent's audio that came from it, heard or not.
        connection_s: How long provider links were open.
        known_cost: What could be priced, in ``currency``.
        currency: Of ``known_cost``.
        unpriced: What had no price (``"openai/gpt-realtime input_audio"``), so that ``known_cost`` is not all of it.
    """

    counts: Mapping[str, float] = field(default_factory=lambda: _NO_COUNTS)
    input_audio_s: float = 0.0
    output_audio_s: float = 0.0
    connection_s: float = 0.0
    known_cost: Decimal = Decimal(0)
    currency: str = "USD"
    unpriced: frozenset[str] = frozenset()

    @property
    def cost(self) -> Decimal | None:
        """All that was counted, in ``currency``; ``None``: something in it has no price (``unpriced`` says what)."""
        return None if self.unpriced else self.known_cost

    @property
    def total_tokens(self) -> int:
        """Every token in and out, as the vendor counted; 0 where it counts none."""
        return int(self.counts.get("total_tokens", 0))

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all was used."""
        return self == Usage(currency=self.currency)

    def __add__(self, other: Usage) -> Usage:
        """Both together. Of two currencies the first with money in it stays; the other's is named as unpriced."""
        currency = self.currency if self.known_cost or not other.known_cost else other.currency
        known_cost, unpriced = Decimal(0), self.unpriced | other.unpriced
        for usage in (self, other):
            if usage.currency == currency:
                known_cost += usage.known_cost
            elif usage.known_cost:
                unpriced |= {f"amounts in {usage.currency}"}
        names = self.counts.keys() | other.counts.keys()
        return Usage(
            {name: self.counts.get(name, 0) + other.counts.get(name, 0) for name in sorted(names)},
            self.input_audio_s + other.input_audio_s,
            self.output_audio_s + other.output_audio_s,
            self.connection_s + other.connection_s,
            known_cost,
            currency,
            unpriced,
        )

    def as_metadata(self) -> dict[str, Any]:
        """As JSON, for ``event.metadata["usage"]``; money as text, for no float holds a cent."""
        record: dict[str, Any] = {**self.counts, **{name: round(getattr(self, name), 3) for name in _SECONDS}}
        record |= {"cost": None if self.cost is None else str(self.cost), "currency": self.currency}
        if self.unpriced:
            record |= {"known_cost": str(self.known_cost), "unpriced": sorted(self.unpriced)}
        return record

    @classmethod
    def from_metadata(cls, record: object) -> Usage:
        """Read `as_metadata` back; what cannot be read counts for nothing, never raises."""
        if not isinstance(record, Mapping):
            return cls()
        given = record.get("unpriced")
        names = {name for name in given if isinstance(name, str)} if isinstance(given, list | tuple) else set()
        known_cost = _money(record["known_cost"] if "known_cost" in record else record.get("cost"))
        if known_cost is None and record:
            names.add("a record without cost")
        currency = record.get("currency")
        return cls(
            counts=counted(record),
            known_cost=known_cost or Decimal(0),
            currency=currency if isinstance(currency, str) and currency else "USD",
            unpriced=frozenset(sorted(names)[:_MAX_UNPRICED]),
            **{name: _amount(record.get(name)) or 0.0 for name in _SECONDS},
        )


def counted(said: Mapping[str, Any]) -> dict[str, float]:
    """What a vendor counted, as far as it can be: known names, finite, not negative, below `MAX_COUNT`.

    ``total_tokens`` is at least the sum of its parts, and there where a part is.
    """
    counts = {name: amount for name in sorted(COUNT_NAMES) if (amount := _amount(said.get(name)))}
    parts = sum(amount for name, amount in counts.items() if name.startswith(("input_", "output_")))
    if parts > counts.get("total_tokens", 0):
        counts["total_tokens"] = parts
    return counts


def _amount(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < MAX_COUNT:
        return None  # NaN compares false
    return value


def _money(value: object) -> Decimal | None:
    if not isinstance(value, str):
        return None
    try:
        amount = Decimal(value)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount < int(MAX_COUNT) else None
