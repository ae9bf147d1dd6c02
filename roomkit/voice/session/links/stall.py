"""Whether a link still says anything while an answer is owed: what dies without a word is found here.

A timer runs only while something is owed; a link that talks, or owes nothing, costs nothing. Not in here: what follows
(`provider_side`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

LOOKS: Final = 8
"""Looks within one timeout: a stall is noticed an eighth of it late at most, and no event needs to be timed."""

LONE_FACTOR: Final = 4.0
"""With nobody else to go to, a slow model is better than none: it is given this much longer."""

GROWTH: Final = 2.0
"""A link that stalled may have been thinking: its successor is given longer, until an answer comes."""


class StallWatch:
    """Watches one session's links.

    Args:
        timeout_s: Silence while something is owed; ``None``: never a stall.
        has_another: Whether somebody else could serve.
        is_owed: Whether something is owed now.
        count: How many events came so far and how much of them was heard; any change is a sign of life.
        on_stall: Called once a stall.
    """

    def __init__(
        self,
        timeout_s: float | None,
        *,
        has_another: Callable[[], bool],
        is_owed: Callable[[], bool],
        count: Callable[[], float],
        on_stall: Callable[[], None],
    ) -> None:
        self._first_timeout_s = timeout_s
        self._timeout_s = timeout_s
        self._has_another = has_another
        self._is_owed = is_owed
        self._count = count
        self._on_stall = on_stall
        self._timer: asyncio.TimerHandle | None = None
        self._seen = 0.0
        self._quiet_looks = 0

    def look(self) -> None:
        """Something may be owed from now on."""
        if self._timer is None and self._timeout_s is not None and self._is_owed():
            self._seen, self._quiet_looks = self._count(), 0
            self._arm(self._timeout_s * (1.0 if self._has_another() else LONE_FACTOR))

    def answered(self) -> None:
        """An answer came to its end: the link is as quick as it should be."""
        self._timeout_s = self._first_timeout_s

    def stop(self) -> None:
        """No link, nothing to watch."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, timeout_s: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(timeout_s / LOOKS, self._wake, timeout_s)

    def _wake(self, timeout_s: float) -> None:
        self._timer = None
        if not self._is_owed():
            return
        count = self._count()
        self._quiet_looks = self._quiet_looks + 1 if count == self._seen else 0
        self._seen = count
        if self._quiet_looks < LOOKS:
            self._arm(timeout_s)
            return
        if self._timeout_s is not None:
            self._timeout_s *= GROWTH
        self._on_stall()
