"""A pool of PostgreSQL connections that outlives its server.

Not in here: SQL of rooms. Work that met a lost connection is done again on a new one until time is up, so all work
given to `Database.run` must be such that doing it twice is doing it once. Invariant: what leaves here is a `StoreError`
that names the kind of trouble and never data: PostgreSQL's own messages quote rows and parameters.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from roomkit._extras import require
from roomkit.errors import ConfigError, StoreError
from roomkit.store._postgresql_migrations import migrate

T = TypeVar("T")
Row = Sequence[Any]

CONNECT_TIMEOUT_S = 5.0
"""A server that accepts answers within milliseconds; one that does not is behind a wall."""
CLOSE_TIMEOUT_S = 5.0
ANSWER_GRACE_S = 2.0
"""How much longer than a statement may take we wait for its answer: the server should be the one to give up."""
FIRST_DELAY_S, LONGEST_DELAY_S = 0.02, 1.0
SCHEMA_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


class Connection(Protocol):
    """What the store needs of a connection (asyncpg's has it)."""

    async def execute(self, query: str, *args: object, timeout: float | None = None) -> str:
        """Run a statement; the command's tag, as in ``"UPDATE 1"``."""

    async def fetch(self, query: str, *args: object) -> list[Row]:
        """All rows."""

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        """The first row."""

    async def fetchval(self, query: str, *args: object) -> Any:
        """The first value of the first row."""

    def transaction(self) -> AbstractAsyncContextManager[object]:
        """A transaction to enter."""


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """How to reach a database and how long to wait for it; see `PostgreSQLStore`."""

    dsn: str
    schema: str
    min_connections: int
    max_connections: int
    statement_timeout_s: float
    reconnect_s: float

    def __post_init__(self) -> None:
        if urlsplit(self.dsn).scheme not in ("postgresql", "postgres"):
            raise ConfigError("a PostgreSQL store needs a URL like postgresql://user@host/database")
        if not SCHEMA_NAME.fullmatch(self.schema):
            raise ConfigError(f"schema {self.schema!r} is no plain name: lower-case letters, digits and _")
        if not 0 <= self.min_connections <= self.max_connections or self.max_connections < 1:
            raise ConfigError("connections: 0 <= min_connections <= max_connections and at least 1 at most")
        if self.statement_timeout_s <= 0 or self.reconnect_s < 0:
            raise ConfigError("statement_timeout_s must be positive, and reconnect_s not negative")


class Trouble(Enum):
    """What an error of the driver asks for."""

    REFUSED = auto()
    """It will fail again."""
    RACED = auto()
    """Somebody else was first: done again, it succeeds."""
    LOST = auto()
    """The connection is gone, or there is none: done again on a new one, it may succeed."""


RACES = frozenset({"23505", "40001", "40P01"})
"""Unique violation, serialization failure, deadlock."""
LOSSES = frozenset({"57P01", "57P02", "57P03", "53300"})
"""Shut down by the administrator or a crash, starting up, too many connections; beside all of class 08."""


def trouble_of_state(sqlstate: str) -> Trouble:
    """What a SQLSTATE asks for."""
    if sqlstate in RACES:
        return Trouble.RACED
    if sqlstate in LOSSES or sqlstate.startswith("08"):
        return Trouble.LOST
    return Trouble.REFUSED


class UnreachableError(StoreError):
    """The server was lost and did not come back in time. Only here is it unknown whether something was stored."""


class Database:
    """Runs work on pooled connections; connects, and migrates the schema, at first use.

    Raises:
        MissingExtraError: asyncpg is not installed.
    """

    def __init__(self, settings: DatabaseSettings) -> None:
        self._asyncpg: Any = require("asyncpg", extra="postgresql", why="the PostgreSQL store")
        # The internal one is what a rollback on a connection that was cut under way ends in.
        self._errors = (
            self._asyncpg.PostgresError,
            self._asyncpg.InterfaceError,
            self._asyncpg.InternalClientError,
            OSError,
        )
        self._settings = settings
        self._pool: Any = None
        self._opening = asyncio.Lock()
        self._closed = False

    async def run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Do ``work`` on a connection; again if that was lost or another was first, until ``reconnect_s`` are over.

        Raises:
            UnreachableError: The server could not be reached in time.
            StoreError: The database refused, or the store is closed; nothing was stored.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.reconnect_s
        delay_s = FIRST_DELAY_S
        while True:
            if self._closed:
                raise StoreError("the store is closed")
            try:
                return await self._once(work)
            except self._errors as error:
                # `from None`: a driver's message may quote what was stored, and tracebacks end up in logs.
                trouble, time_is_up = self._trouble_of(error), loop.time() + delay_s > deadline
                if trouble is Trouble.LOST and time_is_up:
                    raise UnreachableError(
                        f"the database could not be reached ({_kind_of(error)}); whether the last write was stored "
                        "is not known: send it again with the same idempotency key"
                    ) from None
                if trouble is Trouble.REFUSED or time_is_up:
                    raise StoreError(f"the database refused: {_kind_of(error)}") from None
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, LONGEST_DELAY_S)

    async def close(self) -> None:
        """Let the connections go; those still busy after `CLOSE_TIMEOUT_S` are cut. Idempotent."""
        self._closed = True
        async with self._opening:
            pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await pool.close()
        except self._errors:  # TimeoutError is an OSError
            pool.terminate()

    async def _once(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        pool = self._pool or await self._open()
        async with pool.acquire() as connection:
            return await work(connection)

    async def _open(self) -> Any:
        async with self._opening:
            if self._closed:
                raise StoreError("the store is closed")
            if self._pool is None:
                pool = self._make_pool()
                try:
                    await pool
                    async with pool.acquire() as connection:
                        await migrate(connection, self._settings.schema)
                except BaseException:  # cancelled too: nobody else knows this pool
                    pool.terminate()
                    raise
                self._pool = pool
            return self._pool

    def _make_pool(self) -> Any:
        settings = self._settings
        return self._asyncpg.create_pool(
            settings.dsn,
            min_size=settings.min_connections,
            max_size=settings.max_connections,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=settings.statement_timeout_s + ANSWER_GRACE_S,
            server_settings={
                "application_name": "roomkit",
                "search_path": settings.schema,
                "statement_timeout": str(int(settings.statement_timeout_s * 1000)),
            },
            init=_be_durable,
            reset=_keep,
        )

    def _trouble_of(self, error: Exception) -> Trouble:
        if isinstance(error, OSError):  # TimeoutError is one
            return Trouble.LOST
        if isinstance(error, self._asyncpg.PostgresError):
            return trouble_of_state(str(error.sqlstate))
        # What the driver itself objects to: a parameter or DSN it cannot take (both ValueErrors), or a dead connection.
        return Trouble.REFUSED if isinstance(error, ValueError) else Trouble.LOST


async def _be_durable(connection: Connection) -> None:
    """R-0007-4, on a server whose administrator preferred speed; a stricter setting than ours stays."""
    await connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    )


async def _keep(_: Connection) -> None:
    """Instead of the pool's reset at every release, a round trip to undo what this code never does."""


def _kind_of(error: Exception) -> str:
    state = getattr(error, "sqlstate", None)  # the driver's own errors and those of sockets have none
    return f"{type(error).__name__}, SQLSTATE {state}" if state else type(error).__name__
