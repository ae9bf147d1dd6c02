"""The same message twice is one event: keys of idempotency (RFC 0005)."""

from __future__ import annotations

import asyncio

from roomkit.models.context import RoomContext
from roomkit.models.enums import HookTrigger
from roomkit.models.event import RoomEvent
from roomkit.models.hook import HookResult
from tests.kit.conftest import Party


async def test_a_duplicate_sent_a_hundred_times_at_once_is_taken_once(party: Party) -> None:
    """R-0005-4."""
    await party.joins("ada")
    await party.joins("bob")

    results = await asyncio.gather(*(party.says("ada", f"{n}", idempotency_key="k") for n in range(100)))

    assert party.heard("bob") == ["0"]
    assert all(result == results[0] for result in results)
    assert len(await party.timeline()) == 1


async def test_a_duplicate_after_the_first_is_done_gets_the_stored_event(party: Party) -> None:
    """R-0005-4."""
    await party.joins("ada")
    first = await party.says("ada", "one", idempotency_key="k")

    again = await party.says("ada", "two", idempotency_key="k")

    assert again.event == first.event


async def test_a_duplicate_of_a_blocked_message_is_blocked_too(party: Party) -> None:
    """R-0005-4."""
    await party.joins("ada")

    @party.kit.hook(HookTrigger.BEFORE_BROADCAST)
    def no(event: RoomEvent, _: RoomContext) -> HookResult:
        return HookResult.block("because")

    await party.says("ada", "one", idempotency_key="k")
    again = await party.says("ada", "one", idempotency_key="k")

    assert (again.blocked, again.reason) == (True, "because")


async def test_keys_of_different_senders_never_meet(party: Party) -> None:
    """R-0005-4: else one could read another's message by guessing its key."""
    await party.joins("ada")
    await party.joins("bob")
    await party.says("ada", "secret", idempotency_key="1")

    result = await party.says("bob", "mine", idempotency_key="1")

    assert result.event is not None
    assert result.event.text == "mine"


async def test_if_the_first_of_two_duplicates_gives_up_the_second_is_taken(party: Party) -> None:
    """R-0005-4."""
    await party.joins("ada")
    entered = asyncio.Event()

    @party.kit.hook(HookTrigger.BEFORE_BROADCAST)
    async def slow(event: RoomEvent, _: RoomContext) -> None:
        if event.text == "first":
            entered.set()
            await asyncio.sleep(60)

    first = asyncio.ensure_future(party.says("ada", "first", idempotency_key="k"))  # noqa: TID251 -- cancelled below
    await entered.wait()
    second = asyncio.ensure_future(party.says("ada", "second", idempotency_key="k"))  # noqa: TID251 -- awaited below
    await asyncio.sleep(0)
    first.cancel()

    assert (await second).event is not None
    assert await party.timeline() == ["second"]
