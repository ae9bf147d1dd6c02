"""Ten thousand damaged messages: nothing but `WireError`, no reply that is not ours to make, and no foreign call.

What holds for every dialect, growth among it, is in ``tests/wire/test_mutated_conversations.py``.
"""

from __future__ import annotations

import json

from roomkit.errors import WireError
from roomkit.providers.xai.dialect import XAIDialect
from roomkit.voice.realtime.commands import LinkConfig, ToolSpec
from roomkit.voice.realtime.provider_events import ToolCall
from tests.wire.mutation import frames_of, mutations
from tests.wire.replay import recordings

FRAMES = frames_of(recordings("xai"))
CONFIG = LinkConfig("s", tools=(ToolSpec("get_slot", "", {}),), vendor_tools=({"type": "web_search"},))
COUNT = 10_000
REPLIES = {"response.create", "conversation.item.create"}


def opened() -> XAIDialect:
    dialect = XAIDialect()
    dialect.open(CONFIG)
    return dialect


def test_damaged_messages_raise_nothing_but_wire_errors() -> None:
    dialect, unreadable_count, event_count = opened(), 0, 0

    for message in mutations(FRAMES, COUNT, seed=4):
        try:
            decoded = dialect.decode(message)
        except WireError:
            unreadable_count += 1
            continue
        event_count += len(decoded.events)
        assert {json.loads(reply)["type"] for reply in decoded.replies} <= REPLIES
        assert all(call.name == "get_slot" for call in decoded.events if isinstance(call, ToolCall))

    # the damage was of every sort: some could not be read, and most still meant something
    assert unreadable_count > COUNT // 20
    assert event_count > COUNT // 20


def test_the_same_seed_makes_the_same_damage() -> None:
    assert [*mutations(FRAMES, 200, seed=1)] == [*mutations(FRAMES, 200, seed=1)]
    assert [*mutations(FRAMES, 200, seed=1)] != [*mutations(FRAMES, 200, seed=2)]
