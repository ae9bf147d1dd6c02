"""One at a time in each room, across processes: PostgreSQL's advisory locks.

An advisory lock belongs to the connection that took it, and taken twice by one connection it is held twice. So nothing
here comes from a pool; rooms queue up inside the process first; all locks that are free are taken by *one* connection,
which never waits; and only a lock that another process holds is waited for, on a connection of its own, where
PostgreSQL gives it out first come, first served.

Invariant: a cancelled or failed attempt leaves no lock behind. If the connection dies while locks are held, they are
free: hooks of two processes may then overlap, but the timeline stays whole, for the store does not rely on this lock.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NoReturn

from roomkit._aio import Supervisor
from roomkit._extras import require
from roomkit.core.locks import MemoryRoomLocks
from roomkit.errors import ConfigError, StoreError

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 5.0
"""For statements that never wait."""
SESSION_SETTINGS = {
    "application_name": "roomkit-locks",
    "statement_timeout": "0",  # waiting for a lock is bounded by who asked
    # A machine that vanished without a word would else keep its locks for two hours.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
TRY, WAIT, FREE = ("SELECT pg_try_advisory_lock($1)", "SELECT pg_advisory_lock($1)", "SELECT pg_advisory_unlock($1)")


class PostgreSQLRoomLocks:
    """A `roomkit.core.ports.RoomLocks` for all processes that name the same database.

    Args:
        dsn: ``postgresql://...``; the server itself, not a pooler.
        max_waiting: Connections for rooms that another process holds, beside the one for all others.

    Raises:
        ConfigError: ``max_waiting`` is below 1.
        MissingExtraError: asyncpg is not installed.
    """

    def __init__(self, dsn: str, *, max_waiting: int = 16) -> None:
        if max_waiting < 1:
            raise ConfigError("max_waiting must be at least 1: a room another process holds needs a connection")
        self._asyncpg: Any = require("asyncpg", extra="postgresql", why="the lock across processes")
        self._errors = (
            self._asyncpg.PostgresError,
            self._asyncpg.InterfaceError,
            self._asyncpg.InternalClientError,
            OSError,
        )
        self._dsn = dsn
        self._here = MemoryRoomLocks()
        self._shared: Any = None
        self._shared_turn = asyncio.Lock()
        self._idle: list[Any] = []
        self._slots = asyncio.Semaphore(max_waiting)
        self._tasks = Supervisor("roomkit-locks", on_error=_raised_already)
        self._closed = False

    @asynccontextmanager
    async def locked(self, room_id: str) -> AsyncIterator[None]:
        """Hold the room's lock; first come, first served.

        Raises:
            StoreError: The database refused or could not be reached.
        """
        async with self._here.locked(room_id):
            free = await self._take(lock_key(room_id))
            try:
                yield
            finally:
                # Shielded: a cancelled holder must not keep the lock.
                if not self._closed:
                    await asyncio.shield(self._tasks.start(free(), name=f"free:{room_id}"))

    async def close(self) -> None:
        """Let every lock and connection go. Idempotent."""
        self._closed = True
        await self._tasks.close()
        for connection in (self._shared, *self._idle):
            if connection is not None:
                connection.terminate()
        self._shared, self._idle = None, []

    async def _take(self, key: int) -> Callable[[], Any]:
        """Take the lock; what comes back frees it."""
        attempt = self._tasks.start(self._try(key), name="try")
        try:
            connection = await asyncio.shield(attempt)
        except asyncio.CancelledError:
            attempt.add_done_callback(partial(self._free_if_taken, key))  # the answer is on its way
            raise
        if connection is not None:
            return partial(self._free_shared, connection, key)
        connection = await self._wait(key)
        return partial(self._free_own, connection, key)

    async def _try(self, key: int) -> Any:
        """The shared connection, if the lock was free."""
        async with self._shared_turn:
            try:
                return await self._try_shared(key)
            except self._errors:  # the server was restarted since the last time, it may be
                if self._shared is not None:
                    self._shared.terminate()
            try:
                return await self._try_shared(key)
            except self._errors as error:
                _raise_ours(error)

    async def _try_shared(self, key: int) -> Any:
        if self._shared is None or self._shared.is_closed():
            self._shared = await self._connect()
        return self._shared if await self._shared.fetchval(TRY, key, timeout=ANSWER_TIMEOUT_S) else None

    def _free_if_taken(self, key: int, attempt: asyncio.Task[Any]) -> None:
        taken = not attempt.cancelled() and attempt.exception() is None and attempt.result() is not None
        if taken and not self._closed:
            self._tasks.start(self._free_shared(attempt.result(), key), name="free")

    async def _free_shared(self, connection: Any, key: int) -> None:
        async with self._shared_turn:
            await self._free(connection, key)

    async def _wait(self, key: int) -> Any:
        """A connection that holds the lock when it comes back, and nobody else uses."""
        await self._slots.acquire()
        connection: Any = None
        try:
            while self._idle and connection is None:
                connection = self._idle.pop()
                connection = None if connection.is_closed() else connection
            connection = connection or await self._connect()
            await connection.fetchval(WAIT, key)
        except BaseException as error:  # cancelled too: the connection may hold the lock
            # Whether the lock was granted meanwhile is not known; with the connection it goes.
            if connection is not None:
                connection.terminate()
            self._slots.release()
            if isinstance(error, self._errors):
                _raise_ours(error)
            raise
        return connection

    async def _free_own(self, connection: Any, key: int) -> None:
        try:
            if await self._free(connection, key) and not self._closed:
                self._idle.append(connection)
            else:
                connection.terminate()
        finally:
            self._slots.release()

    async def _free(self, connection: Any, key: int) -> bool:
        try:
            if not connection.is_closed():
                return bool(await connection.fetchval(FREE, key, timeout=ANSWER_TIMEOUT_S))
        except self._errors:
            connection.terminate()
        logger.warning("a room's lock was lost with its connection to the database while it was held")
        return False

    async def _connect(self) -> Any:
        if self._closed:
            raise StoreError("the locks are closed")
        return await self._asyncpg.connect(self._dsn, timeout=CONNECT_TIMEOUT_S, server_settings=SESSION_SETTINGS)


def lock_key(room_id: str) -> int:
    """The room's 64-bit key: the same in every process. Two rooms that share one only wait for each other."""
    digest = hashlib.sha256(b"roomkit room " + room_id.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _raised_already(name: str, error: BaseException) -> None:
    """Whoever waits for a task here is given its error."""
    logger.debug("%s: %s", name, type(error).__name__)


def _raise_ours(error: BaseException) -> NoReturn:
    # `from None`: a driver's message may quote the address and what was sent.
    raise StoreError(f"the room's lock could not be taken: {type(error).__name__}") from None
