"""When an answer that failed by a limit of the account may be asked for again. Pure.

The service tells its limits when it likes (``rate_limits.updated``: often not at all, sometimes before the answer it
is about), so its word is taken where there is one and a fixed wait where there is none.
"""

from __future__ import annotations

import math
from typing import Final

from roomkit.providers.shared.objects import Json, count_of, identifier, objects_of
from roomkit.voice.realtime.provider_events import ResponseDone
from roomkit.voice.realtime.reconnect import RATE_LIMITED

RATE_LIMIT_CODES: Final = frozenset({"rate_limit_exceeded", "inference_rate_limit_exceeded"})
QUOTA_CODES: Final = frozenset({"insufficient_quota", "credit_balance_exhausted", "billing_hard_limit_reached"})
USUAL_WAIT_MS: Final = 2_000.0
"""Where the service does not say: limits are refilled all the time, a request's share of them within seconds."""


class RateLimits:
    """What one link's service said of the account's limits last."""

    def __init__(self) -> None:
        self._reset_ms: float | None = None

    def told(self, event: Json) -> None:
        """A ``rate_limits.updated``: the longest wait among the limits that are used up."""
        used_up = [each for each in objects_of(event, "rate_limits") if count_of(each, "remaining") == 0]
        resets_s = [reset_s for each in used_up if (reset_s := count_of(each, "reset_seconds")) is not None]
        self._reset_ms = max(resets_s) * 1000.0 if resets_s else None

    def retry_after_ms(self, error: Json) -> float | None:
        """See `ResponseDone.retry_after_ms`; ``None``: ``error`` is about something else."""
        names = {identifier(error, "code"), identifier(error, "type")}
        if names & QUOTA_CODES:
            return math.inf
        if not names & RATE_LIMIT_CODES:
            return None
        return USUAL_WAIT_MS if self._reset_ms is None else self._reset_ms

    def refused(self, error: Json) -> tuple[ResponseDone, ...]:
        """What an ``error`` that refuses our request for an answer means, if it is about a limit: the answer failed."""
        retry_after_ms = self.retry_after_ms(error)
        return () if retry_after_ms is None else (ResponseDone("", "failed", {}, RATE_LIMITED, retry_after_ms),)
