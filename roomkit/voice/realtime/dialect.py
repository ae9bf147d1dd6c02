"""The contract of a dialect: the pure translation between one vendor's wire messages and ours.

Pure: no input or output, no task, no clock, no log; it lives for one socket. What it translates from and to:
`provider_events` and `commands`. Not in here: sockets (`wire`), policy (`roomkit.voice.session`).
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

from roomkit.voice.realtime.commands import Command, LinkConfig
from roomkit.voice.realtime.provider_events import ProviderEvent
from roomkit.voice.wires.port import WireMessage


class Decoded(NamedTuple):
    """What one wire message meant: events for us, replies for the provider. A tuple for the same reason as `Audio`."""

    events: tuple[ProviderEvent, ...] = ()
    replies: tuple[WireMessage, ...] = ()


NOTHING: Final = Decoded()
"""What a message without a meaning meant."""


def meaning(*events: ProviderEvent | None) -> Decoded:
    """Those of ``events`` that there are, and no reply."""
    told = tuple(event for event in events if event is not None)
    return Decoded(told) if told else NOTHING


class Dialect(Protocol):
    """One vendor's wire language over the life of one socket; pure."""

    def open(self, config: LinkConfig) -> list[WireMessage]:
        """The first messages, sent as soon as the socket is up (some vendors wait for one: then empty).

        Raises:
            ConfigError: A vendor-specific setting that cannot work; names what can.
        """

    def encode(self, command: Command) -> list[WireMessage]:
        """The wire messages for a command: none, one or several.

        Raises:
            ConfigError: The vendor cannot do this at all; names what can.
        """

    def decode(self, message: WireMessage) -> Decoded:
        """What the provider said. Unknown message types and keys mean nothing; never raises but `WireError`.

        Raises:
            WireError: The message could not be read.
        """
