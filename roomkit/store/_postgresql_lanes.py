"""A room's writes in the order they were asked, rooms beside each other, many writes of a room to a transaction.

Not in here: connections and SQL. Whatever is asked of a room while its last transaction is under way goes into the next
one. A transaction touches one room, so two processes that write the same rooms cannot wait for each other in a circle.
Invariant: an awaited write returns only after its transaction is committed; one that fails takes no other down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from roomkit._aio import Supervisor
from roomkit.errors import StoreError
from roomkit.store._postgresql_database import Connection, Database, UnreachableError

T = TypeVar("T")
Write = Callable[[Connection], Awaitable[Any]]
MAX_GROUP = 256
"""Writes in one transaction: bounds how long the first of them waits for the last."""


@dataclass(slots=True)
class _Pending:
    write: Write
    done: asyncio.Future[Any]


class RoomLanes:
    """Runs writes, each of them one statement that may be done twice."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lanes: dict[str, list[_Pending]] = {}
        self._tasks = Supervisor("roomkit-postgresql")
        self._closed = False

    async def write(self, room_id: str, write: Callable[[Connection], Awaitable[T]]) -> T:
        """Do ``write`` after all that were asked of this room before; return its result once that is committed.

        Cancelling the caller does not undo the write.

        Raises:
            StoreError: It failed, or the store is closed.
        """
        if self._closed:
            raise StoreError("the store is closed")
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        lane = self._lanes.get(room_id)
        if lane is None:
            lane = self._lanes[room_id] = []
            self._tasks.start(self._drain(room_id, lane), name=f"writes:{room_id}")
        lane.append(_Pending(write, done))
        return await done

    async def close(self) -> None:
        """Commit what was asked. Idempotent."""
        self._closed = True
        await self._tasks.idle()
        await self._tasks.close()

    async def _drain(self, room_id: str, lane: list[_Pending]) -> None:
        group: list[_Pending] = []
        try:
            while lane:
                group = lane[:MAX_GROUP]
                del lane[:MAX_GROUP]
                outcomes = await self._commit([pending.write for pending in group])
                for pending, outcome in zip(group, outcomes, strict=True):
                    _settle(pending.done, outcome)
        finally:
            del self._lanes[room_id]
            for pending in (*group, *lane):  # none is left, unless this task itself failed: nobody may wait for ever
                _settle(pending.done, StoreError("the write was given up"))

    async def _commit(self, writes: list[Write]) -> list[object]:
        """All in one transaction; if that is refused, each in its own."""
        if len(writes) > 1:
            try:
                return await self._database.run(lambda connection: _together(connection, writes))
            except UnreachableError as error:  # each alone would only wait as long again
                return [UnreachableError(*error.args) for _ in writes]
            except StoreError:
                pass  # one of them was refused; which one, and only that, is seen when each is alone
        return [await self._alone(write) for write in writes]

    async def _alone(self, write: Write) -> object:
        try:
            return await self._database.run(write)
        except StoreError as error:
            return error


async def _together(connection: Connection, writes: list[Write]) -> list[object]:
    async with connection.transaction():
        return [await write(connection) for write in writes]


def _settle(done: asyncio.Future[Any], outcome: object) -> None:
    if done.done():  # its caller was cancelled
        return
    if isinstance(outcome, BaseException):
        done.set_exception(outcome)
    else:
        done.set_result(outcome)
