"""How long one connection to the simulated service and its session may last, and how much its context holds. Pure.

Limits and the code of each close are the vendor's, but for three the fact sheet is silent about: with which code a
session ends that was not compressed (ours: 1011, as a connection does), what a token is (ours: four characters, or 40
ms of sound), and pictures, which count for the session's length alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from roomkit.testing.simulators.connection import Close

CONNECTION_LIMIT_MS: Final = 10 * 60 * 1000
NOTICE_MS: Final = 60 * 1000
"""``goAway`` comes this long before the end of a connection."""
SESSION_LIMIT_MS: Final = 15 * 60 * 1000
"""Of audio, where nothing compresses the context."""
VIDEO_SESSION_LIMIT_MS: Final = 2 * 60 * 1000
"""Of audio and pictures, where nothing compresses the context."""
CONTEXT_TOKENS: Final = 131_072
MS_A_TOKEN: Final = 40
CHARACTERS_A_TOKEN: Final = 4

_CONNECTION_OVER: Final = Close(1011, "Deadline expired before operation could complete.")
_SESSION_OVER: Final = Close(1011, "Session duration limit exceeded.")
CONTEXT_FULL: Final = Close(1007, "Request contains an invalid argument.")
"""The service does not say more; the same history sent again fills the next context too."""


class Lifetime:
    """What is left of one connection and its session.

    Args:
        now_ms: Loop time of the connection.
    """

    def __init__(self, now_ms: float) -> None:
        self._began_ms = now_ms
        self._notice_ms: float | None = now_ms + CONNECTION_LIMIT_MS - NOTICE_MS
        self._ends_ms = now_ms + CONNECTION_LIMIT_MS
        self._age_before_ms = 0.0
        self._is_compressed = True
        self._session_ends_ms: float | None = None
        self._tokens = 0.0

    def set_up(self, setup: Mapping[str, Any], age_ms: float = 0.0, tokens: float = 0.0) -> None:
        """The session begins, or goes on that had lasted and held so much before."""
        self._age_before_ms, self._tokens = age_ms, tokens
        self._is_compressed = "contextWindowCompression" in setup
        self._limit(SESSION_LIMIT_MS)

    def saw_picture(self) -> None:
        """The session is one with video from now on."""
        self._limit(VIDEO_SESSION_LIMIT_MS)

    def age_ms(self, now_ms: float) -> float:
        """How long the session has lasted, over all its connections."""
        return self._age_before_ms + now_ms - self._began_ms

    @property
    def tokens(self) -> float:
        """What the context holds."""
        return self._tokens

    @property
    def is_full(self) -> bool:
        """Whether the context holds more than it can; a compressed one forgets in time."""
        return self._tokens > CONTEXT_TOKENS and not self._is_compressed

    def hold(self, content: object) -> None:
        """Keep something written: JSON."""
        self._tokens += len(json.dumps(content)) / CHARACTERS_A_TOKEN

    def hold_sound(self, duration_ms: float) -> None:
        """Keep something said, by either side."""
        self._tokens += duration_ms / MS_A_TOKEN

    @property
    def due_ms(self) -> float:
        """Loop time at which `wake` has something to say."""
        times_ms = (self._notice_ms, self._ends_ms, self._session_ends_ms)
        return min(one for one in times_ms if one is not None)

    def wake(self, now_ms: float) -> Iterator[dict[str, Any] | Close]:
        """What has become due: a notice, or the end."""
        if self._notice_ms is not None and self._notice_ms <= now_ms:
            self._notice_ms = None
            yield {"goAway": {"timeLeft": f"{NOTICE_MS // 1000}s"}}
        if self._session_ends_ms is not None and self._session_ends_ms <= now_ms:
            yield _SESSION_OVER
        if self._ends_ms <= now_ms:
            yield _CONNECTION_OVER

    def _limit(self, limit_ms: float) -> None:
        if not self._is_compressed:
            self._session_ends_ms = self._began_ms + max(0.0, limit_ms - self._age_before_ms)
