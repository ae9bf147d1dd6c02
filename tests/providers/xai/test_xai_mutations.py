"""Ten thousand damaged messages: nothing but `WireError`, no reply that is not ours to make, and no growth."""

from __future__ import annotations

import json
import tracemalloc

from roomkit.errors import WireError
from roomkit.providers.xai.dialect import XAIDialect
from roomkit.voice.realtime.commands import AskForResponse, InputPaused, LinkConfig, SendAudio, Speak, ToolSpec
from roomkit.voice.realtime.provider_events import ToolCall
from tests.wire.mutation import frames_of, mutations
from tests.wire.replay import recordings

FRAMES = frames_of(recordings("xai"))
CONFIG = LinkConfig("s", tools=(ToolSpec("get_slot", "", {}),), vendor_tools=({"type": "web_search"},))
COUNT = 10_000
MEMORY_BOUND_BYTES = 8 * 1024 * 1024
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


def test_after_any_damage_commands_are_still_encoded() -> None:
    dialect = opened()

    for message in mutations(FRAMES, 1_000, seed=5):
        try:
            dialect.decode(message)
        except WireError:
            continue
        for command in (SendAudio(bytes(4)), InputPaused(), AskForResponse(), Speak("Hello.")):
            assert all(isinstance(sent, str) for sent in dialect.encode(command))


def test_damaged_messages_leave_little_behind() -> None:
    dialect = opened()
    messages = [*mutations(FRAMES, COUNT, seed=6)]
    tracemalloc.start()
    try:
        for message in messages:
            try:
                dialect.decode(message)
            except WireError:
                continue
        kept_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert kept_bytes < MEMORY_BOUND_BYTES


def test_the_same_seed_makes_the_same_damage() -> None:
    assert [*mutations(FRAMES, 200, seed=1)] == [*mutations(FRAMES, 200, seed=1)]
    assert [*mutations(FRAMES, 200, seed=1)] != [*mutations(FRAMES, 200, seed=2)]
