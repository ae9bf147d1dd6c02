"""How much of a conversation a dialect remembers: what a server sends never grows without bound here. Pure."""

from __future__ import annotations

from typing import Final, TypeVar

_V = TypeVar("_V")

MAX_TEXT_CHARS: Final = 100_000
"""Of one utterance that comes in pieces; nobody talks that long, and each piece costs as much as all before it."""

MAX_REMEMBERED: Final = 512
"""Ids that may come again, of each sort: far above what is ever open at once."""


def remember(kept: dict[str, _V], key: str, value: _V, at_most: int = MAX_REMEMBERED) -> None:
    """Keep ``value`` under ``key``, and forget the oldest where that makes too many."""
    kept[key] = value
    if len(kept) > at_most:
        del kept[next(iter(kept))]


def longer(text: str, piece: str) -> str:
    """``text`` with ``piece`` behind it, or as it was once it is too long to be an utterance."""
    return text + piece if len(text) + len(piece) <= MAX_TEXT_CHARS else text
