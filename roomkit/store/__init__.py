"""Where conversations are kept. `open_store` turns what a user passes to `RoomKit` into a store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roomkit.store.base import ConversationStore

__all__ = ["open_store"]

POSTGRESQL_SCHEMES = ("postgresql://", "postgres://")


def open_store(store: ConversationStore | str | Path | None) -> ConversationStore:
    """A store as it is, PostgreSQL by its ``postgresql://`` URL, a SQLite file by its path, or memory for ``None``."""
    if store is None:
        from roomkit.store.memory import MemoryStore

        return MemoryStore()
    if isinstance(store, str) and store.startswith(POSTGRESQL_SCHEMES):
        from roomkit.store.postgresql import PostgreSQLStore

        return PostgreSQLStore(store)
    if isinstance(store, str | Path):
        from roomkit.store.sqlite import SQLiteStore

        return SQLiteStore(store)
    return store
