"""What was heard of an interrupted answer is what the room and the next provider link are told (R-0006-25)."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roomkit.testing.call import Call, start_call, tone
from roomkit.testing.virtual_time import VirtualTimeLoop
from roomkit.voice.realtime.commands import InjectText
from roomkit.voice.realtime.provider_events import (
    Audio,
    ProviderEvent,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    SpokenWords,
    Transcript,
)

pytestmark = pytest.mark.virtual_time

TEN = "one two three four five six seven eight nine ten"


def says(call: Call, *events: ProviderEvent) -> None:
    for event in events:
        call.session.events.from_provider(event)


def words(text: str, item: str = "i", *, is_final: bool = True) -> Transcript:
    return Transcript("assistant", text, is_final, item, "r")


def audio(seconds: float, item: str = "i") -> Audio:
    return Audio(tone(seconds), "r", item)


async def interrupted(call: Call, *after: ProviderEvent) -> None:
    says(call, SpeechStarted("u"), *after)
    await call.session.settled()


def remembered(call: Call) -> list[str]:
    """What a fresh link would be told that the agent said."""
    commands = call.session.events.conversation.history.replay(call.session.events.conversation.unheard_words())
    return [command.text for command in commands if isinstance(command, InjectText)]


async def test_an_interrupted_answer_says_how_its_words_were_measured() -> None:
    call = await start_call(lead_ms=200)
    says(call, ResponseStarted("r"), words(TEN), audio(10), ResponseDone("r"))
    await asyncio.sleep(4)

    await interrupted(call)

    [event] = call.port.published
    assert event.text == "one two three four"
    assert (event.metadata["interrupted"], event.metadata["heard_by"]) == (True, "proportion")
    assert remembered(call) == ["one two three four"]


async def test_the_vendors_times_are_better_than_proportion() -> None:
    call = await start_call(lead_ms=200)
    starts_ms = (0, 3_000, 3_500, 4_000, 4_500, 5_000, 6_000, 7_000, 8_000, 9_000)
    times = [SpokenWords(f"{word} ", at_ms, "r", "i") for word, at_ms in zip(TEN.split(), starts_ms, strict=True)]
    says(call, ResponseStarted("r"), *times, words(TEN), audio(10), ResponseDone("r"))
    await asyncio.sleep(4)

    await interrupted(call)

    [event] = call.port.published
    assert (event.text, event.metadata["heard_by"]) == ("one two three", "vendor_times")
    assert remembered(call) == ["one two three"]


async def test_an_answer_heard_to_its_end_is_not_measured() -> None:
    call = await start_call(lead_ms=200)
    says(call, ResponseStarted("r"), words(TEN), audio(1), ResponseDone("r"))
    await asyncio.sleep(2)

    [event] = call.port.published
    assert event.text == TEN
    assert not {"interrupted", "heard_by"} & event.metadata.keys()


async def test_of_several_items_those_before_the_cut_are_whole_and_those_after_it_unsaid() -> None:
    call = await start_call(lead_ms=200)
    says(call, ResponseStarted("r"), words("good morning", "a"), audio(1, "a"))
    says(call, words(TEN, "b"), audio(10, "b"), words("goodbye", "c"), audio(1, "c"), ResponseDone("r"))
    await asyncio.sleep(5)

    await interrupted(call)

    assert call.port.words == [("assistant", "good morning"), ("assistant", "one two three four")]
    assert remembered(call) == ["good morning", "one two three four"]


async def test_nothing_heard_is_no_words() -> None:
    call = await start_call(lead_ms=200)
    call.session.events.media.detach_client()  # nothing leaves
    says(call, ResponseStarted("r"), words(TEN), audio(10), ResponseDone("r"))

    await interrupted(call)

    assert call.port.words == []
    assert remembered(call) == []


async def test_words_without_audio_were_not_heard_when_the_caller_presses_stop() -> None:
    call = await start_call(lead_ms=200)
    says(call, ResponseStarted("r"), words(TEN, is_final=False))

    await call.transport.simulate_client_interrupt(call.view)
    says(call, ResponseDone("r", "cancelled"))
    await call.session.settled()

    assert call.port.words == []
    assert remembered(call) == []


async def test_text_that_lags_is_measured_when_all_of_it_is_there() -> None:
    call = await start_call(lead_ms=200)
    says(call, ResponseStarted("r"), words("one two", is_final=False), audio(10))
    await asyncio.sleep(5)

    await interrupted(call)
    too_early = list(call.port.words)
    says(call, words(TEN), ResponseDone("r", "cancelled"))
    await call.session.settled()

    assert too_early == []
    assert call.port.words == [("assistant", "one two three four five")]


async def test_text_that_runs_ahead_is_measured_against_the_audio_that_was_dropped_too() -> None:
    call = await start_call(lead_ms=200)
    says(call, ResponseStarted("r"), words(TEN, is_final=False), audio(5))
    await asyncio.sleep(4)

    await interrupted(call, audio(5), words(TEN), ResponseDone("r", "cancelled"))

    assert call.port.words == [("assistant", "one two three four")]


async def test_a_provider_that_never_finishes_a_cut_answer_is_taken_at_its_last_word() -> None:
    call = await start_call(lead_ms=200)
    says(call, ResponseStarted("r"), words("one two three four", is_final=False), audio(4))
    await asyncio.sleep(2)
    await interrupted(call)

    said_meanwhile = remembered(call)
    await call.provider.simulate_disconnect(call.view)
    await call.session.settled()

    assert said_meanwhile == ["one two"]
    assert call.port.words == [("assistant", "one two")]
    assert remembered(call) == ["one two"]


async def test_a_cut_answer_that_is_never_finished_holds_nobodys_words_for_long() -> None:
    call = await start_call(lead_ms=200)
    says(call, ResponseStarted("r"), words("one two three four", is_final=False), audio(4))
    await asyncio.sleep(2)

    await interrupted(call, SpeechStopped("u"), Transcript("user", "stop", True, "u"))
    at_once = list(call.port.words)
    await asyncio.sleep(3.1)

    assert at_once == []
    assert sorted(call.port.words) == [("assistant", "one two"), ("user", "stop")]


async def test_words_of_an_item_that_begins_after_the_cut_were_not_heard() -> None:
    call = await start_call(lead_ms=200)
    says(call, ResponseStarted("r"), words("one two three four", "a"), audio(4, "a"))
    await asyncio.sleep(2)

    await interrupted(call, words("nobody heard this", "b"), audio(3, "b"), ResponseDone("r", "cancelled"))

    assert call.port.words == [("assistant", "one two")]


async def test_a_call_that_ends_during_an_answer_keeps_what_was_heard() -> None:
    call = await start_call(lead_ms=200)
    says(call, ResponseStarted("r"), words(TEN, is_final=False), audio(10))
    await asyncio.sleep(5)

    await call.session.events.wind_up()

    [event] = call.port.published
    assert (event.text, event.metadata["interrupted"]) == ("one two three four five", True)


@given(
    parts=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3_000), st.booleans()), min_size=1, max_size=6),
    cut_after_ms=st.integers(0, 12_000),
    final_first=st.booleans(),
)
@settings(max_examples=100)
def test_the_room_and_the_history_agree_and_nobody_heard_more_than_was_played(
    parts: list[tuple[int, int, bool]], cut_after_ms: int, final_first: bool
) -> None:
    """Items of any length, words and audio in any proportion, interrupted at any time."""

    async def talk() -> tuple[Call, list[str], list[str]]:
        call = await start_call(lead_ms=200)
        says(call, ResponseStarted("r"))
        texts = [" ".join(f"w{n}-{m}" for m in range(count)) for n, (count, _, _) in enumerate(parts)]
        for n, (text, (_, length_ms, is_partial)) in enumerate(zip(texts, parts, strict=True)):
            if final_first:
                says(call, words(text, f"i{n}", is_final=not is_partial))
            if length_ms:
                says(call, audio(length_ms / 1_000, f"i{n}"))
            if not final_first:
                says(call, words(text, f"i{n}", is_final=not is_partial))
        await asyncio.sleep(cut_after_ms / 1_000)
        says(call, SpeechStarted("u"))
        says(call, *(words(text, f"i{n}") for n, text in enumerate(texts)), ResponseDone("r", "cancelled"))
        await asyncio.sleep(20)
        return call, texts, remembered(call)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        call, texts, history = runner.run(talk())

    said = [event.text for event in call.port.published]
    assert sorted(said) == sorted(history)  # a late final is remembered when it comes
    was_interrupted = bool(call.told("clear_audio"))
    played_ms = float(min(cut_after_ms, sum(length_ms for _, length_ms, _ in parts)))
    for text, (_, length_ms, _) in zip(texts, parts, strict=True):
        heard = next((event for event in said if text.startswith(event)), "") if text else ""
        heard_ms = min(played_ms, length_ms)
        played_ms -= heard_ms
        if was_interrupted and length_ms:
            letters, heard_letters = len("".join(text.split())), len("".join(heard.split()))
            assert heard_letters <= letters * (heard_ms + 1) / length_ms + 1e-6
