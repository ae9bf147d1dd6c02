"""When to redial a provider, and whether redialling can help at all: pure policy.

Two questions, answered as values. `CloseMap`: what does this vendor mean by that close code or HTTP status?
`ReconnectPolicy`: how long until the next attempt, or is it over? Time and randomness are arguments. Not in here:
sockets (`wire`), timers and the replay of the conversation (`roomkit.voice.session`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from roomkit.errors import ProviderError, ProviderLostError, ProviderRefusedError, RealtimeConnectionError
from roomkit.voice.wires.port import WireClosed, WireRefused

REFUSING_STATUSES: Final[frozenset[int]] = frozenset({400, 401, 402, 403, 404, 405, 410, 422, 426})
"""Upgrade answers that the same request gets again; 408, 429 and 5xx pass with time."""

REFUSING_CLOSES: Final[Mapping[int, str]] = {
    1003: "unsupported_data",
    1007: "invalid_payload",
    1008: "policy_violation",
}
"""RFC 6455 §7.4.1 codes that blame what we sent; sending it again changes nothing."""

RATE_LIMITED: Final = "rate_limited"
"""`Failure.code` and `ProviderFault.code` of an account over its rate, whatever its vendor calls that: it passes."""

QUOTA_EXCEEDED: Final = "quota_exceeded"
"""`Failure.code` of an account that has used up what it may use: asking again changes nothing."""

_SECRET: Final = re.compile(r"\b(?:(?:sk|ek|rk|xai|xi)[-_]|AIza|Bearer\s+)[\w*.+/=-]{4,}")
_MAX_REASON_CHARS: Final = 200


def redacted(words: str) -> str:
    """A peer's words on one line, cut to 200 characters, without anything shaped like a key."""
    return _SECRET.sub("<key>", " ".join(words.split()))[:_MAX_REASON_CHARS]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no link: a code for programs, a sentence for people, and whether another dial may help.

    Attributes:
        is_goodbye: The agent ended the conversation, as it may: nothing failed.
        retry_after_ms: How long the vendor wants to be left alone, if it said so.
    """

    code: str
    reason: str
    retryable: bool
    is_goodbye: bool = False
    retry_after_ms: float | None = None

    def as_error(self, vendor: str) -> RealtimeConnectionError:
        """The exception for somebody who waits for the link."""
        kind = ProviderLostError if self.retryable else ProviderRefusedError
        words = f"{vendor}: {self.reason}"
        return kind(words, code=self.code, retryable=self.retryable, retry_after_ms=self.retry_after_ms)


@dataclass(frozen=True, slots=True)
class CloseMap:
    """What one vendor means by its close codes and HTTP answers.

    Attributes:
        refusing_closes: Close codes after which redialling is pointless, with our code for each.
        refusing_statuses: HTTP statuses of the upgrade that are a no for good.
        status_hints: What the developer should look at, by HTTP status.
        close_hints: The same by the close code that refuses a set-up.
        passing_closes: Those of ``refusing_closes`` that blame a set-up only: after it, they have been seen to pass.
        goodbye_closes: Those of ``refusing_closes`` by which the agent hangs up, once the session was set up.
        rate_reasons: Words of a close's reason, in lower case, by which the vendor hangs up over the account's rate;
            they say more than the code.
        quota_reasons: Those by which it hangs up because the account is used up.
    """

    refusing_closes: Mapping[int, str] = field(default_factory=lambda: REFUSING_CLOSES)
    refusing_statuses: frozenset[int] = REFUSING_STATUSES
    status_hints: Mapping[int, str] = field(default_factory=dict)
    close_hints: Mapping[int, str] = field(default_factory=dict)
    passing_closes: frozenset[int] = frozenset()
    goodbye_closes: frozenset[int] = frozenset()
    rate_reasons: tuple[str, ...] = ()
    quota_reasons: tuple[str, ...] = ()

    def of_close(self, closed: WireClosed, *, was_up: bool = False) -> Failure:
        """What a close of an accepted socket means.

        Args:
            closed: How it was closed.
            was_up: The session had been set up on it.
        """
        said = f": {redacted(closed.reason)}" if closed.reason else ""
        if (limit := self.limit_of(closed.reason)) is not None:
            return Failure(limit, f"the vendor hung up ({closed.code}){said}", limit == RATE_LIMITED)
        code = self.refusing_closes.get(closed.code)
        retryable = code is None or (was_up and closed.code in self.passing_closes)
        is_goodbye = was_up and closed.code in self.goodbye_closes
        hint = "" if was_up else self.close_hints.get(closed.code, "")
        why = f"the connection was closed ({closed.code}){said}" + (f"; {hint}" if hint else "")
        return Failure(code or str(closed.code), why, retryable, is_goodbye)

    def limit_of(self, words: str) -> str | None:
        """Which of an account's limits the vendor's words are about: `RATE_LIMITED`, `QUOTA_EXCEEDED` or ``None``."""
        said = words.lower()
        if any(each in said for each in self.quota_reasons):
            return QUOTA_EXCEEDED
        return RATE_LIMITED if any(each in said for each in self.rate_reasons) else None

    def of_refusal(self, refused: WireRefused) -> Failure:
        """What an upgrade that failed means; status 0 is a network that did not answer."""
        if not refused.status:
            return Failure("unreachable", f"could not be reached: {redacted(refused.detail)}", True)
        hint = self.status_hints.get(refused.status) or redacted(refused.detail)
        retryable = refused.status not in self.refusing_statuses
        return Failure(
            f"http_{refused.status}",
            f"the connection was refused (HTTP {refused.status}): {hint}",
            retryable,
            retry_after_ms=None if refused.retry_after_s is None else refused.retry_after_s * 1000.0,
        )


@dataclass(frozen=True, slots=True)
class ReconnectPolicy:
    """Jittered exponential back-off within a budget of attempts and of time.

    The caller is on the line meanwhile: the first attempt comes at once, later ones spread out so that a vendor that
    comes back is not met by every session in the same instant ("full jitter").

    Attributes:
        first_delay_ms: Upper bound of the wait before the second attempt; doubles from there.
        max_delay_ms: Upper bound of any wait.
        max_attempts: Dials before giving up.
        budget_ms: No attempt begins later than this after the link was lost.
    """

    first_delay_ms: float = 250.0
    max_delay_ms: float = 5_000.0
    max_attempts: int = 8
    budget_ms: float = 30_000.0

    def delay_ms(
        self, failed_attempts: int, elapsed_ms: float, random: float, *, at_least_ms: float = 0.0
    ) -> float | None:
        """Milliseconds until the next attempt, or ``None``: give up.

        Args:
            failed_attempts: Dials that failed since the link was lost; 0 for the first.
            elapsed_ms: Time since the link was lost.
            random: Uniform in [0, 1).
            at_least_ms: What the vendor asked for. Beyond the budget there is no point in staying on the line.
        """
        if failed_attempts >= self.max_attempts or elapsed_ms >= self.budget_ms:
            return None
        if failed_attempts == 0:
            return 0.0
        # min() on the exponent too: 2.0 ** 1100 would overflow where somebody allows endless attempts
        ceiling_ms = min(self.max_delay_ms, self.first_delay_ms * 2.0 ** min(failed_attempts - 1, 32))
        delay_ms = max(ceiling_ms * random, at_least_ms)
        return delay_ms if elapsed_ms + delay_ms < self.budget_ms else None


def is_retryable(error: BaseException) -> bool:
    """Whether dialling again may help after ``error`` (what `open_link` raised, or a timeout of our own)."""
    if isinstance(error, ProviderError):
        return error.retryable
    return isinstance(error, TimeoutError | OSError)
