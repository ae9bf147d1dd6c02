"""Whose task is running: user code inside a session's own hook or tool calls the session without waiting for itself."""

from __future__ import annotations

from contextvars import ContextVar

CURRENT_SESSION_ID: ContextVar[str | None] = ContextVar("roomkit_session_id", default=None)
"""The id of the session in whose lane or tool the code runs; inherited by what that starts."""


def is_inside(session_id: str) -> bool:
    """Whether this code runs in one of the session's own tasks."""
    return CURRENT_SESSION_ID.get() == session_id
