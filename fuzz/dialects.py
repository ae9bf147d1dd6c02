"""The dialects: what a vendor's server says, amid what we tell it. A step with ``@`` is one of `COMMANDS`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fuzz.steps import OURS, as_message, steps_of
from tests.wire.invariants import COMMANDS, Conversation, held_bytes
from tests.wire.vendors import Vendor

MAX_HELD_BYTES: Final = 1_000_000
"""What a dialect may keep of a conversation of `steps.MAX_STEPS`, beside a few times what it was sent."""


def play(vendor: Vendor, data: bytes) -> None:
    """One conversation; raises where a dialect does what none may do."""
    conversation = Conversation(vendor)
    for step in steps_of(data):
        if step.startswith(OURS):
            if (name := step[1:].decode("ascii", "replace")) in COMMANDS:
                conversation.is_told(name)
        else:
            conversation.hears(as_message(step, is_binary=vendor.is_binary))
    assert held_bytes(conversation.dialect) < MAX_HELD_BYTES + 20 * len(data)


def known_steps(vendor: Vendor) -> Sequence[bytes]:
    """What its servers said in the recordings, and every command."""
    heard = [each if isinstance(each, bytes) else each.encode() for each in vendor.heard()]
    return [*dict.fromkeys(heard), *(OURS + name.encode() for name in COMMANDS)]
