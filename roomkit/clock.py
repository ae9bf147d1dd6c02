"""Time and ids: the only source of loop time, wall time and identifiers.

Tests replace the event loop (`roomkit.testing.VirtualTimeLoop`) and, for repeatable logs, this object
(`roomkit.testing.VirtualClock`); nothing else in the tree asks the operating system what time it is.
"""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime


class Clock:
    """The running loop's time, the wall's time, and fresh ids."""

    def now_ms(self) -> float:
        """Milliseconds on the running event loop's monotonic clock."""
        return asyncio.get_running_loop().time() * 1000.0

    def wall(self) -> datetime:
        """The time of day, timezone-aware, in UTC."""
        return datetime.now(UTC)

    def new_id(self, kind: str) -> str:
        """A fresh id such as ``"evt_1f0c…"``: unique, unguessable (96 random bits)."""
        return f"{kind}_{secrets.token_hex(12)}"


SYSTEM_CLOCK = Clock()
