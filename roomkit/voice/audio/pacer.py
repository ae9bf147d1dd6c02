"""How far ahead of the caller's ears the client may be. Pure: time is an argument.

A provider makes speech faster than it is spoken. What the client already holds cannot be called back in an instant,
so the session lets it hold only a small lead and keeps the rest. Not in here: the queue and the timers (`session`).
"""

from __future__ import annotations

import math


class Lead:
    """Agent audio the client holds beyond its playback, by our clock.

    Args:
        lead_ms: The most it may hold; ``inf`` turns pacing off (mocks, files).
    """

    __slots__ = ("_plays_until_ms", "lead_ms")

    def __init__(self, lead_ms: float) -> None:
        self.lead_ms = lead_ms
        self._plays_until_ms = 0.0

    @property
    def is_paced(self) -> bool:
        """Whether there is a bound at all."""
        return self.lead_ms != math.inf

    def ahead_ms(self, now_ms: float, unsent_ms: float = 0.0) -> float:
        """Audio not yet heard. What has not left this machine (``unsent_ms``) cannot have been heard either."""
        if self.lead_ms == math.inf:
            return 0.0
        return max(0.0, self._plays_until_ms - now_ms, unsent_ms)

    def delay_ms(self, duration_ms: float, now_ms: float, unsent_ms: float = 0.0) -> float:
        """Milliseconds until a piece of ``duration_ms`` may leave without the client holding more than the lead."""
        if self.lead_ms == math.inf:
            return 0.0
        # `ahead_ms` spelled out and no max(): this is asked for every frame, and calls are most of its cost.
        ahead_ms = self._plays_until_ms - now_ms
        late_ms = (ahead_ms if ahead_ms > unsent_ms else unsent_ms) + duration_ms - self.lead_ms
        return late_ms if late_ms > 0.0 else 0.0

    def sent(self, duration_ms: float, now_ms: float) -> None:
        """Account for a piece that left. Idle time is never banked: after a pause the lead starts again from now."""
        plays_until_ms = self._plays_until_ms
        self._plays_until_ms = (plays_until_ms if plays_until_ms > now_ms else now_ms) + duration_ms

    def reported(self, unplayed_ms: float, now_ms: float) -> None:
        """The client says it still holds this much: its buffer makes it later than our clock, never earlier."""
        self._plays_until_ms = max(self._plays_until_ms, now_ms + unplayed_ms)

    def cleared(self) -> None:
        """The client threw away what it held."""
        self._plays_until_ms = 0.0

    def overdue_ms(self, now_ms: float) -> float:
        """How long ago, by our clock, everything sent had been heard."""
        return max(0.0, now_ms - self._plays_until_ms)
