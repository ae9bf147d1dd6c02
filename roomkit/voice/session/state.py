"""The session's states as a table; one function moves along it (RFC 0006, R-0006-1)."""

from __future__ import annotations

from typing import Final

from roomkit.errors import SessionStateError
from roomkit.models.session import SessionState

ALLOWED: Final[dict[SessionState, frozenset[SessionState]]] = {
    SessionState.CONNECTING: frozenset({SessionState.ACTIVE, SessionState.ENDED}),
    SessionState.ACTIVE: frozenset({SessionState.ENDED}),
    SessionState.ENDED: frozenset(),  # terminal: who comes back gets a new session
}


def advance(now: SessionState, to: SessionState) -> SessionState:
    """Return ``to`` if the table allows it from ``now``.

    Raises:
        SessionStateError: It does not.
    """
    if to not in ALLOWED[now]:
        reachable = ", ".join(sorted(ALLOWED[now])) or "nothing; the session is over"
        raise SessionStateError(f"a session that is {now} cannot become {to} (only: {reachable})")
    return to
