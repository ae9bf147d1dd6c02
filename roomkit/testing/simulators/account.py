"""What a simulated account may use: connections at once, answers a minute. How its vendor says no is its server's.

One instance a simulator, shared by its connections, as a vendor counts by key and not by socket. Invariant: what is
refused is not counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final, Protocol

from roomkit.clock import Clock
from roomkit.errors import ConfigError

MINUTE_MS: Final = 60_000.0
RATE_LIMIT_CODE: Final = "rate_limit_exceeded"
TOO_MANY: Final = (429, "Too many concurrent sessions.")
"""The upgrade's answer to a connection too many. Gemini's sheet has the status; the others are not known to differ."""


class Connected(Protocol):
    """A session, as far as it takes up a connection."""

    @property
    def is_over(self) -> bool: ...


class Account:
    """The limits of one account and what was used of them.

    Args:
        max_connections: Connections at once; `None`: any number.
        responses_per_minute: Answers begun within any 60 s; `None`: any number.
        clock: Where times come from.

    Raises:
        ConfigError: A limit below zero.
    """

    def __init__(self, max_connections: int | None, responses_per_minute: int | None, clock: Clock) -> None:
        for name, limit in (("max_connections", max_connections), ("responses_per_minute", responses_per_minute)):
            if limit is not None and limit < 0:
                raise ConfigError(f"{name}={limit}: a limit is 0 or more, or None for no limit")
        self._max_connections = max_connections
        self._clock = clock
        self._begun_ms: deque[float] = deque()
        self.responses_per_minute = responses_per_minute

    def refuses(self, sessions: Iterable[Connected]) -> tuple[int, str] | None:
        """Why one more connection is turned away at the upgrade, if it is."""
        if self._max_connections is None:
            return None
        return TOO_MANY if sum(not session.is_over for session in sessions) >= self._max_connections else None

    def takes_response(self) -> bool:
        """Count an answer that begins; whether the minute still had one."""
        if self.responses_per_minute is None:
            return True
        self._forget()
        if len(self._begun_ms) >= self.responses_per_minute:
            return False
        self._begun_ms.append(self._clock.now_ms())
        return True

    @property
    def remaining(self) -> int:
        """Answers the minute has left; 0 where nothing is counted."""
        self._forget()
        return max(0, (self.responses_per_minute or 0) - len(self._begun_ms))

    @property
    def reset_s(self) -> float:
        """Seconds until the oldest answer counted is a minute old, so that one more is allowed."""
        self._forget()
        if not self._begun_ms:
            return 0.0 if self.responses_per_minute else MINUTE_MS / 1000
        return round((self._begun_ms[0] + MINUTE_MS - self._clock.now_ms()) / 1000, 3)

    def _forget(self) -> None:
        now_ms = self._clock.now_ms()
        while self._begun_ms and self._begun_ms[0] + MINUTE_MS <= now_ms:
            self._begun_ms.popleft()
