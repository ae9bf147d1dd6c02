"""One thread that writes a SQLite file, and commits in groups.

Whatever is asked while a commit is under way goes into the next one, so the disk is waited for once a group and the
loop never. All bookkeeping happens on the loop's thread: there is no lock. Invariant: an awaited operation returns
only after the transaction it was part of is on disk; one that fails takes no other of its group down.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from roomkit.errors import StoreError

T = TypeVar("T")
Operation = Callable[[sqlite3.Connection], Any]
MAX_GROUP = 512
"""Operations in one transaction: bounds how long the first of them waits for the last."""


@dataclass(slots=True)
class _Pending:
    operation: Operation
    done: asyncio.Future[Any]


class GroupWriter:
    """Runs operations on one connection in one thread, many to a transaction.

    Args:
        connect: Opens the connection; called in the thread, at the first operation.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._connection: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="roomkit-sqlite-writer")
        self._pending: list[_Pending] = []
        self._commit: asyncio.Future[None] | None = None
        self._closed = False

    async def run(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``operation`` in the thread, in a transaction; return its result once that is committed.

        Operations take effect in the order asked. Cancelling the caller does not undo the operation.

        Raises:
            StoreError: The operation or its commit failed; nothing of it was stored.
        """
        if self._closed:
            raise StoreError("the store is closed")
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._pending.append(_Pending(operation, done))
        if self._commit is None:
            self._begin_commit()
        return await done

    async def close(self) -> None:
        """Commit what was asked and end the thread. Idempotent."""
        if self._closed:
            return
        self._closed = True
        while self._commit is not None:
            await asyncio.wait({self._commit})
            await asyncio.sleep(0)  # its callback may have begun the next group
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown()

    def _begin_commit(self) -> None:
        group, self._pending = self._pending[:MAX_GROUP], self._pending[MAX_GROUP:]
        work = asyncio.get_running_loop().run_in_executor(self._thread, self._write, [each.operation for each in group])
        self._commit = asyncio.get_running_loop().create_future()
        work.add_done_callback(lambda finished: self._committed(group, finished))

    def _committed(self, group: list[_Pending], finished: asyncio.Future[list[Any]]) -> None:
        commit, self._commit = self._commit, None
        error = finished.exception()
        outcomes = [error] * len(group) if error is not None else finished.result()
        for pending, outcome in zip(group, outcomes, strict=True):
            if pending.done.done():  # its caller was cancelled
                continue
            if isinstance(outcome, BaseException):
                pending.done.set_exception(_store_error(outcome))
            else:
                pending.done.set_result(outcome)
        if self._pending:
            self._begin_commit()
        if commit is not None:
            commit.set_result(None)

    def _write(self, operations: list[Operation]) -> list[Any]:
        """In the thread: all in one transaction; if one fails, each in its own."""
        connection = self._connection = self._connection or self._connect()
        try:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                return [operation(connection) for operation in operations]
        except (sqlite3.Error, StoreError) as error:
            if len(operations) == 1:
                return [error]
        return [self._write([operation])[0] for operation in operations]

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _store_error(error: BaseException) -> StoreError:
    if isinstance(error, StoreError):
        return error
    failure = StoreError(f"the conversation store could not write: {error}")
    failure.__cause__ = error
    return failure
