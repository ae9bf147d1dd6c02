"""What the next link is told of a caller whom the lost one may not have heard (RFC 0006, R-0006-17..19, -52, -57).

The ear by itself is in `test_unsettled`, whole calls on every vendor's wire in `tests.matrix`.
"""

from __future__ import annotations

import asyncio
import math
import struct
from collections.abc import Iterable
from dataclasses import replace

import pytest

from roomkit.models.session import LinkState
from roomkit.testing.call import Call, start_call
from roomkit.voice.realtime.commands import BeginInput, Command, CommitInput, SendAudio
from roomkit.voice.realtime.mock import MOCK_PROFILE, MockRealtimeProvider
from roomkit.voice.realtime.profile import TurnPolicy
from roomkit.voice.realtime.provider_events import InputCommitted
from roomkit.voice.session.media.input import InputPath

pytestmark = pytest.mark.virtual_time

FRAME_S = 0.02
SAMPLES = 320


class Taking:
    """A link that keeps what it hears."""

    def __init__(self) -> None:
        self.heard = b""

    @property
    def buffered_bytes(self) -> int:
        return 0

    def send(self, command: Command) -> None:
        if isinstance(command, SendAudio):
            self.heard += command.pcm

    async def close(self) -> None: ...


class Caller:
    """Somebody whose microphone is open; each frame has a number of its own.

    Attributes:
        call: The call they are in.
        count: How many frames they have sent.
    """

    def __init__(self, call: Call) -> None:
        self.call = call
        self.count = 0

    async def speaks(self, duration_s: float, *, over_agent: bool = False) -> list[int]:
        """Returns the numbers of the frames; ``over_agent``: the agent's audio keeps coming meanwhile."""
        return await self._sends(duration_s, 3_000, over_agent=over_agent)

    async def is_quiet(self, duration_s: float) -> list[int]:
        return await self._sends(duration_s, 0, over_agent=False)

    async def _sends(self, duration_s: float, level: int, *, over_agent: bool) -> list[int]:
        first = self.count + 1
        for _ in range(round(duration_s / FRAME_S)):
            self.count += 1
            numbers = (self.count // 100, self.count % 100)
            pcm = struct.pack(f"<{SAMPLES}h", *numbers, *([level, -level] * (SAMPLES // 2 - 1)))
            await self.call.transport.simulate_client_audio(self.call.view, pcm)
            if over_agent:
                await self.call.provider.simulate_audio(self.call.view, bytes(960))
            await asyncio.sleep(FRAME_S)
        return list(range(first, self.count + 1))


def provider(*, tells: bool = True, manual: bool = False) -> MockRealtimeProvider:
    return MockRealtimeProvider(
        profile=replace(MOCK_PROFILE, tells_speech=tells),
        policy=TurnPolicy(interrupts=False, manual=manual, answers_by_itself=True),
    )


async def begun(provider: MockRealtimeProvider, lead_ms: float = math.inf) -> tuple[Call, Caller]:
    call = await start_call(provider=provider, lead_ms=lead_ms)
    return call, Caller(call)


async def lost(call: Call) -> None:
    """The link is found dead; another is up."""
    await call.provider.simulate_disconnect(call.view)
    await asyncio.sleep(0.1)
    assert call.view.link_states["provider"] is LinkState.UP


def told(call: Call) -> list[str]:
    """What the newest link was told, audio as one word."""
    methods = call.provider.methods()
    newest = len(methods) - methods[::-1].index("connect")
    found = methods[newest:]
    return [method for n, method in enumerate(found) if n == 0 or method != found[n - 1]]


def heard_anew(call: Call, before: int) -> list[int]:
    return [_number(pcm) for _, pcm in call.provider.sent_audio[before:]]


def _number(pcm: bytes) -> int:
    hundreds, ones = struct.unpack_from("<2h", pcm)
    return int(hundreds * 100 + ones)


def is_within(numbers: Iterable[int], found: Iterable[int]) -> bool:
    return set(numbers) <= set(found)


# --- a dead line --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tells", [True, False])
async def test_a_sentence_spoken_to_a_dead_line_is_heard_by_the_next_link_from_its_beginning(tells: bool) -> None:
    call, caller = await begun(provider(tells=tells))
    await caller.is_quiet(1)
    sentence = await caller.speaks(2)
    await caller.is_quiet(14)
    before = caller.count

    await lost(call)

    anew = heard_anew(call, before)
    assert is_within(sentence, anew)
    assert anew == sorted(set(anew))
    assert told(call) == ["send_audio"]  # and no answer is asked for that nobody knows to be owed


async def test_a_sentence_goes_on_to_the_third_link_where_the_second_was_dead_too() -> None:
    call, caller = await begun(provider())
    sentence = await caller.speaks(2)
    await lost(call)
    await caller.is_quiet(14)
    before = len(call.provider.sent_audio)

    await lost(call)

    assert is_within(sentence, heard_anew(call, before))


async def test_what_a_living_link_was_told_again_and_took_for_nothing_is_not_told_to_the_third() -> None:
    call, caller = await begun(provider())
    await caller.speaks(2)
    await lost(call)
    await call.provider.simulate_response_start(call.view)  # it is alive, and says something
    await caller.is_quiet(5)
    await call.provider.simulate_audio(call.view, bytes(960))
    await caller.is_quiet(1)
    before = len(call.provider.sent_audio)

    await lost(call)

    assert heard_anew(call, before) == []


async def test_noise_on_a_living_link_is_told_to_the_next_one_for_its_last_second_at_most() -> None:
    """R-0006-18. It may be the agent's own echo: it keeps speaking."""
    call, caller = await begun(provider())
    await call.provider.simulate_response_start(call.view)
    noise = await caller.speaks(12, over_agent=True)
    before = caller.count

    await lost(call)

    anew = heard_anew(call, before)
    assert anew == noise[len(noise) - len(anew) :]
    assert len(anew) * FRAME_S <= 1.1


async def test_the_first_sentence_being_known_leaves_the_second_whole() -> None:
    """R-0006-19."""
    call, caller = await begun(provider())
    await call.provider.simulate_speech_start(call.view)
    first = await caller.speaks(1)
    await caller.is_quiet(0.6)
    await call.provider.simulate_speech_end(call.view)
    await call.provider.simulate_event(call.view, InputCommitted("turn-0"))
    second = await caller.speaks(3)
    await call.provider.simulate_transcription(call.view, "the first", role="user")
    before = caller.count

    await lost(call)

    anew = heard_anew(call, before)
    assert is_within(second, anew)
    assert not set(first) & set(anew)


async def test_a_cough_does_not_swallow_the_answer_that_is_owed_for_something_typed() -> None:
    """R-0006-19."""
    call, caller = await begun(provider(tells=False))
    await call.transport.simulate_client_text(call.view, "are you there")
    await caller.speaks(0.2)
    await caller.is_quiet(0.2)

    await lost(call)

    assert told(call) == ["inject_text", "send_audio", "ask_for_response"]


async def test_a_sentence_the_vendor_had_heard_is_answered_once() -> None:
    call, caller = await begun(provider())
    await call.provider.simulate_speech_start(call.view)
    await caller.speaks(1)
    await call.provider.simulate_speech_end(call.view)
    await call.provider.simulate_event(call.view, InputCommitted("turn-0"))

    await lost(call)

    assert told(call) == ["send_audio"]


async def test_a_sentence_whose_answer_is_being_heard_is_not_told_again() -> None:
    """R-0006-18: its words would have come later."""
    call, caller = await begun(provider(), lead_ms=200.0)
    await call.provider.simulate_speech_start(call.view)
    await caller.speaks(1)
    await call.provider.simulate_speech_end(call.view)
    await call.provider.simulate_response_start(call.view)
    await call.provider.simulate_audio(call.view, bytes(48_000))
    before = len(call.provider.sent_audio)

    await lost(call)

    assert heard_anew(call, before) == []


async def test_a_caller_who_comes_back_at_another_rate_is_heard_at_the_right_speed() -> None:
    path, link = InputPath(8_000, lambda _: None), Taking()
    path.feed(struct.pack("<8000h", *range(8_000)))

    path.resample_from(16_000)
    path.attach(link, 16_000, None)

    assert len(link.heard) == pytest.approx(2 * 2 * 8_000, abs=64)  # R-0006-11: the filter's 2 ms
    assert path.held_ms == 0.0


async def test_a_caller_who_mutes_in_the_middle_of_a_sentence_is_heard_as_far_and_ended() -> None:
    """R-0006-57: nothing follows by which the next vendor could tell that it is over."""
    call, caller = await begun(provider(tells=False))
    sentence = await caller.speaks(1)
    call.session.events.media.stop_input("client", True)
    await caller.speaks(1)
    before = len(call.provider.sent_audio)

    await lost(call)

    assert is_within(sentence, heard_anew(call, before))
    assert max(heard_anew(call, before)) == sentence[-1]
    assert told(call) == ["send_audio", "input_paused"]


# --- turns by hand ------------------------------------------------------------------------------------------------


async def test_a_turn_ended_by_hand_that_nobody_made_words_of_is_begun_and_ended_again() -> None:
    """R-0006-57."""
    call, caller = await begun(provider(manual=True))
    call.session.send(BeginInput())
    turn = await caller.speaks(1)
    call.session.send(CommitInput())
    await caller.is_quiet(1)
    before = caller.count

    await lost(call)

    assert is_within(turn, heard_anew(call, before))
    assert told(call) == ["begin_input", "send_audio", "commit_input"]


async def test_a_turn_by_hand_whose_words_are_known_is_not_begun_again() -> None:
    call, caller = await begun(provider(manual=True))
    call.session.send(BeginInput())
    await caller.speaks(1)
    call.session.send(CommitInput())
    await call.provider.simulate_event(call.view, InputCommitted("turn-0"))
    await call.provider.simulate_transcription(call.view, "where is it", role="user")

    await lost(call)

    assert set(told(call)) == {"inject_text", "ask_for_response"}


# --- planned changes of links -------------------------------------------------------------------------------------


async def switched_after_s(call: Call, caller: Caller, ends_turn_after_s: float = 60.0) -> float:
    """How long a hand-over waits; the caller's microphone stays open."""
    clock = asyncio.get_running_loop().time
    began_s = clock()
    async with asyncio.TaskGroup() as tasks:
        switch = tasks.create_task(call.session.hand_over(call.session.settings, MockRealtimeProvider()))
        while not switch.done():
            await caller.is_quiet(FRAME_S)
            if clock() - began_s > ends_turn_after_s:
                ends_turn_after_s = math.inf
                call.session.send(CommitInput())
    return clock() - began_s


@pytest.mark.parametrize(("tells", "least_s", "most_s"), [(True, 0.4, 1.1), (False, 4.8, 5.3)])
async def test_a_hand_over_waits_for_the_vendors_word_about_somebody_our_ear_hears(
    tells: bool, least_s: float, most_s: float
) -> None:
    """R-0006-52."""
    call, caller = await begun(provider(tells=tells))
    await caller.is_quiet(1)
    await caller.speaks(0.3)

    waited_s = await switched_after_s(call, caller)

    assert least_s <= waited_s <= most_s


async def test_a_noisy_line_does_not_hold_up_a_hand_over() -> None:
    call, caller = await begun(provider())
    await caller.speaks(5)

    async with asyncio.TaskGroup() as tasks, asyncio.timeout(1):
        tasks.create_task(caller.speaks(0.9))
        await call.session.hand_over(call.session.settings, MockRealtimeProvider())


async def test_a_client_that_stops_sending_does_not_hold_up_a_hand_over() -> None:
    call, caller = await begun(provider())
    await caller.speaks(0.3)

    async with asyncio.timeout(1.5):
        await call.session.hand_over(call.session.settings, MockRealtimeProvider())


async def test_an_open_turn_by_hand_holds_up_a_hand_over_until_it_is_ended() -> None:
    """R-0006-52."""
    call, caller = await begun(provider(manual=True))
    call.session.send(BeginInput())
    await caller.is_quiet(1)

    waited_s = await switched_after_s(call, caller, ends_turn_after_s=7.0)

    assert waited_s >= 7.0


async def test_a_caller_who_was_cut_off_by_a_hand_over_is_heard_whole_if_the_new_link_is_lost() -> None:
    """R-0006-52: they would not stop, so after a minute it cut in."""
    call, caller = await begun(provider())
    await call.provider.simulate_speech_start(call.view)
    second = provider()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(call.session.hand_over(call.session.settings, second))
        spoken = await caller.speaks(62)
    before = len(second.sent_audio)

    await second.simulate_disconnect(call.view)
    await asyncio.sleep(2)

    assert [_number(pcm) for _, pcm in second.sent_audio[before:]] == spoken[-500:]
