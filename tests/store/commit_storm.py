"""A process that stores events as fast as it can and says which were acknowledged, until it is killed.

``python -m tests.store.commit_storm TARGET RUN``: TARGET as `RoomKit` takes it (a PostgreSQL URL with
``#schema=name`` at its end), RUN a word that tells this run's events from others'. Prints a line an acknowledged event:
room, index, words. Some events carry an idempotency key, and are then stored twice at once.
"""

from __future__ import annotations

import asyncio
import os
import sys

from roomkit.models.event import EventSource, RoomEvent, TextContent
from roomkit.models.room import Room
from roomkit.store import open_store
from roomkit.store.base import ConversationStore
from roomkit.store.postgresql import PostgreSQLStore

ROOMS = ("red", "green", "blue")
WRITERS = 4
"""In each room."""


def open_target(target: str) -> ConversationStore:
    """The store behind a target."""
    dsn, _, schema = target.partition("#schema=")
    return PostgreSQLStore(dsn, schema=schema) if schema else open_store(target)


def said(room_id: str, words: str) -> RoomEvent:
    """A message of a few hundred bytes."""
    return RoomEvent(room_id=room_id, source=EventSource(channel_id="c"), content=TextContent(body=words))


async def _write(store: ConversationStore, room_id: str, name: str) -> None:
    number = 0
    while True:
        number += 1
        words = f"{name}-{number}"
        if number % 5:
            stored = [await store.append(said(room_id, words))]
        else:
            stored = await asyncio.gather(*(store.append(said(room_id, words), key=words) for _ in range(2)))
        for event in stored:
            # One write a line and no buffer: what was said before the kill is in the pipe.
            os.write(1, f"{room_id} {event.index} {words}\n".encode())


async def main(target: str, run: str) -> None:
    """Store until killed."""
    store = open_target(target)
    for room_id in ROOMS:
        await store.add_room(Room(id=room_id))
    async with asyncio.TaskGroup() as writers:
        for room_id in ROOMS:
            for writer in range(WRITERS):
                writers.create_task(_write(store, room_id, f"{run}.{writer}"))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
