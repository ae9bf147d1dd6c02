"""One SQLite file in WAL mode: its tables, the thread that writes it and the one that reads it.

Not in here: SQL of rooms (`sqlite`), and how writes are grouped (`_writer`). Invariant: what was acknowledged is on
disk (``synchronous=FULL``), readers see whole transactions only, and the loop never waits for the disk.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from roomkit.errors import StoreError
from roomkit.store._sqlite_seeking import INDICES
from roomkit.store._writer import GroupWriter

T = TypeVar("T")

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE rooms (
    n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, organization_id TEXT, status TEXT NOT NULL,
    event_count INTEGER NOT NULL DEFAULT 0, body TEXT NOT NULL);
CREATE TABLE bindings (
    n INTEGER PRIMARY KEY, room_id TEXT NOT NULL, channel_id TEXT NOT NULL, body TEXT NOT NULL,
    UNIQUE (room_id, channel_id));
CREATE INDEX bindings_of_channel ON bindings (channel_id);
CREATE TABLE participants (
    n INTEGER PRIMARY KEY, room_id TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (room_id, id));
CREATE TABLE events (
    room_id TEXT NOT NULL, idx INTEGER NOT NULL, key TEXT, visibility TEXT NOT NULL, status TEXT NOT NULL,
    deliveries TEXT NOT NULL DEFAULT '{}', body TEXT NOT NULL, PRIMARY KEY (room_id, idx)) WITHOUT ROWID;
CREATE UNIQUE INDEX events_by_key ON events (room_id, key) WHERE key IS NOT NULL;
"""
"""A row holds the model as JSON beside the columns one searches by."""
BUSY_TIMEOUT_S = 5.0
"""How long another process (a backup, the ``sqlite3`` shell) may hold the file before a write fails."""


class SQLiteDatabase:
    """The file, opened at first use.

    Args:
        path: Made with its tables when missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = GroupWriter(self._open_for_writing)
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="roomkit-sqlite-reader")
        self._read_connection: sqlite3.Connection | None = None
        self._is_made = False
        self._closed = False

    async def write(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        """See `GroupWriter.run`."""
        return await self._writer.run(operation)

    async def read(self, sql: str, parameters: tuple[Any, ...] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """All rows of a query.

        Raises:
            StoreError: The file cannot be read, or the store is closed.
        """
        if self._closed:
            raise StoreError("the store is closed")
        if not self._is_made:  # a reader cannot make the file: let the writer do it first
            await self._writer.run(lambda _: None)
            self._is_made = True

        def rows() -> list[tuple[Any, ...]]:
            connection = self._read_connection = self._read_connection or _connect(self._path)
            return connection.execute(sql, parameters).fetchall()

        try:
            return await asyncio.get_running_loop().run_in_executor(self._reader, rows)
        except sqlite3.Error as error:
            raise StoreError(f"the conversation store could not read: {error}") from error

    async def close(self) -> None:
        """Finish what was begun and close the file. Idempotent."""
        if self._closed:
            return
        self._closed = True
        await self._writer.close()
        await asyncio.get_running_loop().run_in_executor(self._reader, self._close_reading)
        self._reader.shutdown()

    def _open_for_writing(self) -> sqlite3.Connection:
        connection = _connect(self._path)
        try:
            self._prepare(connection)
        except BaseException:  # whatever failed: nobody else would close it
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            connection.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;")
        elif version != SCHEMA_VERSION:
            raise StoreError(f"{self._path.name} has schema version {version}; this RoomKit reads {SCHEMA_VERSION}")
        connection.executescript(INDICES)

    def _close_reading(self) -> None:
        if self._read_connection is not None:
            self._read_connection.close()
            self._read_connection = None


def _connect(path: Path) -> sqlite3.Connection:
    try:
        return sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise StoreError(f"cannot open {path.name}: {error}") from error
