"""How a session's beginning and end are told apart and told on: one exception out of a group, one result a waiter."""

from __future__ import annotations

import asyncio


def is_cancelled() -> bool:
    """Whether the running task is being cancelled from outside."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def fail(waiter: asyncio.Future[None], error: BaseException) -> None:
    """Give ``waiter`` the error, unless it knows already."""
    if not waiter.done():
        waiter.set_exception(error)


def first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first exception of a group, however deep: nobody outside a session sees a group."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
