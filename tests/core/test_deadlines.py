"""Shared time limits behave as `asyncio.timeout` does."""

from __future__ import annotations

import asyncio

import pytest

from roomkit.core.deadlines import Deadlines

pytestmark = pytest.mark.virtual_time


async def test_a_block_that_takes_too_long_ends_when_its_time_is_up() -> None:
    limit = Deadlines().within(2.0)

    with pytest.raises(TimeoutError), limit:
        await asyncio.sleep(1_000)

    assert limit.is_expired
    assert asyncio.get_running_loop().time() == pytest.approx(2.0)


async def test_each_block_has_its_own_end_though_they_share_a_timer() -> None:
    deadlines = Deadlines()
    loop = asyncio.get_running_loop()
    ended: list[float] = []

    async def wait(begins_s: float) -> None:
        await asyncio.sleep(begins_s)
        with pytest.raises(TimeoutError), deadlines.within(2.0):
            await asyncio.sleep(1_000)
        ended.append(loop.time())

    async with asyncio.TaskGroup() as tasks:
        for begins_s in (0.0, 0.5, 1.0):
            tasks.create_task(wait(begins_s))

    assert ended == pytest.approx([2.0, 2.5, 3.0])


async def test_a_block_in_time_is_left_alone_for_ever() -> None:
    limit = Deadlines().within(1.0)

    with limit:
        await asyncio.sleep(0.5)
    await asyncio.sleep(10)

    assert not limit.is_expired


async def test_a_cancellation_from_outside_stays_one() -> None:
    deadlines = Deadlines()
    begun = asyncio.Event()

    async def work() -> None:
        with deadlines.within(1.0):
            begun.set()
            await asyncio.sleep(1_000)

    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(work())
        await begun.wait()
        working.cancel()

    assert working.cancelled()


async def test_an_error_of_the_block_itself_is_not_its_time_being_up() -> None:
    limit = Deadlines().within(1.0)

    with pytest.raises(TimeoutError), limit:
        raise TimeoutError

    assert not limit.is_expired


async def test_the_inner_of_two_limits_ends_alone() -> None:
    deadlines = Deadlines()
    outer, inner = deadlines.within(5.0), deadlines.within(1.0)

    with outer:
        with pytest.raises(TimeoutError), inner:
            await asyncio.sleep(1_000)
        await asyncio.sleep(1)

    assert (outer.is_expired, inner.is_expired) == (False, True)
