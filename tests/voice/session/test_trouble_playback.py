"""Agent audio under interruption, stalls and clients that come and go (RFC 0006, R-0006-13, 30..33)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.core.ports import Verdict
from roomkit.core.tools import ToolCatalog
from roomkit.models.enums import HookTrigger
from roomkit.models.tool_call import Tool
from roomkit.testing.call import Call, RecordingRoomPort, start_call, tone
from roomkit.testing.virtual_time import VirtualTimeLoop
from roomkit.voice.realtime.mock import MockRealtimeProvider, MockRealtimeTransport
from roomkit.voice.realtime.provider_events import (
    Audio,
    ProviderEvent,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    ToolCall,
    Transcript,
)
from roomkit.voice.session.settings import AgentSettings, SessionSettings

virtual_time = pytest.mark.virtual_time

TEN = "one two three four five six seven eight nine ten"


def says(call: Call, *events: ProviderEvent) -> None:
    for event in events:
        call.session.events.from_provider(event)


def answer(n: int, text: str, seconds: float, *, is_done: bool = True) -> list[ProviderEvent]:
    response, item = f"r{n}", f"i{n}"
    events: list[ProviderEvent] = [
        ResponseStarted(response), Audio(tone(seconds), response, item),
        Transcript("assistant", text, True, item, response),
    ]  # fmt: skip
    return [*events, ResponseDone(response)] if is_done else events


def truncated(call: Call) -> list[tuple[str, Any]]:
    return [(c.args["item_id"], c.args["audio_end_ms"]) for c in call.provider.calls if c.method == "truncate_output"]


# --- barge-in -----------------------------------------------------------------------------------------------------


@virtual_time
@pytest.mark.parametrize("done", ["before", "after", "never"])
async def test_where_the_provider_was_done_makes_no_difference_to_what_was_heard(done: str) -> None:
    call = await start_call(lead_ms=200)
    says(call, *answer(1, TEN, 10, is_done=done == "before"))
    await asyncio.sleep(4)

    says(call, SpeechStarted("u"))
    if done == "after":
        says(call, ResponseDone("r1", "cancelled"))
    heard_ms = call.heard_ms()
    await asyncio.sleep(5)

    assert truncated(call) == [("i1", pytest.approx(4_000, abs=2))]
    assert call.port.words == [("assistant", "one two three four")]
    assert call.heard_ms() == heard_ms <= 4_200


@virtual_time
async def test_an_interruption_in_the_middle_of_several_items_is_told_item_by_item() -> None:
    call = await start_call(lead_ms=200)
    says(call, ResponseStarted("r"))
    for n, text in enumerate(["alpha beta", "gamma delta", "epsilon zeta"]):
        says(call, Audio(tone(2), "r", f"i{n}"), Transcript("assistant", text, True, f"i{n}", "r"))
    await asyncio.sleep(3)

    says(call, SpeechStarted("u"), ResponseDone("r", "cancelled"))
    await call.session.settled()

    assert truncated(call) == [("i1", pytest.approx(1_000, abs=2)), ("i2", 1)]
    assert call.port.words == [("assistant", "alpha beta"), ("assistant", "gamma")]


@virtual_time
async def test_an_answer_of_which_nothing_was_sent_is_taken_back_whole() -> None:
    call = await start_call(lead_ms=200)
    says(call, *answer(1, TEN, 10))
    await asyncio.sleep(0)

    says(call, *answer(2, "and more", 2), SpeechStarted("u"))
    await call.session.settled()

    assert truncated(call)[-1] == ("i2", 1)
    assert call.port.words == []
    assert [event.heard_ms for event in call.port.of(HookTrigger.ON_BARGE_IN)]


@virtual_time
async def test_an_answer_cut_while_a_hook_judges_its_words_keeps_only_what_was_heard() -> None:
    async def slow(event: Any) -> Verdict[Any]:
        await asyncio.sleep(1)
        return Verdict(True, event)

    port = RecordingRoomPort(hooks={HookTrigger.ON_TRANSCRIPTION: slow})
    call = await start_call(lead_ms=200, port=port)
    says(call, *answer(1, TEN, 10))
    await asyncio.sleep(0.5)

    says(call, SpeechStarted("u"))
    await call.session.settled()

    assert call.port.words == []
    assert truncated(call) == [("i1", pytest.approx(500, abs=2))]


@virtual_time
async def test_two_interruptions_in_a_row_clear_once_each_and_count_from_zero_again() -> None:
    call = await start_call(lead_ms=200)
    says(call, *answer(1, TEN, 10))
    await asyncio.sleep(2)
    says(call, SpeechStarted("u1"), SpeechStarted("u1"))
    says(call, *answer(2, TEN, 10))
    await asyncio.sleep(3)
    says(call, SpeechStarted("u2"))
    await call.session.settled()

    assert truncated(call) == [("i1", pytest.approx(2_000, abs=2)), ("i2", pytest.approx(3_000, abs=2))]
    assert [message["epoch"] for message in call.told("clear_audio")] == [1, 2]
    assert call.port.words == [("assistant", "one two"), ("assistant", "one two three")]


@virtual_time
async def test_an_interruption_while_a_tool_runs_leaves_the_tool_its_result() -> None:
    async def slow() -> str:
        await asyncio.sleep(3)
        return "done"

    tools = SessionSettings(agent=AgentSettings(catalog=ToolCatalog([Tool("slow", handler=slow)])))
    call = await start_call(lead_ms=200, settings=tools)
    says(
        call, *answer(1, "one moment please", 3, is_done=False), ToolCall("c1", "slow", "{}", "r1"), ResponseDone("r1")
    )
    await asyncio.sleep(1)

    says(call, SpeechStarted("u"))
    await asyncio.sleep(3)

    assert call.provider.tool_results == [(call.view.id, "c1", "done")]
    assert call.port.words == [("assistant", "one")]


@virtual_time
async def test_a_greeting_is_cut_like_anything_else() -> None:
    call = await start_call(lead_ms=200, settings=SessionSettings(greeting="Welcome to the shop"))
    says(call, *answer(0, "Welcome to the shop", 2, is_done=False))

    says(call, SpeechStarted("u"), Audio(tone(2), "r0", "i0"), ResponseDone("r0", "cancelled"))
    await asyncio.sleep(1)

    assert truncated(call) == [("i0", 1)]
    assert call.heard_ms() <= 200
    assert call.port.words == []


# --- pacing -------------------------------------------------------------------------------------------------------


@given(
    chunks_ms=st.lists(st.integers(1, 4_000), min_size=1, max_size=20),
    gaps_ms=st.lists(st.integers(0, 3_000), min_size=20, max_size=20),
)
@settings(max_examples=40, deadline=None)
def test_the_lead_is_never_exceeded_however_the_audio_comes(chunks_ms: list[int], gaps_ms: list[int]) -> None:
    async def listen() -> None:
        call = await start_call(lead_ms=200)
        played_until_s = sent_ms = 0.0
        loop = asyncio.get_running_loop()

        def sent(pcm: bytes) -> None:
            nonlocal played_until_s, sent_ms
            duration_s = len(pcm) / 2 / 24_000
            played_until_s = max(played_until_s, loop.time()) + duration_s
            sent_ms += duration_s * 1_000
            assert played_until_s - loop.time() <= 0.2 + 1e-6

        client = call.session.events.media.output._link
        client.send_audio = sent  # type: ignore[method-assign]
        for n, (chunk_ms, gap_ms) in enumerate(zip(chunks_ms, gaps_ms, strict=False)):
            says(call, Audio(tone(chunk_ms / 1_000), "r", f"i{n}"))
            await asyncio.sleep(gap_ms / 1_000)
        await asyncio.sleep(sum(chunks_ms) / 1_000 + 1)
        assert sent_ms == pytest.approx(sum(chunks_ms), abs=len(chunks_ms))

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(listen())


@virtual_time
async def test_a_client_that_stalls_is_sent_no_more_and_nothing_counts_as_heard_until_it_goes_on() -> None:
    call = await start_call(lead_ms=200)
    stalled = Stall(call)
    says(call, *answer(1, TEN, 10))
    stalled.begins()
    await asyncio.sleep(5)
    sent_ms, unheard_ms = call.heard_ms(), call.session.events.media.output.ledger.unheard_ms()
    stalled.ends()
    await asyncio.sleep(11)

    assert sent_ms <= 200
    assert unheard_ms == pytest.approx(10_000, abs=1)
    assert call.heard_ms() == pytest.approx(10_000, abs=1)
    assert call.port.words == [("assistant", TEN)]


class Stall:
    """The client's socket takes nothing: what was sent stays in our buffers."""

    def __init__(self, call: Call) -> None:
        link: Any = call.session.events.media.output._link
        stall = self

        class Full(type(link)):  # type: ignore[misc]  # the mock's own class, whose buffer is a constant
            @property
            def buffered_ms(self) -> float:
                return stall.buffered_ms

        link.__class__ = Full
        self.buffered_ms = 0.0

    def begins(self) -> None:
        self.buffered_ms = 200.0

    def ends(self) -> None:
        self.buffered_ms = 0.0


