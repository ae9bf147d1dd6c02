"""A session's part of the room's record: each of its words in its place, published when its turn has come.

Not in here: how places are kept (`order`, pure), what the words are (`caller_words`, `agent_words`). Invariant: what
was placed is published once, in order; what a hook blocked stands in its place as blocked (RFC 0006, R-0006-28).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from roomkit.clock import Clock
from roomkit.core.ports import RoomPort, Verdict
from roomkit.models.enums import EventType
from roomkit.models.event import RoomEvent
from roomkit.models.voice import TranscriptionEvent
from roomkit.voice.session.recent import Recent
from roomkit.voice.session.words.order import PLACE_TIMEOUT_MS, WordOrder


@dataclass(frozen=True, slots=True)
class Entry:
    """Words in their place; ``blocked`` is the verdict that keeps them out of the conversation."""

    event: RoomEvent
    blocked: Verdict[TranscriptionEvent] | None = None


class Record:
    """The places of one session's words in its room.

    Args:
        publishes: Whether transcripts become room events at all (``emit_transcription_events``).
        recorded: An event as it is to be stored.
        wake_at: Asks for `publish_due` to run on the lane at this loop time (ms).
    """

    def __init__(
        self,
        port: RoomPort,
        clock: Clock,
        *,
        publishes: bool,
        recorded: Callable[[RoomEvent], RoomEvent],
        wake_at: Callable[[float], None],
    ) -> None:
        self._port = port
        self._clock = clock
        self._publishes = publishes
        self._recorded = recorded
        self._wake_at = wake_at
        self._order: WordOrder[Entry] = WordOrder()
        self._late = Recent()

    @property
    def awaits_words(self) -> bool:
        """Whether words are on their way whose place is kept."""
        return not self._order.is_empty

    def reserve(self, key: str) -> None:
        """Keep a place until it is filled or released."""
        self._order.reserve(key)

    def reserve_for_a_while(self, key: str) -> None:
        """Keep a place for `PLACE_TIMEOUT_MS` at most."""
        self._order.reserve(key)
        self.limit(key)

    def limit(self, key: str) -> None:
        """From now on keep the place for `PLACE_TIMEOUT_MS` at most, unless it has a limit."""
        deadline_ms = self._clock.now_ms() + PLACE_TIMEOUT_MS
        self._order.limit(key, deadline_ms)
        self._wake_at(deadline_ms + 1.0)  # timers may fire a nanosecond early

    def holds(self, key: str) -> bool:
        """Whether a place is kept that waits for its words."""
        return self._order.holds(key)

    def release(self, key: str) -> None:
        """No words will come."""
        self._order.release(key)

    def is_late(self, key: str) -> bool:
        """Whether the place was given up before its words came."""
        return key in self._late

    def forget_late(self, key: str) -> None:
        """Another turn uses the key now."""
        self._late.discard(key)

    async def place(
        self, key: str, event: TranscriptionEvent, *, blocked: Verdict[TranscriptionEvent] | None = None
    ) -> None:
        """Words that stand in a place: kept until it is their turn, or published at once, as late, if that is over."""
        if not event.text.strip():
            self._order.release(key)
            return
        stored = event.to_room_event().model_copy(update={"type": EventType.MESSAGE})
        if key in self._late:
            self._late.discard(key)
            late = stored.model_copy(update={"metadata": {**stored.metadata, "late": True}})
            await self._publish(Entry(late, blocked))
        elif not self._order.fill(key, entry := Entry(stored, blocked)):
            key = f"{key}:{stored.id}"  # spoken without a turn, or in one that has its words already
            self._order.reserve(key)
            self._order.fill(key, entry)

    async def publish_due(self) -> list[str]:
        """Let out, in order, whatever no longer waits for something before it. Returns the keys that became late."""
        ready, expired = self._order.pop_ready(self._clock.now_ms())
        for key in expired:
            self._late.add(key)
        for entry in ready:
            await self._publish(entry)
        if (deadline_ms := self._order.next_deadline_ms()) is not None and (ready or expired):
            self._wake_at(deadline_ms + 1.0)
        return expired

    async def publish_all(self) -> None:
        """The session is over: everything placed goes out, whatever is missing between."""
        for entry in self._order.pop_all():
            await self._publish(entry)

    async def _publish(self, entry: Entry) -> None:
        if not self._publishes:
            return
        event = self._recorded(entry.event)
        if (blocked := entry.blocked) is not None:
            by, reason = blocked.blocked_by or "hook", blocked.reason or "blocked"
            await self._port.publish_blocked(event, by=by, reason=reason)
        else:
            await self._port.publish(event)
