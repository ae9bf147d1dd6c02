"""Two processes whose timers fall due in the same moment: the room is closed, and announced, once (R-0005-21)."""

from __future__ import annotations

import asyncio

from roomkit.cluster.postgresql import PostgreSQLRoomLocks
from roomkit.kit import RoomKit
from roomkit.models.enums import RoomStatus
from roomkit.models.framework import FrameworkEvent
from roomkit.models.room import RoomTimers
from roomkit.store.postgresql import PostgreSQLStore


async def test_of_two_processes_one_announces_the_closing(postgresql_dsn: str, postgresql_schema: str) -> None:
    """R-0005-21."""
    told: list[FrameworkEvent] = []
    kits = [
        RoomKit(
            PostgreSQLStore(postgresql_dsn, schema=postgresql_schema), lock_manager=PostgreSQLRoomLocks(postgresql_dsn)
        )
        for _ in range(2)
    ]
    for kit in kits:
        kit.on("room_closed")(told.append)
    await kits[0].create_room("room", timers=RoomTimers(closed_after_seconds=0.3))
    await kits[1].get_room("room")

    async with asyncio.timeout(10):
        for kit in kits:
            while (await kit.get_room("room")).status is not RoomStatus.CLOSED:  # noqa: ASYNC110 -- one of them tells nobody
                await asyncio.sleep(0.02)
    for kit in kits:
        await kit.close()

    assert [event.room_id for event in told] == ["room"]
