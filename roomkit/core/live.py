"""Rooms as they are now: the state that permissions are read from, kept in memory and loaded from the store.

Not in here: who may change it (`bindings`, `rooms`, `participants`) and the timeline (the store's). Invariants: one
`LiveRoom` a room for as long as anybody holds it; what it says is true at once, before the store has heard of it; no
more than `MAX_IDLE_ROOMS` are kept for the time when somebody comes back.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from roomkit.errors import NotFoundError, SessionStateError
from roomkit.models.channel import ChannelBinding
from roomkit.models.context import RoomContext
from roomkit.models.enums import ChannelCategory, RoomStatus
from roomkit.models.event import RoomEvent
from roomkit.models.identity import Address
from roomkit.models.participant import Participant
from roomkit.models.room import Room
from roomkit.store.base import ConversationStore

if TYPE_CHECKING:
    from roomkit.models.delivery import InboundResult

RECENT_EVENTS = 50
"""Events a hook can look back on without asking the store."""

MAX_IDLE_ROOMS = 10_000
"""About 250 MB with full recent histories; what was used longest ago is read from the store when it is used again."""


class Detached:
    """The channels taken out of a room on purpose. Kept apart from the rooms, which are unloaded: no store knows it."""

    def __init__(self, room_id: str, everywhere: set[tuple[str, str]]) -> None:
        self._room_id = room_id
        self._everywhere = everywhere

    def __contains__(self, channel_id: str) -> bool:
        return (self._room_id, channel_id) in self._everywhere

    def add(self, channel_id: str) -> None:
        """It comes back only when attached on purpose."""
        self._everywhere.add((self._room_id, channel_id))

    def discard(self, channel_id: str) -> None:
        """It was attached on purpose."""
        self._everywhere.discard((self._room_id, channel_id))


class LiveRoom:
    """One room's present state.

    Attributes:
        id: The room's.
        in_flight: By idempotency key: the result everybody who sent the same message waits for.
        detached: Channels taken out on purpose; they come back only when attached on purpose.
    """

    def __init__(
        self,
        room: Room,
        bindings: list[ChannelBinding],
        participants: list[Participant],
        recent: list[RoomEvent],
        detached: set[tuple[str, str]],
    ) -> None:
        self.id = room.id
        self._room = room
        self._event_count = room.event_count
        self._bindings = {binding.channel_id: binding for binding in bindings}
        self._participants = {participant.id: participant for participant in participants}
        self._addresses = {address: each.id for each in participants for address in each.addresses}
        self._recent = deque(recent, maxlen=RECENT_EVENTS)
        self._context: RoomContext | None = None
        self.in_flight: dict[str, asyncio.Future[InboundResult]] = {}
        self.detached = Detached(room.id, detached)

    @property
    def is_open(self) -> bool:
        """Whether anything may enter."""
        return self._room.is_open

    @property
    def is_paused(self) -> bool:
        """Whether nobody has spoken in it for long; the next event makes it active."""
        return self._room.status == RoomStatus.PAUSED

    @property
    def event_count(self) -> int:
        """Events stored so far, as far as this process knows."""
        return self._event_count

    @property
    def room(self) -> Room:
        """The room's record."""
        if self._room.event_count != self._event_count:  # copied when it is looked at, not for every event
            self._room = self._room.model_copy(update={"event_count": self._event_count})
        return self._room

    @room.setter
    def room(self, room: Room) -> None:
        self._room = room
        self._context = None

    @property
    def recent(self) -> Sequence[RoomEvent]:
        """The newest events this process knows of, oldest first."""
        return self._recent

    @property
    def bindings(self) -> Mapping[str, ChannelBinding]:
        """By channel id, in the order of attaching."""
        return self._bindings

    @property
    def participants(self) -> Mapping[str, Participant]:
        """By id, in the order they came."""
        return self._participants

    @property
    def addresses(self) -> Mapping[Address, str]:
        """Whose each linked address is."""
        return self._addresses

    @property
    def categories(self) -> dict[str, ChannelCategory]:
        """What each attached channel does in the room."""
        return {channel_id: binding.category for channel_id, binding in self._bindings.items()}

    def context(self) -> RoomContext:
        """A snapshot for hooks and channels; the same one until something changes."""
        if self._context is None:
            self._context = RoomContext(
                room=self.room,
                bindings=tuple(self._bindings.values()),
                participants=tuple(self._participants.values()),
                recent_events=tuple(self._recent),
            )
        return self._context

    def bind(self, binding: ChannelBinding) -> None:
        """Add or replace a binding."""
        self._bindings[binding.channel_id] = binding
        self._context = None

    def unbind(self, channel_id: str) -> ChannelBinding | None:
        """Remove a binding; the one there was."""
        self._context = None
        return self._bindings.pop(channel_id, None)

    def join(self, participant: Participant) -> None:
        """Add or replace a participant."""
        self._unlink(self._participants.get(participant.id))
        self._participants[participant.id] = participant
        self._addresses.update(dict.fromkeys(participant.addresses, participant.id))
        self._context = None

    def leave(self, participant_id: str) -> Participant | None:
        """Remove a participant; the one there was."""
        self._context = None
        gone = self._participants.pop(participant_id, None)
        self._unlink(gone)
        return gone

    def _unlink(self, participant: Participant | None) -> None:
        for address in () if participant is None else participant.addresses:
            self._addresses.pop(address, None)

    def remember(self, event: RoomEvent) -> None:
        """Take in an event that was just stored."""
        self._recent.append(event)
        self._event_count = (event.index or 0) + 1
        self._context = None


