"""How far the people of a room have read (R-0002-17, R-0002-18), and who closes the locks of rooms."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from roomkit.channels.base import ChannelBase
from roomkit.core.locks import MemoryRoomLocks
from roomkit.errors import ConfigError, NotFoundError, StoreError
from roomkit.kit import RoomKit
from roomkit.models.enums import Access
from roomkit.store.memory import MemoryStore
from tests.kit.conftest import Party


async def mark(party: Party, channel_id: str = "bob") -> int | None:
    binding = await party.kit.get_binding("room", channel_id)
    assert binding is not None
    return binding.last_read_index


async def talk(party: Party, count: int = 3, **fields: str) -> None:
    for number in range(count):
        await party.says("ada", f"{number}", **fields)


@pytest.fixture
async def talked(party: Party) -> Party:
    await party.joins("ada")
    await party.joins("bob")
    await talk(party)
    return party


async def test_a_mark_moves_forward_only(talked: Party) -> None:
    """R-0002-17."""
    assert await mark(talked) is None
    for index in (1, 0, 1):
        await talked.kit.mark_read("room", "bob", index)

    assert await mark(talked) == 1
    assert await mark(talked, "ada") is None


async def test_a_mark_is_never_beyond_the_newest_event(talked: Party) -> None:
    """R-0002-17."""
    binding = await talked.kit.mark_read("room", "bob", 2**53)

    assert binding.last_read_index == 2


async def test_a_mark_is_never_on_an_event_the_channel_may_not_see(talked: Party) -> None:
    """R-0002-17."""
    await talked.kit.ensure_participant("room", "bob")
    await talked.joins("cy")
    await talk(talked, 60, visibility="cy")

    await talked.kit.mark_read("room", "bob", 62)

    assert await mark(talked) == 2


async def test_who_may_not_read_has_read_nothing(talked: Party) -> None:
    """R-0002-17."""
    await talked.kit.set_access("room", "bob", Access.WRITE_ONLY)

    await talked.kit.mark_read("room", "bob", 2)

    assert await mark(talked) is None


async def test_people_who_share_a_channel_have_a_mark_each(talked: Party) -> None:
    """R-0002-17."""
    for name in ("cy", "di"):
        await talked.kit.add_member("room", name)

    await talked.kit.mark_read("room", "bob", 2, participant_id="cy")
    await talked.kit.mark_read("room", "bob", 0, participant_id="di")
    await talked.kit.mark_read("room", "bob", 1, participant_id="a stranger")

    members = {each.id: each.last_read_index for each in await talked.kit.list_members("room")}
    assert members == {"cy": 2, "di": 0}
    assert await mark(talked) == 2


@pytest.mark.parametrize("index", [-1, True, 1.5, "2", None])
async def test_what_is_no_index_is_refused(talked: Party, index: object) -> None:
    with pytest.raises(ConfigError):
        await talked.kit.mark_read("room", "bob", index)  # type: ignore[arg-type]  # rubbish on purpose
    with pytest.raises(NotFoundError):
        await talked.kit.mark_read("room", "nobody", 1)
    with pytest.raises(NotFoundError):
        await talked.kit.mark_read("nowhere", "bob", 1)
    assert await mark(talked) is None


async def test_marks_are_there_after_a_restart(tmp_path: Path) -> None:
    """R-0002-18."""
    async with RoomKit(tmp_path / "rooms.db") as kit:
        await kit.create_room("room")
        party = Party(kit)
        await party.joins("ada")
        await party.joins("bob")
        await talk(party)
        await kit.mark_read("room", "bob", 1, participant_id="ada")

    async with RoomKit(tmp_path / "rooms.db") as kit:
        assert {each.channel_id: each.last_read_index for each in await kit.list_bindings("room")} == {
            "ada": None,
            "bob": 1,
        }
        await kit.mark_read("room", "bob", 2)
        assert await mark(Party(kit)) == 2


class Counting(MemoryStore):
    """Knows how often marks were written; may refuse them."""

    def __init__(self, *, fails: bool = False) -> None:
        super().__init__()
        self.marks: list[int] = []
        self._fails = fails

    async def set_read(self, room_id: str, channel_id: str, index: int, *, participant_id: str | None = None) -> None:
        if self._fails:
            raise StoreError("the disk is full")
        self.marks.append(index)


@pytest.mark.virtual_time
async def test_a_storm_of_receipts_is_one_write() -> None:
    """R-0002-18."""
    store = Counting()
    async with RoomKit(store) as kit:
        await kit.create_room("room")
        party = Party(kit)
        await party.joins("ada")
        await talk(party, 40)
        for index in range(40):
            await kit.mark_read("room", "ada", index)
        assert store.marks == []

        await asyncio.sleep(1.1)

        assert store.marks == [39]


async def test_a_mark_that_cannot_be_stored_is_logged_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with RoomKit(Counting(fails=True)) as kit:
        await kit.create_room("room")
        party = Party(kit)
        await party.joins("ada")
        await talk(party, 1)
        await kit.mark_read("room", "ada", 0)

    assert "1 read marks could not be stored" in caplog.text


class Locks:
    """Locks that hold a connection, say."""

    def __init__(self) -> None:
        self._locks = MemoryRoomLocks()
        self.closed = 0

    def locked(self, room_id: str) -> AbstractAsyncContextManager[None]:
        return self._locks.locked(room_id)

    async def close(self) -> None:
        self.closed += 1


async def test_a_kit_closes_the_locks_it_was_given() -> None:
    """R-0005-14."""
    locks = Locks()
    async with RoomKit(lock_manager=locks) as kit:
        kit.register_channel(ChannelBase("ada"))
        assert locks.closed == 0

    assert locks.closed >= 1
