"""Whether a provider is worth dialling at all: one circuit breaker a provider object, shared by all its sessions.

Pure policy: time is an argument. Not in here: sessions, back-off of one session (`reconnect`), who is tried instead
(`roomkit.voice.session.links.candidates`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

STABLE_MS: Final = 5_000.0
"""A link lost sooner than this after it came up has proved nothing: a vendor that accepts and drops is in trouble."""

GROWTH: Final = 2.0
"""How much longer each cool-down is than the one before it."""


class BreakerState(StrEnum):
    """What a breaker lets through."""

    CLOSED = "closed"  # every dial
    OPEN = "open"  # none
    HALF_OPEN = "half_open"  # one, to see


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When a breaker opens and for how long.

    Attributes:
        failures: Failed dials, or links lost within `STABLE_MS`, one after the other.
        cool_down_ms: From opening to the first trial; doubles with every trial that fails.
        max_cool_down_ms: The longest of them.
        fails_fast: Refuse a session that has no other provider either. By default it is still dialled: a lone provider
            is no worse off with a breaker than without.
    """

    failures: int = 3
    cool_down_ms: float = 10_000.0
    max_cool_down_ms: float = 300_000.0
    fails_fast: bool = False


class CircuitBreaker:
    """The health of one provider, as its sessions found it.

    Every dial is `begin` and then one of `opened`, `failed` or `abandoned`; a link that is lost soon is `failed` too.
    """

    def __init__(self, policy: BreakerPolicy | None = None) -> None:
        self.policy = policy or BreakerPolicy()
        self._failures = 0
        self._shut_until_ms: float | None = None
        self._cool_down_ms = self.policy.cool_down_ms
        self._is_on_trial = False
        self._opened_ms: float | None = None

    def state(self, now_ms: float) -> BreakerState:
        """What it is at this time."""
        if self._shut_until_ms is None or self._is_proved(now_ms):
            return BreakerState.CLOSED
        return BreakerState.OPEN if now_ms < self._shut_until_ms else BreakerState.HALF_OPEN

    def admits(self, now_ms: float) -> bool:
        """Whether one more dial is let through: in half-open, one at a time."""
        state = self.state(now_ms)
        return state is BreakerState.CLOSED or (state is BreakerState.HALF_OPEN and not self._is_on_trial)

    def begin(self, now_ms: float) -> None:
        """A dial begins, let through or not."""
        if self._is_proved(now_ms):
            self._reset()
        self._is_on_trial = self._shut_until_ms is not None

    def opened(self, now_ms: float) -> None:
        """The dial made a link; it proves the provider once it has stayed up for `STABLE_MS`."""
        self._opened_ms = now_ms

    def failed(self, now_ms: float) -> None:
        """The dial failed, or its link was lost within `STABLE_MS`."""
        if self._is_proved(now_ms):
            self._reset()
        self._opened_ms = None
        self._failures += 1
        if self._is_on_trial:
            self._cool_down_ms = min(self._cool_down_ms * GROWTH, self.policy.max_cool_down_ms)
        elif self._failures < self.policy.failures:
            return
        self._is_on_trial = False
        self._shut_until_ms = now_ms + self._cool_down_ms

    def abandoned(self) -> None:
        """The dial was given up before it was known how it would end."""
        self._is_on_trial = False

    def _is_proved(self, now_ms: float) -> bool:
        return self._opened_ms is not None and now_ms - self._opened_ms >= STABLE_MS

    def _reset(self) -> None:
        self._failures = 0
        self._shut_until_ms = self._opened_ms = None
        self._cool_down_ms = self.policy.cool_down_ms
        self._is_on_trial = False
