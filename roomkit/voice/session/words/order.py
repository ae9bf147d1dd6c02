"""The order of words: who spoke first is stored first, however late a transcript comes. Pure (RFC 0006, R-0006-20..24).

A turn reserves its place when its speech stops; the agent's answer when its first words come. An entry is let out when
everything before it is filled or released. A caller's place waits at most `PLACE_TIMEOUT_MS` for its transcript.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

PLACE_TIMEOUT_MS = 3_000.0
"""How long a caller's turn keeps its place without a transcript (design.md, "The order of words")."""


@dataclass(slots=True)
class _Place(Generic[T]):
    key: str
    deadline_ms: float | None
    is_settled: bool = False
    entries: list[T] = field(default_factory=list)


class WordOrder(Generic[T]):
    """The places of one conversation; ``T`` is whatever gets published."""

    def __init__(self) -> None:
        self._places: list[_Place[T]] = []
        self._by_key: dict[str, _Place[T]] = {}

    @property
    def is_empty(self) -> bool:
        """Whether everything that had a place is out."""
        return not self._places

    def reserve(self, key: str, deadline_ms: float | None = None) -> None:
        """Keep a place, the last so far; a key that has one keeps it."""
        if key in self._by_key:
            return
        place: _Place[T] = _Place(key, deadline_ms)
        self._places.append(place)
        self._by_key[key] = place

    def limit(self, key: str, deadline_ms: float) -> None:
        """Give a place up at that time, unless it has a limit."""
        if (place := self._by_key.get(key)) is not None and place.deadline_ms is None:
            place.deadline_ms = deadline_ms

    def holds(self, key: str) -> bool:
        """Whether ``key`` has a place that is neither filled nor released."""
        return key in self._by_key and not self._by_key[key].is_settled

    def fill(self, key: str, entry: T) -> bool:
        """Put the words in their place. Returns False when there is none (any more): they are late."""
        place = self._by_key.get(key)
        if place is None or place.is_settled:
            return False
        place.entries.append(entry)
        place.is_settled = True
        return True

    def release(self, key: str) -> None:
        """Give a place up: no words will come."""
        if (place := self._by_key.get(key)) is not None:
            place.is_settled = True

    def pop_ready(self, now_ms: float) -> tuple[list[T], list[str]]:
        """The entries that may go out now, in order; and the keys whose time ran out without words."""
        ready: list[T] = []
        expired: list[str] = []
        while self._places:
            place = self._places[0]
            if not place.is_settled:
                if place.deadline_ms is None or now_ms < place.deadline_ms:
                    break
                expired.append(place.key)
            self._places.pop(0)
            del self._by_key[place.key]
            ready.extend(place.entries)
        return ready, expired

    def next_deadline_ms(self) -> float | None:
        """When the first place in line runs out, if it can."""
        return self._places[0].deadline_ms if self._places else None

    def pop_all(self) -> list[T]:
        """Everything filled, in order, whatever is missing between: the session is over."""
        entries = [entry for place in self._places for entry in place.entries]
        self._places.clear()
        self._by_key.clear()
        return entries
