"""A set of keys that remembers only the newest: a provider never comes back to one much older. Pure."""

from __future__ import annotations

from typing import Final

BOUND: Final = 256
"""Items, answers or calls remembered: minutes of the busiest call, a few tens of kilobytes at most."""


class Recent(dict[str, None]):
    """The newest `BOUND` keys. A dict, because whether a key is among them is asked for every piece of audio."""

    __slots__ = ()

    def add(self, key: str) -> None:
        """Remember ``key`` as the newest; the oldest is forgotten beyond the bound."""
        self.pop(key, None)
        self[key] = None
        if len(self) > BOUND:
            del self[next(iter(self))]

    def discard(self, key: str) -> None:
        """Forget ``key``, if it is known."""
        self.pop(key, None)
