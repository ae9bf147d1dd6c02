"""When to move a call to a new link before the vendor ends the old one. Pure.

Not in here: opening the new link and switching to it (`moving`), the right moment for that (`between`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MARGIN_MS: Final = 60_000.0
"""A turn and its answer fit in; of shorter links a tenth."""

MARGIN_SHARE: Final = 0.1

LAST_MOMENT_MS: Final = 2_000.0
"""The switch happens this long before the limit even if it falls into a turn: a vendor's clock is not ours."""

LAST_MOMENT_SHARE: Final = 0.01


@dataclass(frozen=True, slots=True)
class Due:
    """When a link is to be replaced, on the loop's clock.

    Attributes:
        open_ms: The new link is opened.
        switch_ms: The latest moment to switch to it.
    """

    open_ms: float
    switch_ms: float


def of_age(opened_ms: float, max_session_ms: float) -> Due:
    """For a link that the vendor ends at an age."""
    margin_ms = min(MARGIN_MS, max_session_ms * MARGIN_SHARE)
    return Due(opened_ms + max_session_ms - margin_ms, _last_moment(opened_ms + max_session_ms, max_session_ms))


def of_notice(now_ms: float, time_left_ms: float) -> Due:
    """For a link that the vendor said it would end."""
    return Due(now_ms, _last_moment(now_ms + time_left_ms, time_left_ms * 10.0))


def _last_moment(limit_ms: float, span_ms: float) -> float:
    return limit_ms - min(LAST_MOMENT_MS, span_ms * LAST_MOMENT_SHARE)
