"""Random calls with everything at once: whatever happens in a call, what is promised of one holds.

Each seed is one walk, the same every time. More and longer ones: ``ADVERSARY_WALKS=2000 ADVERSARY_FROM=100``.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import weakref
from collections import Counter
from pathlib import Path

import pytest

from roomkit.models.enums import RoomStatus
from roomkit.testing.virtual_time import VirtualTimeLoop
from tests.adversary import acts, checks
from tests.adversary.world import ROOM, World

FIRST = int(os.environ.get("ADVERSARY_FROM", "0"))
WALKS = int(os.environ.get("ADVERSARY_WALKS", "60"))
STEPS = 40

logger = logging.getLogger(__name__)


def handles_held() -> int:
    """Files and sockets this process holds open."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def walk(world: World) -> list[str]:
    """One random call, or several; returns what is wrong."""
    leftovers: list[weakref.ref[object]] = []
    world.inside = lambda view: acts.from_inside(world, view)
    await world.attempt("start", world.start())
    await world.attempt("attach", world.kit.attach_channel(ROOM, "chat"))
    choices = [act for act, weight in acts.ACTS.items() for _ in range(weight)]
    for _ in range(STEPS):
        act = world.chance.choice(choices)
        logger.debug("%s: %s", asyncio.get_running_loop().time(), act.__name__)
        await act(world)
        world.look()
        await acts.pause(world)
    leftovers += [weakref.ref(live) for live in world.channel._live._sessions.values()]
    world.stop()
    for view in world.sessions:
        await world.attempt("last end", world.channel.end_session(view))
    world.room_is_closed = (await world.kit.get_room(ROOM)).status is not RoomStatus.ACTIVE
    timeline = await world.kit.get_timeline(ROOM, limit=10_000)
    usage = await world.kit.usage(ROOM)
    await world.attempt("close", world.kit.close())
    await asyncio.sleep(0)
    found = list(checks.faults(world, timeline, usage))
    found += [f"task {task.get_name()} is left" for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    loop = asyncio.get_running_loop()
    found += [f"timer {timer} is left" for timer in loop._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]  # nothing public lists them
    if world.room_budget is not None:
        found += [f"the account of {room_id} is left" for room_id in world.room_budget._live]
    world.late.clear()
    for link in world.all_links():
        link.sink = None  # type: ignore[assignment]  # a link that is closed is the vendor's to keep; what it holds of us is not
    gc.collect()
    found += [f"session {ref()} is held" for ref in leftovers if ref() is not None]
    return found


@pytest.mark.parametrize("seed", range(FIRST, FIRST + WALKS))
def test_whatever_happens_in_a_call_what_is_promised_of_it_holds(seed: int, tmp_path: Path) -> None:
    world = World(seed, tmp_path)
    handles = handles_held()
    library = logging.getLogger("roomkit")
    library.addHandler(world.errors)
    library.propagate = False  # pytest keeps what is logged, and with a traceback the session
    try:
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            found = runner.run(walk(world))
    finally:
        library.removeHandler(world.errors)
        library.propagate = True
    del runner

    assert found == [], f"seed {seed}"
    assert handles_held() <= handles, f"seed {seed} left files or sockets open"


@pytest.mark.virtual_time
async def test_a_walk_gets_to_where_calls_break(tmp_path: Path) -> None:
    """Else nothing above could fail."""
    kinds: Counter[str] = Counter()
    for seed in range(10):
        world = World(seed, tmp_path / str(seed))
        world.directory.mkdir()
        await walk(world)
        kinds.update(entry.kind for entry in world.log)

    for kind in ("heard", "words", "done", "lost", "cleared", "told", "permit", "stale_words"):
        assert kinds[kind] > 5, kind
