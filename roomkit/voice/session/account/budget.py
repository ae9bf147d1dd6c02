"""How much may be used: the limits as a value, and how near they are. Pure.

Not in here: counting (`usage`), when to look (`budget_watch`), what happens when a limit is reached (`budget_keeper`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Literal, NamedTuple

from roomkit.errors import ConfigError
from roomkit.models.usage import Usage
from roomkit.voice.realtime.agent import Agent

SHORTEST_LOOK_S = 0.001
"""The account counts whole milliseconds; a timer below that would look at the same amount twice."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How much one session may use; or, in a `RoomBudget`, those of a room together.

    Attributes:
        max_cost: In the currency of the price table; what has no price does not count (it is said so once).
        max_tokens: Of `Usage.total_tokens`.
        max_duration_s: From the moment its provider is connected.
        warn_at: Share of a limit at which ``ON_BUDGET_WARNING`` fires, once.
        on_exceeded: ``"end"``: the answer under way is heard, then ``farewell``, then the session ends
            (``budget_exceeded``). ``"degrade"``: ``fallback`` serves from the next turn on, without limits; if it
            cannot, the session ends.
        farewell: Said by the agent before the end.
        fallback: Who takes over, for instance an `Agent` with a cheaper provider; or the name of one of the channel's.

    Raises:
        ConfigError: No limit at all, or one that cannot be.
    """

    max_cost: Decimal | str | float | None = None
    max_tokens: int | None = None
    max_duration_s: float | None = None
    warn_at: float = 0.8
    on_exceeded: Literal["end", "degrade"] = "end"
    farewell: str | None = None
    fallback: Agent | str | None = None

    def __post_init__(self) -> None:
        limits = self.limits()
        if not limits:
            raise ConfigError("a budget needs a limit: max_cost, max_tokens or max_duration_s")
        for name, limit in limits.items():
            if not limit.is_finite() or limit <= 0:
                raise ConfigError(f"{name} must be a number above nought")
        if not isinstance(self.warn_at, int | float) or not 0.0 < self.warn_at <= 1.0:
            raise ConfigError("warn_at is a share of the budget: above 0, at most 1")
        if self.on_exceeded not in ("end", "degrade"):
            raise ConfigError('on_exceeded is "end" or "degrade"')
        if not isinstance(self.farewell, str | None):
            raise ConfigError("farewell is what the agent says: text")
        if not isinstance(self.fallback, Agent | str | None):
            raise ConfigError("fallback is an Agent, or the name of one")
        if (self.on_exceeded == "degrade") != (self.fallback is not None):
            raise ConfigError('on_exceeded="degrade" and a fallback, the agent that takes over, go together')

    def limits(self) -> dict[str, Decimal]:
        """The limits that are set, by name."""
        given = {"max_cost": self.max_cost, "max_tokens": self.max_tokens, "max_duration_s": self.max_duration_s}
        return {name: _number(limit) for name, limit in given.items() if limit is not None}


class Spent(NamedTuple):
    """How much of which limit is used."""

    limit: str
    share: float


def nearest(budget: Budget, usage: Usage, elapsed_s: float) -> Spent:
    """The limit of which most is used."""
    used = {
        "max_cost": usage.known_cost,
        "max_tokens": Decimal(usage.total_tokens),
        "max_duration_s": Decimal(str(elapsed_s)),
    }
    shares = (Spent(name, float(used[name] / limit)) for name, limit in budget.limits().items())
    return max(shares, key=lambda spent: spent.share)


def next_look_s(
    budget: Budget, usage: Usage, elapsed_s: float, cost_per_s: Decimal, share: float, *, elapsed_per_s: float = 1.0
) -> float | None:
    """Seconds until time alone has used up ``share`` of a limit; ``None``: it never will.

    Args:
        budget: The limits.
        usage: What was used.
        elapsed_s: Of ``max_duration_s``.
        cost_per_s: What a second costs.
        share: Of a limit.
        elapsed_per_s: How fast ``elapsed_s`` grows.
    """
    limits = budget.limits()
    waits: list[float] = []
    if "max_duration_s" in limits and elapsed_per_s > 0:
        waits.append((float(limits["max_duration_s"]) * share - elapsed_s) / elapsed_per_s)
    if "max_cost" in limits and cost_per_s > 0:
        waits.append((float(limits["max_cost"]) * share - float(usage.known_cost)) / float(cost_per_s))
    return max(SHORTEST_LOOK_S, min(waits)) if waits else None


def _number(limit: Decimal | str | float) -> Decimal:
    try:
        return Decimal("NaN") if isinstance(limit, bool) else Decimal(str(limit))
    except InvalidOperation:
        return Decimal(math.nan)
