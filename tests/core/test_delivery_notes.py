"""How deliveries went is written down together, in time for whoever reads (R-0005-12)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

import pytest

from roomkit._aio import Supervisor
from roomkit.core.notes import DeliveryNotes
from roomkit.errors import StoreError
from roomkit.models.content import TextContent
from roomkit.models.enums import EventStatus
from roomkit.models.event import DeliveryResult, EventSource, RoomEvent
from roomkit.models.room import Room
from roomkit.store.memory import MemoryStore


class Counting(MemoryStore):
    """Knows which notes it was given; may fail at one."""

    def __init__(self, fails_at: int | None = None) -> None:
        super().__init__()
        self.noted: list[int] = []
        self._fails_at = fails_at

    async def set_delivery(
        self, room_id: str, index: int, status: EventStatus, results: Mapping[str, DeliveryResult]
    ) -> None:
        if index == self._fails_at:
            raise StoreError("the disk is full")
        self.noted.append(index)
        await super().set_delivery(room_id, index, status, results)


async def stored(store: MemoryStore, count: int) -> list[RoomEvent]:
    await store.add_room(Room(id="r"))
    event = RoomEvent(room_id="r", source=EventSource(channel_id="c"), content=TextContent(body="hi"))
    return [
        (await store.append(event.model_copy(update={"id": f"e{number}"}))).model_copy(
            update={"status": EventStatus.DELIVERED}
        )
        for number in range(count)
    ]


async def test_notes_wait_for_one_another_until_somebody_reads() -> None:
    store = Counting()
    notes = DeliveryNotes(store, Supervisor("test"))
    for event in await stored(store, 40):
        notes.add(event)
    assert store.noted == []

    await notes.flush()

    assert sorted(store.noted) == list(range(40))
    assert {event.status for event in await store.events("r")} == {EventStatus.DELIVERED}
    await notes.close()


async def test_a_note_that_cannot_be_stored_costs_no_other(caplog: pytest.LogCaptureFixture) -> None:
    store = Counting(fails_at=1)
    notes = DeliveryNotes(store, Supervisor("test"))
    for event in await stored(store, 3):
        notes.add(event)

    with caplog.at_level(logging.WARNING):
        await notes.close()

    assert sorted(store.noted) == [0, 2]
    assert "1 delivery notes could not be stored" in caplog.text


@pytest.mark.virtual_time
async def test_notes_nobody_reads_are_written_a_moment_later() -> None:
    store = Counting()
    supervisor = Supervisor("test")
    notes = DeliveryNotes(store, supervisor)
    [event] = await stored(store, 1)
    notes.add(event)

    await asyncio.sleep(0.06)
    await supervisor.idle()

    assert store.noted == [0]
