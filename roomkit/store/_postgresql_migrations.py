"""Brings a PostgreSQL schema to the version this code reads: numbered SQL files, each applied once, all or none.

Not in here: connections. Invariant: of any number of processes that start at once exactly one applies a step, under an
advisory lock; a schema newer than the code is refused and left as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Protocol

from roomkit.errors import StoreError

MIGRATION_TIMEOUT_S = 600.0
"""A step may rewrite a large table, or wait for another process that does."""


class MigratedConnection(Protocol):
    """What this needs of a connection (asyncpg's has it)."""

    async def execute(self, query: str, *args: object, timeout: float | None = None) -> str:
        """Run statements."""

    async def fetchval(self, query: str, *args: object) -> Any:
        """The first value of the first row."""

    def transaction(self) -> Any:
        """A transaction to enter."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step; its version is its place in the row of files, from 1."""

    version: int
    name: str
    sql: str


@cache
def shipped_migrations() -> tuple[Migration, ...]:
    """The steps that come with this code, in order."""
    found = sorted(
        (entry for entry in (files("roomkit.store") / "migrations").iterdir() if entry.name.endswith(".sql")),
        key=lambda entry: entry.name,
    )
    return tuple(
        Migration(int(entry.name.partition("_")[0]), entry.name.removesuffix(".sql"), entry.read_text(encoding="utf-8"))
        for entry in found
    )


async def migrate(connection: MigratedConnection, schema: str, steps: Sequence[Migration] | None = None) -> None:
    """Apply what the schema lacks. The usual start is one look and no lock.

    Args:
        connection: Its ``search_path`` is ``schema``.
        schema: Made when missing.
        steps: `shipped_migrations` unless given.

    Raises:
        StoreError: The schema is newer than the newest step.
    """
    steps = shipped_migrations() if steps is None else steps
    if await _version(connection, schema, steps) == steps[-1].version:
        return
    async with connection.transaction():
        await connection.execute("SET LOCAL statement_timeout = 0")
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _lock_key(schema), timeout=MIGRATION_TIMEOUT_S)
        version = await _version(connection, schema, steps)  # another process may have been first
        if version == 0:
            await _make_table_of_versions(connection, schema)
        for step in steps:
            if step.version > version:
                await connection.execute(step.sql, timeout=MIGRATION_TIMEOUT_S)
                await connection.execute(
                    "INSERT INTO schema_migrations (version, name) VALUES ($1, $2)", step.version, step.name
                )


async def _version(connection: MigratedConnection, schema: str, steps: Sequence[Migration]) -> int:
    # From the catalogue's tables: `to_regclass` may answer from a cache that another process's commit has not reached.
    table = "SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = 'schema_migrations'"
    if await connection.fetchval(table, schema) is None:
        return 0
    version = int(await connection.fetchval("SELECT coalesce(max(version), 0) FROM schema_migrations"))
    if version > steps[-1].version:
        raise StoreError(
            f"schema {schema} has version {version}; this RoomKit knows up to {steps[-1].version}: update it"
        )
    return version


async def _make_table_of_versions(connection: MigratedConnection, schema: str) -> None:
    # Asked first: a user who may write to a schema made for it may still not be allowed to make schemas.
    if await connection.fetchval("SELECT 1 FROM pg_namespace WHERE nspname = $1", schema) is None:
        await connection.execute(f'CREATE SCHEMA "{schema}"')
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations ("
        "version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )


def _lock_key(schema: str) -> int:
    digest = hashlib.sha256(f"roomkit migrations {schema}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
