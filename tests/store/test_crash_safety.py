"""A process killed while it commits: what it was told is stored is stored, and no room has a gap (R-0007-2, R-0007-4).

The points of the kills are random, but the same at every run: by a seed, as a number of acknowledgements and a few
milliseconds beyond.
"""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from roomkit.models.event import RoomEvent
from roomkit.models.room import Room
from roomkit.store.postgresql import PostgreSQLStore
from tests.store.commit_storm import ROOMS, open_target, said
from tools.postgresql_server import PostgreSQLServer

ROOT = Path(__file__).resolve().parent.parent.parent
ROUNDS = 5
MOST_ACKNOWLEDGED = 400
"""Enough for several transactions in every room before the kill."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What the killed process had been told."""

    room_id: str
    index: int
    words: str


def storm_until_killed(target: str, run: str, dice: random.Random) -> set[Acknowledged]:
    """Let a process store events, kill it at a random point, return what it had been told by then."""
    enough, beyond_s = dice.randint(1, MOST_ACKNOWLEDGED), dice.uniform(0, 0.01)
    command = [sys.executable, "-W", "error", "-m", "tests.store.commit_storm", target, run]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(enough)]
        time.sleep(beyond_s)
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL
    # A line without its end was being written when the process died.
    told = [line.split() for line in lines if line.endswith("\n")]
    return {Acknowledged(room_id, int(index), words) for room_id, index, words in told}


async def timelines(target: str) -> dict[str, list[RoomEvent]]:
    """What a process that comes after finds, checked to be whole: no gap, no event twice, counters that agree."""
    store = open_target(target)
    found = {}
    for room_id in ROOMS:
        assert (room := await store.room(room_id)) is not None
        events = await store.events(room_id, limit=1_000_000)
        assert [event.index for event in events] == list(range(room.event_count))
        assert not [words for words, times in Counter(event.text for event in events).items() if times > 1]
        assert (await store.append(said(room_id, f"after {room.event_count}"))).index == room.event_count
        found[room_id] = events
    await store.close()
    return found


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "rooms.db")
    return f"{request.getfixturevalue('postgresql_dsn')}#schema={request.getfixturevalue('postgresql_schema')}"


def test_a_killed_process_loses_nothing_it_was_told_and_leaves_no_gap(target: str) -> None:
    dice = random.Random(20_26)
    told: set[Acknowledged] = set()

    for run in range(ROUNDS):
        told |= storm_until_killed(target, f"run{run}", dice)
        found = asyncio.run(timelines(target))

        for each in told:
            assert found[each.room_id][each.index].text == each.words
    assert len(told) > ROUNDS


async def test_a_crash_of_the_server_neither_loses_nor_doubles_an_event(
    postgresql_server: PostgreSQLServer, postgresql_schema: str
) -> None:
    """What was under way when the server died is done again when it is back, and knows what it had done before."""
    store = PostgreSQLStore(postgresql_server.dsn, schema=postgresql_schema, reconnect_s=30)
    rooms = [f"room{n}" for n in range(6)]
    for room_id in rooms:
        await store.add_room(Room(id=room_id))
    stored_count = 0
    milestones = {150: asyncio.Event(), 450: asyncio.Event()}

    async def write(room_id: str, name: str) -> None:
        nonlocal stored_count
        for number in range(60):
            await store.append(said(room_id, f"{name}-{number}"))
            stored_count += 1
            if stored_count in milestones:
                milestones[stored_count].set()

    async def crash_twice() -> None:
        for milestone in milestones.values():
            await milestone.wait()
            await asyncio.to_thread(postgresql_server.halt, signal.SIGQUIT)
            await asyncio.to_thread(postgresql_server.start)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(crash_twice())
        for room_id in rooms:
            for name in ("a", "b"):
                tasks.create_task(write(room_id, name))

    for room_id in rooms:
        events = await store.events(room_id, limit=1_000)
        assert [event.index for event in events] == list(range(120))
        assert len({event.text for event in events}) == 120
        assert [event.text for event in events if event.text.startswith("a")] == [f"a-{n}" for n in range(60)]
    await store.close()
