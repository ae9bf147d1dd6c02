"""The order of words, whatever order a provider says things in (RFC 0006, R-0006-20..25)."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roomkit.models.enums import HookTrigger
from roomkit.testing.call import Call, start_call, tone
from roomkit.testing.virtual_time import VirtualTimeLoop
from roomkit.voice.realtime.provider_events import (
    Audio,
    InputCommitted,
    Interrupted,
    ProviderEvent,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    ToolCallCancelled,
    Transcript,
    TranscriptFailed,
)

virtual_time = pytest.mark.virtual_time

HEARD_S = 30.0
"""Longer than everything a permutation makes, with its 3 s for places."""


def says(call: Call, *events: ProviderEvent) -> None:
    for event in events:
        call.session.events.from_provider(event)


def user(text: str, item_id: str = "", *, is_final: bool = True) -> Transcript:
    return Transcript("user", text, is_final, item_id)


def agent(text: str, response_id: str, item_id: str = "", *, is_final: bool = True) -> Transcript:
    return Transcript("assistant", text, is_final, item_id or f"item-{response_id}", response_id)


def audio(seconds: float, response_id: str, item_id: str = "") -> Audio:
    return Audio(tone(seconds), response_id, item_id or f"item-{response_id}")


@virtual_time
async def test_two_utterances_of_a_vendor_without_ids_are_both_kept() -> None:
    call = await start_call(lead_ms=200)
    says(call, ResponseStarted("r"), agent("a long answer", "r"), audio(5, "r"), ResponseDone("r"))

    says(call, SpeechStopped(), user("first"), SpeechStopped(), user("second"))
    await asyncio.sleep(HEARD_S)

    assert call.port.words == [("assistant", "a long answer"), ("user", "first"), ("user", "second")]


@virtual_time
async def test_a_turn_without_an_id_is_not_late_because_an_earlier_one_was() -> None:
    call = await start_call()
    says(call, SpeechStopped())
    await asyncio.sleep(4)

    says(call, SpeechStopped(), agent("yes", "r"), user("are you open"))
    await call.session.settled()

    assert call.port.words == [("user", "are you open"), ("assistant", "yes")]
    assert "late" not in call.port.published[0].metadata


@virtual_time
@pytest.mark.parametrize("starts_s", [0.0, 0.1, 1 / 3, 0.7, 1234.567, 98_765.4321])
async def test_an_answer_is_held_three_seconds_whatever_the_clock_shows(starts_s: float) -> None:
    await asyncio.sleep(starts_s)
    call = await start_call()
    for n in range(50):
        await asyncio.sleep(0.0001 * n)
        says(call, SpeechStopped(f"u{n}"), agent("yes", f"r{n}"))

    await asyncio.sleep(3.2)

    assert len(call.port.words) == 50


@virtual_time
async def test_words_that_come_after_their_audio_was_cut_are_what_was_heard() -> None:
    call = await start_call(lead_ms=200)
    says(call, ResponseStarted("r"), audio(10, "r"))
    await asyncio.sleep(5)

    says(call, SpeechStarted("u"), ResponseDone("r", "cancelled"))
    says(call, agent("one two three four five six seven eight nine ten", "r"))
    says(call, SpeechStopped("u"), user("stop", "u"))
    await call.session.settled()

    assert call.port.words == [("assistant", "one two three four five"), ("user", "stop")]
    assert call.port.published[0].metadata["interrupted"] is True


@virtual_time
async def test_an_item_whose_audio_never_began_was_not_heard_when_the_one_before_it_is_cut() -> None:
    call = await start_call(lead_ms=200)
    says(call, ResponseStarted("r"), agent("one two three four", "r", "a"), audio(4, "r", "a"))
    says(call, agent("nobody heard this", "r", "b", is_final=False))
    await asyncio.sleep(2)

    says(call, SpeechStarted("u"), ResponseDone("r", "cancelled"))
    await call.session.settled()

    assert call.port.words == [("assistant", "one two")]


@virtual_time
async def test_an_answer_cancelled_before_its_first_audio_leaves_no_words() -> None:
    call = await start_call(lead_ms=200)
    says(call, ResponseStarted("r"), agent("I would have said", "r", is_final=False))

    says(call, SpeechStarted("u"), ResponseDone("r", "cancelled"))
    await asyncio.sleep(HEARD_S)

    assert call.port.words == []


@virtual_time
async def test_a_long_call_keeps_nothing_of_what_is_over() -> None:
    call = await start_call(lead_ms=200)
    for n in range(600):
        says(call, SpeechStarted(f"u{n}"), SpeechStopped(f"u{n}"), InputCommitted(f"u{n}"))
        if n % 3:
            says(call, user(f"turn {n}", f"u{n}"))
        says(call, ResponseStarted(f"r{n}"), agent("well", f"r{n}"), audio(0.5, f"r{n}"))
        if n % 2:
            await asyncio.sleep(0.2)
            says(call, Interrupted(f"r{n}"))
        says(call, ResponseDone(f"r{n}"))
        await asyncio.sleep(4)

    assert container_sizes(call.session.events) <= 1_500


def container_sizes(root: object) -> int:
    """Elements of every container that the parts of a session hold, the room's own record aside."""
    total, seen, waiting = 0, set[int](), [root]
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        values: list[Any] = [*vars(part).values()] if hasattr(part, "__dict__") else []
        values += [getattr(part, name, None) for kind in type(part).__mro__ for name in getattr(kind, "__slots__", ())]
        for value in values:
            if isinstance(value, dict | set | list | deque):
                total += len(value)
            elif type(value).__module__.startswith(("roomkit.voice.session", "roomkit.voice.audio")):
                waiting.append(value)
    return total


