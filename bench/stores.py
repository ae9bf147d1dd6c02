"""``python -m bench.stores``: what each store takes, durably, and what a message costs on top of it. About 20 seconds.

PostgreSQL is a server of our own on the same machine, flushing to disk as SQLite does. A column is missing where there
is no server to start. The disk is the one of the temporary folder: ``TMPDIR`` chooses another.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop

from bench.table import render
from roomkit import HookResult, HookTrigger, InboundMessage, RoomKit, TextContent
from roomkit.channels.base import ChannelBase
from roomkit.models.event import EventSource, RoomEvent
from roomkit.models.room import Room
from roomkit.store.base import ConversationStore
from roomkit.store.memory import MemoryStore
from roomkit.store.postgresql import PostgreSQLStore
from roomkit.store.sqlite import SQLiteStore
from tools.postgresql_server import PostgreSQLServer, find_server

Kind = Callable[[], ConversationStore]

ROOMS = 200
EVENTS_A_ROOM = 25
EVENTS_ALONE = 200
MESSAGES = 300
MESSAGES_A_ROOM = 5
ROUNDS = 3
WORDS = "Hello, I would like to know when my parcel will be here. " * 4

FIGURES = (
    f"events/s, {ROOMS} rooms at once",
    "events/s, one room, one after another",
    f"events/s, one room, {ROOMS} at once",
    "process_inbound, 3 channels, 2 hooks, us",
    f"process_inbound/s, {ROOMS} rooms at once",
)


def _event(room_id: str) -> RoomEvent:
    return RoomEvent(room_id=room_id, source=EventSource(channel_id="c"), content=TextContent(body=WORDS))


async def _appends_a_second(store: ConversationStore, rooms: list[str], count: int) -> float:
    """Each room's writer waits until an event is acknowledged before it stores the next."""

    async def write(room_id: str) -> None:
        for _ in range(count):
            await store.append(_event(room_id))

    return await _a_second(len(rooms) * count, lambda: asyncio.gather(*(write(room_id) for room_id in rooms)))


async def _a_second(count: int, work: Callable[[], Awaitable[object]]) -> float:
    rounds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await work()
        rounds.append(count / (time.perf_counter() - began))
    return statistics.median(rounds)


async def appends(store: ConversationStore) -> list[float]:
    """Acknowledged events a second: across rooms, and into one room one by one and all at once."""
    rooms = [f"room{n}" for n in range(ROOMS)]
    for room_id in rooms:
        await store.add_room(Room(id=room_id))
    across = await _appends_a_second(store, rooms, EVENTS_A_ROOM)
    alone = await _appends_a_second(store, rooms[:1], EVENTS_ALONE)
    together = await _appends_a_second(store, rooms[:1] * ROOMS, EVENTS_A_ROOM)
    await store.close()
    return [across, alone, together]


async def messages(store: ConversationStore) -> list[float]:
    """The whole inbound pipeline on a store: microseconds for one (median), and a second across rooms."""
    async with RoomKit(store=store) as kit:
        for name in ("one", "two", "three"):
            kit.register_channel(ChannelBase(name))
        for execution in ("first", "second"):
            kit.hook(HookTrigger.BEFORE_BROADCAST, name=execution)(_allow)
        rooms = [f"inbound{n}" for n in range(ROOMS)]
        for room_id in rooms:
            await kit.create_room(room_id)
            for name in ("one", "two", "three"):
                await kit.attach_channel(room_id, name)
        each = []
        for _ in range(MESSAGES):
            began = time.perf_counter()
            await _send(kit, rooms[0], 1)
            each.append((time.perf_counter() - began) * 1e6)
        across = await _a_second(
            ROOMS * MESSAGES_A_ROOM,
            lambda: asyncio.gather(*(_send(kit, room_id, MESSAGES_A_ROOM) for room_id in rooms)),
        )
    return [statistics.median(each), across]


async def _allow(_event: object, _context: object) -> HookResult:
    return HookResult.allow()


async def _send(kit: RoomKit, room_id: str, count: int) -> None:
    for _ in range(count):
        message = InboundMessage(channel_id="one", sender_id="ann", content=TextContent(body=WORDS))
        await kit.process_inbound(message, room_id=room_id)


@contextmanager
def kinds() -> Iterator[dict[str, Kind]]:
    """The stores of this machine by name, each made anew at every call; PostgreSQL's rooms lie in a schema each."""
    with tempfile.TemporaryDirectory() as folder:
        files = (Path(folder) / f"{n}.db" for n in range(100))
        found: dict[str, Kind] = {"memory": MemoryStore, "SQLite": lambda: SQLiteStore(next(files))}
        binaries = find_server()
        if binaries is None:
            yield found
            return
        server = PostgreSQLServer(binaries, is_durable=True)
        schemas = (f"bench{n}" for n in range(100))
        found["PostgreSQL"] = lambda: PostgreSQLStore(server.dsn, schema=next(schemas))
        try:
            server.start()
            yield found
        finally:
            server.stop()


async def _measure(make: Kind) -> list[float]:
    return [*await appends(make()), *await messages(make())]


def main() -> None:
    with kinds() as found:
        columns = {name: uvloop.run(_measure(make)) for name, make in found.items()}
    rows = [["", *columns]]
    rows += [[title, *(f"{column[n]:,.0f}" for column in columns.values())] for n, title in enumerate(FIGURES)]
    print(render(rows))


if __name__ == "__main__":
    main()
