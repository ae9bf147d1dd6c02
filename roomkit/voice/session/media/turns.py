"""Turn-taking decisions. Pure: what follows from the caller's speech."""

from __future__ import annotations

from roomkit.voice.realtime.profile import TurnPolicy


def interrupts(policy: TurnPolicy, unheard_ms: float, *, is_protected: bool) -> bool:
    """Whether the caller's speech stops the agent (RFC 0006, R-0006-30).

    Args:
        policy: From the provider's configuration.
        unheard_ms: Agent audio the caller has not heard; without any there is nothing to stop.
        is_protected: The answer is one the application wants heard to its end.
    """
    return policy.interrupts and unheard_ms > 0.0 and not is_protected
