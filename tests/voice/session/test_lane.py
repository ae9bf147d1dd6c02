"""The conversation lane (R-0006-60)."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from roomkit._aio import Supervisor
from roomkit.voice.session.lane import MAX_WAITING, Lane

pytestmark = pytest.mark.virtual_time


class Running:
    """A lane at work, and what it did."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.errors: list[Exception] = []
        self.overloads = 0
        self.lane = Lane(on_overload=self._overloaded, on_error=self.errors.append)
        self.tasks = Supervisor("test")

    def _overloaded(self) -> None:
        self.overloads += 1

    async def slowly(self, what: str) -> None:
        await asyncio.sleep(1)
        self.done.append(what)


async def test_items_are_worked_one_after_the_other_in_order() -> None:
    running = Running()
    running.tasks.start(running.lane.run(), name="lane")
    await asyncio.sleep(0)

    for what in "abc":
        running.lane.put(partial(running.slowly, what))
    await running.lane.settled()

    assert running.done == ["a", "b", "c"]
    assert asyncio.get_running_loop().time() == pytest.approx(3)
    await running.tasks.close()


async def test_partials_of_one_speaker_coalesce_to_the_newest_in_the_oldests_place() -> None:
    running = Running()
    running.lane.put(lambda: running.done.append("he"), newest_of="user:1")
    running.lane.put(lambda: running.done.append("final of somebody else"))
    running.lane.put(lambda: running.done.append("hello"), newest_of="user:1")
    running.tasks.start(running.lane.run(), name="lane")
    await asyncio.sleep(0)
    await running.lane.settled()

    assert running.done == ["hello", "final of somebody else"]
    await running.tasks.close()


async def test_an_item_that_fails_is_reported_and_the_next_one_is_worked() -> None:
    running = Running()
    running.tasks.start(running.lane.run(), name="lane")
    await asyncio.sleep(0)

    running.lane.put(lambda: 1 // 0)  # type: ignore[arg-type, return-value]  # a user's hook may do worse
    running.lane.put(lambda: running.done.append("next"))
    await running.lane.settled()

    assert [type(error) for error in running.errors] == [ZeroDivisionError]
    assert running.done == ["next"]
    await running.tasks.close()


async def test_more_than_the_bound_waiting_is_said_once() -> None:
    running = Running()

    for _ in range(MAX_WAITING + 50):
        running.lane.put(lambda: None)

    assert running.overloads == 1
