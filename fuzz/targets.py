"""Everything that can be run against, by name."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from fuzz import clients, dialects, simulators
from fuzz.steps import as_bytes
from tests.wire.vendors import VENDORS


class Target(NamedTuple):
    """What is run against.

    Attributes:
        play: Plays one conversation; raises where something is wrong.
        known: Steps that mean something to it.
    """

    play: Callable[[bytes], None]
    known: Sequence[bytes]

    def seeds(self) -> list[bytes]:
        """Conversations to begin with: short ones, and everything in its order."""
        size = 12
        pieces = [self.known[at : at + size] for at in range(0, len(self.known), size)]
        return [as_bytes(piece) for piece in pieces]


def _all() -> dict[str, Target]:
    targets = {}
    for name, vendor in VENDORS.items():
        targets[name] = Target(functools.partial(dialects.play, vendor), dialects.known_steps(vendor))
        targets[f"{name}-simulator"] = Target(
            functools.partial(simulators.play, vendor), simulators.known_steps(vendor)
        )
    targets["browser"] = Target(clients.play_voice, clients.VOICE_MESSAGES)
    targets["chat"] = Target(clients.play_chat, clients.CHAT_MESSAGES)
    return targets


TARGETS: Final = _all()
