"""What a simulated server will send at a later loop time; of one time, in the order it was put in. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Later(Generic[T]):
    """Things that are due at a loop time each."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, T]] = []
        self._count = 0

    def put(self, at_ms: float, thing: T) -> None:
        """It is due then."""
        self._count += 1  # keeps things of one time in order, and the heap from comparing them
        heapq.heappush(self._heap, (at_ms, self._count, thing))

    @property
    def due_ms(self) -> float | None:
        """When the next thing is due."""
        return self._heap[0][0] if self._heap else None

    def due(self, now_ms: float) -> Iterator[T]:
        """Take what is due, one by one; what is put in meanwhile and is due already comes too."""
        while self._heap and self._heap[0][0] <= now_ms:
            yield heapq.heappop(self._heap)[2]

    def drop(self, is_unwanted: Callable[[T], bool]) -> None:
        """Forget what is unwanted."""
        self._heap = [one for one in self._heap if not is_unwanted(one[2])]
        heapq.heapify(self._heap)
