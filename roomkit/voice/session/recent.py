"""A set of keys that remembers only the newest: a provider never comes back to one much older. Pure."""

from __future__ import annotations

from typing import Final

BOUND: Final = 256
"""Items, answers or calls remembered: minutes of the busiest call, a few tens of kilobytes at most."""


class Recent:
    """The newest `BOUND` keys."""

    __slots__ = ("_keys",)

    def __init__(self) -> None:
        self._keys: dict[str, None] = {}

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: str) -> None:
        """Remember ``key`` as the newest; the oldest is forgotten beyond the bound."""
        self._keys.pop(key, None)
        self._keys[key] = None
        if len(self._keys) > BOUND:
            del self._keys[next(iter(self._keys))]

    def discard(self, key: str) -> None:
        """Forget ``key``, if it is known."""
        self._keys.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        self._keys.clear()
