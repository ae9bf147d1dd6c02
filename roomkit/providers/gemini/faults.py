"""What Gemini's closes and HTTP refusals mean, as data. It has no error events: it hangs up and says why.

Seen 2025-2026: 1007 blames what was sent (an unknown field, a stale handle, a context that is full), 1008 names what
is not there - or comes out of nowhere in the middle of a tool call, which is why it counts only against a set-up.
"""

from __future__ import annotations

from typing import Final

from roomkit.providers.gemini.config import API_KEY_VARIABLES
from roomkit.providers.shared.keys import check_key
from roomkit.voice.realtime.reconnect import REFUSING_CLOSES, CloseMap

RESUME_REFUSED: Final = "resume_refused"
"""Our code for a handle that is not taken (any more): the same dial without it may work."""

_CHECK_KEY: Final = check_key(API_KEY_VARIABLES[0])

GEMINI_CLOSES: Final = CloseMap(
    refusing_closes={**REFUSING_CLOSES, 1007: "invalid_argument"},
    status_hints={
        400: f"the request was not understood: {_CHECK_KEY}",
        401: _CHECK_KEY,
        403: "the key may not use this model, or not from here",
        404: "no such model, path or API version: check model, base_url and api_version",
        429: "too many sessions, or the quota is used up",
    },
    passing_closes=frozenset({1008}),
    rate_reasons=("quota", "resource_exhausted", "resource has been exhausted", "rate limit", "too many requests"),
)
"""1007 is never worth the same dial again: a replay that overfills the context would overfill it for ever. A quota is
a rate here, of requests or tokens in a minute or a day; it comes as 1011 with these words
(deprecated-generative-ai-js#487)."""

HANDLE_CODES: Final = frozenset(GEMINI_CLOSES.refusing_closes[code] for code in (1007, 1008))
"""What a refusal is called that may be about the handle."""