@virtual_time
async def test_a_ten_minute_answer_is_heard_to_its_end() -> None:
    call = await start_call(lead_ms=200)
    says(call, ResponseStarted("r"), Transcript("assistant", TEN, True, "i", "r"))
    for _ in range(600):
        says(call, Audio(tone(1), "r", "i"))
    says(call, ResponseDone("r"))
    await asyncio.sleep(601)

    assert call.heard_ms() == pytest.approx(600_000, abs=1)
    assert call.told("error") == []
    assert call.told("speaking")[-1]["speaking"] is False


# --- the client comes and goes ------------------------------------------------------------------------------------


@virtual_time
async def test_what_the_agent_says_while_the_client_is_away_waits_for_it() -> None:
    provider, transport = MockRealtimeProvider(), MockRealtimeTransport(lead_ms=200)
    channel = RealtimeVoiceChannel("voice", provider=provider, transport=transport, client_grace_ms=20_000)
    session = await channel.start_session("room-1", "caller")
    await provider.simulate_audio(session, tone(10))
    await asyncio.sleep(2)
    await transport.simulate_client_disconnect(session)
    before_ms = sum(len(pcm) for _, pcm in transport.sent_audio) / 48
    await provider.simulate_audio(session, tone(2))
    await asyncio.sleep(15)
    away_ms = sum(len(pcm) for _, pcm in transport.sent_audio) / 48

    again = await channel.start_session("room-1", "caller", "second")
    await transport.simulate_client_playback(session, 500, epoch=1)
    await asyncio.sleep(12)

    assert again is session
    assert away_ms == before_ms
    assert sum(len(pcm) for _, pcm in transport.sent_audio) / 48 == pytest.approx(12_000, abs=1)
    await channel.close()


@virtual_time
async def test_a_client_that_came_back_counts_its_playback_from_zero() -> None:
    provider, transport = MockRealtimeProvider(), MockRealtimeTransport(lead_ms=200)
    channel = RealtimeVoiceChannel("voice", provider=provider, transport=transport, client_grace_ms=20_000)
    session = await channel.start_session("room-1", "caller")
    await provider.simulate_audio(session, tone(10))
    await asyncio.sleep(2)
    await transport.simulate_client_playback(session, 1_900)
    await transport.simulate_client_disconnect(session)
    await asyncio.sleep(1)
    await channel.start_session("room-1", "caller", "second")
    epoch = transport.messages(session, "clear_audio")[-1]["epoch"]
    await asyncio.sleep(1)
    await transport.simulate_client_playback(session, 900, epoch=epoch)

    await provider.simulate_speech_start(session)

    (call,) = [call for call in provider.calls if call.method == "truncate_output"]
    assert call.args["audio_end_ms"] == pytest.approx(2_200 + 900, abs=60)
    await channel.close()
