"""Work of the engine that nobody waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from roomkit._aio import Supervisor
from roomkit.core.locks import outside

T = TypeVar("T")


def begin(supervisor: Supervisor, work: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T] | None:
    """Start ``work`` outside of every room's lock; ``None``, and nothing is run, when the kit is closed."""
    try:
        return outside(lambda: supervisor.start(work, name=name))
    except RuntimeError:  # the supervisor is closed: what is told after the end is told to nobody
        return None
