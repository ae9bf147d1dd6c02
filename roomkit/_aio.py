"""Who owns a task: the `Supervisor`, for whatever outlives the call that began it.

Inside a session an `asyncio.TaskGroup` owns the tasks. Everywhere else a task is started here, has a name, and is
cancelled and awaited when its owner closes (`unless` owns its two for as long as it is awaited). This is the only
`create_task` in the tree (ruff TID251 sees to it).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Supervisor:
    """Owns tasks: starts them named, reports what fails, ends them all on `close`.

    Args:
        name: Prefix of the tasks' names, for logs and debuggers.
        on_error: Told of a task that failed, with its name and exception. Default: one ERROR line.
    """

    def __init__(self, name: str, on_error: Callable[[str, BaseException], None] | None = None) -> None:
        self._name = name
        self._on_error = on_error or _log_failure
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    def __len__(self) -> int:
        """How many tasks are running."""
        return len(self._tasks)

    def start(self, coro: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
        """Run ``coro`` as a task of this supervisor.

        Raises:
            RuntimeError: The supervisor is closed; ``coro`` is closed unrun.
        """
        if self._closed:
            coro.close()
            raise RuntimeError(f"{self._name} is closed: {name} was not started")
        task = asyncio.create_task(coro, name=f"{self._name}:{name}")
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def idle(self) -> None:
        """Return when no task is running any more, tasks started meanwhile included; failures are not raised."""
        this = asyncio.current_task()
        while others := {task for task in self._tasks if task is not this}:
            await asyncio.wait(others)

    async def close(self) -> None:
        """Cancel what runs and wait for it. Idempotent. A task of its own that calls this is left to finish."""
        self._closed = True
        this = asyncio.current_task()
        tasks = {task for task in self._tasks if task is not this}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_error(task.get_name(), error)


class StoppedError(Exception):
    """What was awaited was given up, because the event it was bound to was set."""


async def unless(stop: asyncio.Event, coro: Coroutine[Any, Any, T]) -> T:
    """Await ``coro``, unless ``stop`` is set first: then it is cancelled, awaited, and `StoppedError` raised.

    Cancelling the caller cancels ``coro``; nothing is left behind either way.
    """
    work = asyncio.create_task(coro, name="unless:work")
    stopping = asyncio.create_task(stop.wait(), name="unless:stop")
    try:
        await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        raise StoppedError
    finally:
        work.cancel()
        stopping.cancel()
        await asyncio.gather(work, stopping, return_exceptions=True)


def _log_failure(name: str, error: BaseException) -> None:
    logger.error("task %s failed: %s", name, type(error).__name__, exc_info=error)
