"""What of the agent's audio was heard: received, sent and played milliseconds of each item. Pure.

Positions count milliseconds of agent audio since the last clear (an *epoch*). The client's own report wins where
there is one, clamped to what was sent and never going back; else the caller's clock says (see `pacer.Lead`).
"""

from __future__ import annotations

from dataclasses import dataclass

REPORT_GRACE_MS = 1_500.0
"""A client that stopped reporting (a hidden tab) is taken to have heard everything this long after it should have."""

MAX_DROPPED_ITEMS = 16
"""Cut items whose further audio is counted: more than one answer ever has."""


@dataclass(slots=True)
class PlayedItem:
    """One item of one answer, in milliseconds of audio."""

    response_id: str
    item_id: str
    start_ms: float = 0.0
    sent_ms: float = 0.0
    received_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class HeardItem:
    """What the caller has heard of an item."""

    response_id: str
    item_id: str
    heard_ms: float
    received_ms: float


class DroppedAudio:
    """How much audio came of items that were cut, bounded to the newest: their words are measured against all of it."""

    __slots__ = ("_ms_by_key",)

    def __init__(self) -> None:
        self._ms_by_key: dict[str, float] = {}

    def add(self, key: str, duration_ms: float) -> None:
        """More of an item came and was dropped."""
        self._ms_by_key[key] = self._ms_by_key.pop(key, 0.0) + duration_ms
        if len(self._ms_by_key) > MAX_DROPPED_ITEMS:
            del self._ms_by_key[next(iter(self._ms_by_key))]

    def of(self, key: str) -> float:
        """Of one item."""
        return self._ms_by_key.get(key, 0.0)


class Playback:
    """The ledger of one session's agent audio."""

    __slots__ = ("_base_ms", "_items", "_reported_ms", "_reports", "_sent_ms", "epoch")

    def __init__(self) -> None:
        self.epoch = 0
        self._items: list[PlayedItem] = []  # few; an empty deque would take 760 bytes of every session
        self._sent_ms = 0.0
        self._base_ms = 0.0
        self._reported_ms = 0.0
        self._reports = False

    def received(self, response_id: str, item_id: str, duration_ms: float) -> PlayedItem:
        """Audio came from the provider; returns the item it belongs to, for `sent`."""
        items = self._items
        if items:
            last = items[-1]
            if last.item_id == item_id and last.response_id == response_id:
                last.received_ms += duration_ms
                return last
        item = PlayedItem(response_id, item_id, received_ms=duration_ms, start_ms=-1.0)
        items.append(item)
        return item

    def sent(self, item: PlayedItem, duration_ms: float) -> bool:
        """Audio left for the client. Returns whether it was the item's first."""
        is_first = item.start_ms < 0.0
        if is_first:
            item.start_ms = self._sent_ms
        item.sent_ms += duration_ms
        self._sent_ms += duration_ms
        return is_first

    def reported(self, played_ms: float, epoch: int) -> float | None:
        """The client's word, if it is about this epoch. Returns what it holds unplayed, in ms."""
        if epoch != self.epoch:
            return None
        self._reports = True
        self._reported_ms = min(self._sent_ms, max(self._reported_ms, self._base_ms + played_ms))
        return self._sent_ms - self._reported_ms

    @property
    def is_at_start(self) -> bool:
        """Whether nothing was sent since the last clear."""
        return self._sent_ms <= 0.0

    def client_is_new(self) -> None:
        """Another client takes over: a new epoch; what went to the one before it counts as heard."""
        self.epoch += 1
        self._reports = False
        self._base_ms = self._reported_ms = self._sent_ms

    def position_ms(self, ahead_ms: float, overdue_ms: float = 0.0) -> float:
        """Milliseconds heard since the last clear.

        Args:
            ahead_ms: By our clock, how much of what was sent is not heard yet.
            overdue_ms: By our clock, how long ago everything was heard.
        """
        if self._reports and overdue_ms < REPORT_GRACE_MS:
            return self._reported_ms
        return max(self._reported_ms, self._sent_ms - ahead_ms)

    def unheard_ms(self, position_ms: float, response_id: str | None = None) -> float:
        """Audio received but not heard, of one answer or of all."""
        return sum(
            item.received_ms - _heard_ms(item, position_ms)
            for item in self._items
            if response_id is None or item.response_id == response_id
        )

    def unplayed_ms(self, position_ms: float) -> float:
        """Audio that was sent but not heard."""
        return max(0.0, self._sent_ms - position_ms)

    def item_ids(self) -> frozenset[str]:
        """The items still in the ledger."""
        return frozenset(item.item_id for item in self._items)

    def response_ids(self) -> frozenset[str]:
        """The answers with an item in the ledger."""
        return frozenset(item.response_id for item in self._items)

    def heard(self, position_ms: float) -> list[HeardItem]:
        """How much was heard of each item in the ledger."""
        return [
            HeardItem(item.response_id, item.item_id, _heard_ms(item, position_ms), item.received_ms)
            for item in self._items
        ]

    def forget_heard(self, position_ms: float) -> None:
        """Let go of items that were heard to their end, all but the newest (more of it may come)."""
        while len(self._items) > 1 and self._items[0].received_ms - _heard_ms(self._items[0], position_ms) <= 0.0:
            self._items.pop(0)

    def cut(self, position_ms: float) -> list[HeardItem]:
        """Everything unheard is thrown away: a new epoch begins. Returns the items that were not heard to their end."""
        cut = [item for item in self.heard(position_ms) if item.heard_ms < item.received_ms]
        self._items.clear()
        self.epoch += 1
        self._sent_ms = self._base_ms = self._reported_ms = 0.0
        return cut


def _heard_ms(item: PlayedItem, position_ms: float) -> float:
    if item.start_ms < 0.0:
        return 0.0
    heard = min(item.sent_ms, max(0.0, position_ms - item.start_ms))
    # Float sums of frames differ by far less than a sample; a whole item heard must read as exactly that.
    return item.received_ms if item.received_ms - heard < 1e-3 else heard
