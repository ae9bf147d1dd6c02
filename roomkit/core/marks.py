"""How far the people of a room have read: at once in memory, together with others' on record (R-0002-17, R-0002-18).

Not in here: the receipt shown to the others (`ephemeral`). Invariant: a mark only moves forward, and never to an event
its channel may not see; a process that dies loses at most the marks of its last `DELAY_S`.
"""

from __future__ import annotations

import asyncio
import logging

from roomkit._aio import Supervisor
from roomkit.core.access import may_see
from roomkit.core.background import begin
from roomkit.core.live import LiveRoom, LiveRooms
from roomkit.errors import ConfigError, NotFoundError, RoomKitError
from roomkit.models.channel import ChannelBinding
from roomkit.store.base import ConversationStore

logger = logging.getLogger(__name__)

DELAY_S = 1.0
"""How long a mark may wait for the next: who scrolls sends a dozen, and only the last of them matters."""
PAGE = 200
MAX_PAGES = 5
"""Events looked through for one the channel may see; further back there is nothing worth marking."""


class ReadMarks:
    """Marks on their way into the store."""

    def __init__(self, store: ConversationStore, rooms: LiveRooms, supervisor: Supervisor) -> None:
        self._store = store
        self._rooms = rooms
        self._supervisor = supervisor
        self._pending: dict[tuple[str, str, str | None], int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._writing = asyncio.Lock()

    async def mark(
        self, room_id: str, channel_id: str, index: int, participant_id: str | None = None
    ) -> ChannelBinding:
        """Move a channel's mark, and a participant's, to the newest event up to ``index`` the channel may see.

        Raises:
            NotFoundError: No such room, or the channel is not attached to it.
            ConfigError: ``index`` is no index.
        """
        if isinstance(index, bool) or not isinstance(index, int) or index < 0:
            raise ConfigError(f"an event's index is a whole number from 0, not {index!r}")
        live = await self._rooms.get(room_id)
        binding = _present(live, channel_id)
        reader = live.participants.get(participant_id or "")
        marked = [binding.last_read_index] + ([reader.last_read_index] if reader is not None else [])
        lowest = min(-1 if each is None else each for each in marked)
        seen = await self._newest_seen(live, binding, index, above=lowest)
        binding = _present(live, channel_id)  # perhaps another one, while the store was read
        if seen is None:
            return binding
        if binding.last_read_index is None or binding.last_read_index < seen:
            binding = binding.model_copy(update={"last_read_index": seen})
            live.bind(binding)
        reader = live.participants.get(participant_id or "")
        if reader is not None and (reader.last_read_index is None or reader.last_read_index < seen):
            live.join(reader.model_copy(update={"last_read_index": seen}))
        self._note((room_id, channel_id, participant_id), seen)
        return binding

    async def flush(self) -> None:
        """Return when every mark made so far is stored, or has failed, which is logged."""
        if not self._pending and not self._writing.locked():
            return
        async with self._writing:
            marks, self._pending = self._pending, {}
            failed = 0
            for (room_id, channel_id, participant_id), index in marks.items():
                try:
                    await self._store.set_read(room_id, channel_id, index, participant_id=participant_id)
                except RoomKitError:
                    failed += 1
        if failed:
            logger.warning("%s read marks could not be stored", failed)

    async def close(self) -> None:
        """Write what is left."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self.flush()

    async def _newest_seen(self, live: LiveRoom, binding: ChannelBinding, index: int, *, above: int) -> int | None:
        """The newest event up to ``index`` the channel may see; ``None`` if that is not ``above``."""
        recent = live.recent
        if recent and recent[0].index is not None and recent[0].index <= index < live.event_count:
            for event in reversed(recent):
                if event.index is not None and event.index <= index and may_see(event, binding):
                    return event.index if event.index > above else None
            index = recent[0].index - 1
        before = index + 1
        for _ in range(MAX_PAGES):
            page = await self._store.events(
                live.id, before_index=before, after_index=above, newest_first=True, limit=PAGE
            )
            for event in page:
                if may_see(event, binding):
                    return event.index
            if len(page) < PAGE:
                break
            before = page[-1].index or 0
        return None

    def _note(self, key: tuple[str, str, str | None], index: int) -> None:
        self._pending[key] = max(index, self._pending.get(key, -1))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(DELAY_S, self._due)

    def _due(self) -> None:
        self._timer = None
        begin(self._supervisor, self.flush(), name="read-marks")


def _present(live: LiveRoom, channel_id: str) -> ChannelBinding:
    binding = live.bindings.get(channel_id)
    if binding is None:
        raise NotFoundError(f"channel {channel_id!r} is not attached to room {live.id!r}")
    return binding