class LiveRooms:
    """The rooms in use, and those used last.

    Args:
        max_idle: Rooms kept that nobody holds.

    Attributes:
        on_known: Told of each room made or read, before anybody gets it, with the time of its newest event.
    """

    def __init__(self, store: ConversationStore, *, max_idle: int = MAX_IDLE_ROOMS) -> None:
        self._store = store
        self._max_idle = max_idle
        self._rooms: WeakValueDictionary[str, LiveRoom] = WeakValueDictionary()
        self._used_last: OrderedDict[str, LiveRoom] = OrderedDict()
        self._detached: set[tuple[str, str]] = set()
        self._loading: dict[str, asyncio.Future[LiveRoom | None]] = {}
        self._closed = False
        self.on_known: Callable[[LiveRoom, datetime | None], None] = lambda *_: None

    def peek(self, room_id: str) -> LiveRoom | None:
        """The room if it is in memory; never waits."""
        return self._rooms.get(room_id)

    async def get(self, room_id: str) -> LiveRoom:
        """The room.

        Raises:
            NotFoundError: There is no such room.
            SessionStateError: The kit is closed.
        """
        self._check_open()
        live = self._rooms.get(room_id) or await self._load(room_id)
        if live is None:
            raise NotFoundError(f"there is no room {room_id!r}: create it with create_room")
        return self._keep(live)

    async def add(self, room: Room) -> LiveRoom | None:
        """Store a new room; ``None`` if its id is taken."""
        self._check_open()
        if not await self._store.add_room(room):
            return None
        live = self._rooms.setdefault(room.id, LiveRoom(room, [], [], [], self._detached))
        self.on_known(live, None)
        return self._keep(live)

    def close(self) -> None:
        """Forget every room and answer no more."""
        self._closed = True
        self._rooms.clear()
        self._used_last.clear()

    def _keep(self, live: LiveRoom) -> LiveRoom:
        """Note that a room was used; let go of the one used longest ago, which lives on while somebody holds it."""
        self._used_last[live.id] = live
        self._used_last.move_to_end(live.id)
        if len(self._used_last) > self._max_idle:
            self._used_last.popitem(last=False)
        return live

    def _check_open(self) -> None:
        if self._closed:
            raise SessionStateError("this kit is closed: its rooms cannot be used any more")

    async def _load(self, room_id: str) -> LiveRoom | None:
        """Read a room once, however many ask at the same time; a failure is everybody's."""
        if (loading := self._loading.get(room_id)) is not None:
            return await asyncio.shield(loading)
        loading = self._loading[room_id] = asyncio.get_running_loop().create_future()
        try:
            live = await self._read(room_id)
            if live is not None:
                live = self._rooms.setdefault(room_id, live)
            loading.set_result(live)
            return live
        except BaseException as error:  # cancelled too: those who wait for the same room are told
            loading.set_exception(error if isinstance(error, Exception) else NotFoundError("loading was cancelled"))
            loading.exception()  # nobody else may be waiting for it
            raise
        finally:
            del self._loading[room_id]

    async def _read(self, room_id: str) -> LiveRoom | None:
        room = await self._store.room(room_id)
        if room is None:
            return None
        recent = await self._store.events(room_id, newest_first=True, limit=RECENT_EVENTS)
        live = LiveRoom(
            room,
            await self._store.bindings(room_id),
            await self._store.participants(room_id),
            recent[::-1],
            self._detached,
        )
        self.on_known(live, recent[0].created_at if recent else None)
        return live