# --- any order at all ---------------------------------------------------------------------------------------------


def turn_events(n: int) -> list[ProviderEvent]:
    u, r = f"u{n}", f"r{n}"
    return [
        SpeechStarted(u), SpeechStopped(u), InputCommitted(u), user(f"question {n}", u), TranscriptFailed(f"{u}x"),
        ResponseStarted(r), agent(f"answer {n}", r, is_final=False), audio(0.3, r), agent(f"answer {n} whole", r),
        ToolCall(f"c{n}", "nothing", "{}", r), ToolCallCancelled((f"c{n}",)), ResponseDone(r),
    ]  # fmt: skip


EVENTS = [event for n in range(3) for event in turn_events(n)]

SCRAMBLED = st.lists(st.tuples(st.sampled_from(EVENTS), st.sampled_from([0.0, 0.0, 0.0, 0.1, 3.5])), max_size=40)


@given(script=SCRAMBLED)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_order_of_events_says_anything_twice_or_hangs(script: list[tuple[ProviderEvent, float]]) -> None:
    async def scramble() -> Call:
        call = await start_call(lead_ms=200)
        for event, pause_s in script:
            says(call, event)
            if pause_s:
                await asyncio.sleep(pause_s)
        says(call, *(ResponseDone(f"r{n}") for n in range(3)))
        async with asyncio.timeout(120):
            await call.session.settled()
            await asyncio.sleep(HEARD_S)
        return call

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        call = runner.run(scramble())

    items = [event.source.external_id for event in call.port.published]
    assert len(items) == len(set(items))
    said = {event.item_id for event, _ in script if isinstance(event, Transcript) and event.is_final}
    failed = {event.item_id for event, _ in script if isinstance(event, TranscriptFailed)}
    assert {item for item in said - failed if item.startswith("u")} <= set(items)
    assert call.port.of(HookTrigger.ON_ERROR) == []


@given(order=st.permutations(range(4)), gap_s=st.sampled_from([0.0, 0.5, 2.0]))
@settings(max_examples=40, deadline=None)
def test_turns_are_published_in_the_order_they_were_spoken_however_their_words_arrive(
    order: list[int], gap_s: float
) -> None:
    async def talk() -> Call:
        call = await start_call()
        for n in range(4):
            says(call, SpeechStopped(f"u{n}"))
        for n in order:
            await asyncio.sleep(gap_s / 4)
            says(call, user(f"turn {n}", f"u{n}"))
        await call.session.settled()
        return call

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        call = runner.run(talk())

    assert [text for _, text in call.port.words] == [f"turn {n}" for n in range(4)]


async def test_words_that_no_text_can_hold_cost_a_letter_and_not_the_message() -> None:
    """Half an emoji, a NUL: out of broken JSON."""
    call = await start_call()

    says(call, user("so \ud83d", "u"), Transcript("assistant", "well\x00", True, "i", "r"))
    await call.session.settled()

    assert call.port.words == [("user", "so ?"), ("assistant", "well?")]
    assert call.port.of(HookTrigger.ON_ERROR) == []
