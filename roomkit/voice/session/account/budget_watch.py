"""Watches one budget: warns once, says once that it is used up, and sets one timer for what time alone will use up.

It looks whenever it is told that something was used; nothing polls. Not in here: who is told and what follows
(`budget_keeper` for a session, `room_budget` for a room), the arithmetic of limits (`budget`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Protocol

from roomkit.models.usage import Usage
from roomkit.voice.session.account.budget import Budget, nearest, next_look_s

logger = logging.getLogger(__name__)


class Meter(Protocol):
    """What was used of a budget, up to now, and how fast time alone uses it."""

    @property
    def until_now(self) -> Usage: ...

    @property
    def elapsed_s(self) -> float: ...

    @property
    def elapsed_per_s(self) -> float: ...

    @property
    def cost_per_s(self) -> Decimal: ...


class BudgetWatch:
    """Watches one budget.

    Args:
        budget: The limits.
        meter: What is used of them.
        on_warning: Called with the limit, how much of it is used (``None``: nobody knows, for a price is not known) and
            the usage.
        on_used_up: Called with the limit, once.
    """

    def __init__(
        self,
        budget: Budget,
        meter: Meter,
        *,
        on_warning: Callable[[str, float | None, Usage], None],
        on_used_up: Callable[[str], None],
    ) -> None:
        self._budget = budget
        self._meter = meter
        self._on_warning = on_warning
        self._on_used_up = on_used_up
        self._timer: asyncio.TimerHandle | None = None
        self._has_warned = self._has_said_unpriced = False
        self.is_used_up = False

    def look(self) -> None:
        """Something may have been used."""
        if self.is_used_up:
            return
        meter, budget = self._meter, self._budget
        usage, elapsed_s = meter.until_now, meter.elapsed_s
        if usage.unpriced and budget.max_cost is not None and not self._has_said_unpriced:
            self._say_unpriced(usage)
        spent = nearest(budget, usage, elapsed_s)
        if spent.share >= budget.warn_at and not self._has_warned:
            self._has_warned = True
            self._on_warning(spent.limit, spent.share, usage)
        if spent.share >= 1.0:
            self.is_used_up = True
            self.close()
            self._on_used_up(spent.limit)
        else:
            self._look_later(usage, elapsed_s)

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_later(self, usage: Usage, elapsed_s: float) -> None:
        self.close()
        meter, share = self._meter, 1.0 if self._has_warned else self._budget.warn_at
        delay_s = next_look_s(
            self._budget, usage, elapsed_s, meter.cost_per_s, share, elapsed_per_s=meter.elapsed_per_s
        )
        if delay_s is not None:
            self._timer = asyncio.get_running_loop().call_later(delay_s, self.look)

    def _say_unpriced(self, usage: Usage) -> None:
        self._has_said_unpriced = True
        logger.warning(
            "max_cost does not count everything: no price is known for %s", ", ".join(sorted(usage.unpriced))
        )
        self._on_warning("max_cost", None, usage)
