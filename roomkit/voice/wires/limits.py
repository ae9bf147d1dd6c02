"""When a peer that does not read is given up: a pure policy, and the watch that runs it for one wire."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

MAX_BUFFERED_BYTES = 1024 * 1024
"""About 20 s of 24 kHz PCM: a caller that far behind hears nothing that still matters."""

DIAL_BUFFERED_BYTES = 32 * 1024 * 1024
"""Towards a provider one message alone may have 15 MiB (see `MAX_MESSAGE_BYTES`)."""

MAX_STALLED_MS = 10_000.0
"""A mobile handover takes a few seconds; a peer silent for longer than this is not coming back."""

STALLED_BYTES = 64 * 1024
"""Buffered more than this counts as stalled: less is what any busy socket holds for a moment."""

DIAL_PING_S = 7.5
"""A provider that says nothing for so long is asked whether it is there, and has as long to answer: a caller talks to a
dead line for 15 s at most. Providers are servers; a phone may be away for longer."""

CLOSE_GRACE_S = 2.0
"""What a peer gets to answer our close frame, as `WirePort.close` promises."""


class StallPolicy:
    """Decides from buffered bytes and time alone whether a peer has stopped reading.

    Args:
        max_buffered_bytes: More than this is too much at once.
        max_stalled_ms: Longest time above ``stalled_bytes``.
        stalled_bytes: From here on the peer counts as not reading.
    """

    def __init__(
        self,
        max_buffered_bytes: int = MAX_BUFFERED_BYTES,
        max_stalled_ms: float = MAX_STALLED_MS,
        stalled_bytes: int = STALLED_BYTES,
    ) -> None:
        self.max_buffered_bytes = max_buffered_bytes
        self.max_stalled_ms = max_stalled_ms
        self.stalled_bytes = min(stalled_bytes, max_buffered_bytes)
        self._stalled_since_ms: float | None = None

    @property
    def gives_up_at_ms(self) -> float | None:
        """When `observe` will say no if nothing drains; ``None`` while the peer reads."""
        return None if self._stalled_since_ms is None else self._stalled_since_ms + self.max_stalled_ms

    def observe(self, buffered_bytes: int, now_ms: float) -> str | None:
        """Take note of how much waits.

        Returns:
            Why the peer is to be closed, or ``None`` while it may stay.
        """
        if buffered_bytes > self.max_buffered_bytes:
            return f"slow reader: {buffered_bytes} bytes waiting"
        if buffered_bytes < self.stalled_bytes:
            self._stalled_since_ms = None
            return None
        if self._stalled_since_ms is None:
            self._stalled_since_ms = now_ms
        if now_ms - self._stalled_since_ms >= self.max_stalled_ms:
            return f"slow reader: nothing read for {self.max_stalled_ms / 1000:g} s"
        return None


class StallWatch:
    """Runs a `StallPolicy` for one wire: asked when bytes are left over after a send, and by a timer while stalled.

    Args:
        buffered_bytes: How much waits now.
        give_up: Called at most once, with the reason.
    """

    def __init__(self, policy: StallPolicy, buffered_bytes: Callable[[], int], give_up: Callable[[str], None]) -> None:
        self._policy = policy
        self._buffered_bytes = buffered_bytes
        self._give_up: Callable[[str], None] | None = give_up
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def check(self) -> None:
        """Look now; if the peer is stalled, look again when its time is up."""
        if self._give_up is None:
            return
        now_ms = self._loop.time() * 1000
        reason = self._policy.observe(self._buffered_bytes(), now_ms)
        if reason is not None:
            give_up = self._give_up
            self.cancel()
            give_up(reason)
        elif self._timer is None and (at_ms := self._policy.gives_up_at_ms) is not None:
            self._timer = self._loop.call_at(at_ms / 1000, self._timer_fired)

    def cancel(self) -> None:
        """The wire is closing: never give up any more."""
        self._give_up = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _timer_fired(self) -> None:
        self._timer = None
        self.check()
