"""The same message twice is taken once: who sends it again waits for the first result and gets it (R-0005-4).

Not in here: remembering keys across restarts (the store's). Invariant: of all callers with one key at most one is at
work; if it is cancelled, the next in line begins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from roomkit.core.live import LiveRoom
from roomkit.models.delivery import InboundResult


class _AbandonedError(Exception):
    """The first caller was cancelled before it had a result."""


async def once(live: LiveRoom, key: str | None, work: Callable[[], Awaitable[InboundResult]]) -> InboundResult:
    """Do ``work`` unless somebody is doing it under the same key; then return their result, or raise their error."""
    if key is None:
        return await work()
    while (first := live.in_flight.get(key)) is not None:
        try:
            return await asyncio.shield(first)
        except _AbandonedError:
            continue
    result: asyncio.Future[InboundResult] = asyncio.get_running_loop().create_future()
    live.in_flight[key] = result
    try:
        outcome = await work()
    except BaseException as error:  # cancelled too: those who wait are told, and the next begins
        del live.in_flight[key]
        result.set_exception(error if isinstance(error, Exception) else _AbandonedError())
        result.exception()  # perhaps nobody else waits: then this is not an error lost
        raise
    del live.in_flight[key]
    result.set_result(outcome)
    return outcome
