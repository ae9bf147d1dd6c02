"""Servers that lost their mind, all four dialects: nothing but `WireError`, whatever we say meanwhile, and no growth.

Coverage-guided runs of the same conversations are in ``fuzz``; what they found is in ``tests/wire/found``.
"""

from __future__ import annotations

import itertools
from random import Random

import pytest

from roomkit.voice.realtime.dialect import Decoded
from roomkit.voice.realtime.provider_events import Transcript
from roomkit.voice.wires.port import WireMessage
from tests.wire.invariants import COMMANDS, Conversation, held_bytes
from tests.wire.mutation import mutations, renamed
from tests.wire.vendors import VENDORS, Vendor

COUNT = 10_000
LONG_COUNT = 100_000
COMMAND_SHARE = 0.2
MAX_HELD_BYTES = 1_000_000
"""What is kept of a conversation, however long: the words of an open answer, ids that may come again."""

MAX_WORDS_HELD_BYTES = 500_000
"""What is kept of utterances that never end: several, each of which is as long as no utterance is."""

each_vendor = pytest.mark.parametrize("vendor", VENDORS.values(), ids=VENDORS)


@each_vendor
def test_ten_thousand_damaged_messages_amid_commands_break_no_dialect(vendor: Vendor) -> None:
    random, names = Random(11), [*COMMANDS]
    conversation = Conversation(vendor)
    sent_count = 0

    for message in mutations(vendor.heard(), COUNT, seed=12):
        conversation.hears(message)
        if random.random() < COMMAND_SHARE:
            sent_count += len(conversation.is_told(random.choice(names)))

    # the damage was of every sort: some could not be read, and most still meant something
    assert conversation.unreadable_count > COUNT // 20
    assert conversation.event_count > COUNT // 20
    assert sent_count > COUNT // 20
    assert held_bytes(conversation.dialect) < MAX_HELD_BYTES


@each_vendor
def test_a_server_that_names_everything_anew_and_finishes_nothing_fills_no_memory(vendor: Vendor) -> None:
    conversation, random, names = Conversation(vendor), Random(13), [*COMMANDS]
    beginnings = [frame for frame in dict.fromkeys(vendor.heard()) if not is_an_end(frame)]

    for number, frame in zip(range(LONG_COUNT), itertools.cycle(beginnings), strict=False):
        conversation.dialect.decode(renamed(frame, number))
        if number % 50 == 0:
            conversation.is_told(random.choice(names))

    assert held_bytes(conversation.dialect) < MAX_HELD_BYTES


@each_vendor
def test_a_server_that_never_stops_talking_fills_no_memory(vendor: Vendor) -> None:
    conversation = Conversation(vendor)
    words = [frame for frame in vendor.heard() if says_more(conversation.hears(frame))]
    conversation = Conversation(vendor)

    for frame in itertools.islice(itertools.cycle(words), LONG_COUNT):
        conversation.dialect.decode(frame)

    assert held_bytes(conversation.dialect) < MAX_WORDS_HELD_BYTES


def says_more(decoded: Decoded) -> bool:
    """Whether more of an utterance came, and not its end."""
    return any(isinstance(event, Transcript) and not event.is_final for event in decoded.events)


def is_an_end(frame: WireMessage) -> bool:
    """Whether something is over with it, by its name."""
    raw = frame if isinstance(frame, bytes) else frame.encode()
    return any(word in raw[:90] for word in (b"done", b"completed", b"turnComplete", b"interrupted", b"finished"))
