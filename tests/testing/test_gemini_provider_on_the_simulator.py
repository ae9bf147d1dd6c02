"""What only Gemini has, by our provider on its simulator; what holds for every vendor is tested for all at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit.errors import ProviderLostError, ProviderRefusedError
from roomkit.providers.gemini.realtime import GeminiLiveProvider
from roomkit.testing import (
    ANYTHING,
    GeminiSimulator,
    Script,
    call_tool,
    drop,
    error,
    expect,
    expect_tool_result,
    hear,
    say,
    transcribe,
    wait,
)
from roomkit.voice.realtime.commands import (
    BeginInput,
    Command,
    CommitInput,
    InjectImage,
    InjectText,
    InputPaused,
    LinkConfig,
    Speak,
    ToolResult,
    UpdateSession,
)
from roomkit.voice.realtime.provider_events import (
    Audio,
    GoingAway,
    Interrupted,
    LinkLost,
    LinkReady,
    ResponseDone,
    Resumable,
    ToolCall,
    ToolCallCancelled,
)
from tests.testing.gemini_link import CONFIG, EARLY, NATIVE, NEWEST, SLOT, linked, silence, speak, voice
from tests.testing.sinks import Sink


async def is_cut_short(over: str) -> None:
    script = Script(hear("text"), say("A long story.", seconds=30), hear("speech"), transcribe("Wait"), say("Sorry."))
    async with linked(GeminiSimulator(script), over) as (link, sink):
        link.send(InjectText("Tell me a story"))
        await sink.next(Audio)
        speak(link, voice(200))
        cut = await sink.next(Interrupted)
        done = await sink.next(ResponseDone)
        speak(link, silence(600))
        await sink.next(ResponseDone)

    script.assert_done()
    assert (cut.response_id, done.response_id, done.status) == ("response-1", "response-1", "cancelled")
    assert sink.finals()[-2:] == [("user", "Wait"), ("assistant", "Sorry.")]


@pytest.mark.virtual_time
async def test_a_function_that_blocks_leaves_its_turn_open() -> None:
    script = Script(
        hear("text"), say("Let me look."), call_tool("get_slot", {"day": "Fri"}, together=True),
        expect_tool_result({"slot": "10:30"}), say("Half past ten."),
    )  # fmt: skip
    async with linked(GeminiSimulator(script)) as (link, sink):
        link.send(InjectText("Any slot on Friday?"))
        call = await sink.next(ToolCall)
        link.send(ToolResult(call.call_id, call.name, '{"slot": "10:30"}'))
        done = await sink.next(ResponseDone)

    script.assert_done()
    assert sink.finals() == [("assistant", "Let me look.Half past ten.")]
    assert done.usage["output_audio_tokens"] > 0


@pytest.mark.virtual_time
async def test_in_memory_its_answer_is_cut_by_the_caller() -> None:
    await is_cut_short("memory")


async def test_over_a_socket_its_answer_is_cut_by_the_caller() -> None:
    await is_cut_short("socket")


@pytest.mark.virtual_time
async def test_manual_turns_are_marked_and_answered() -> None:
    script = Script(hear("commit"), transcribe("Hello"), say("Hi."))
    manual = LinkConfig("session", provider_config={"automatic_activity_detection": {"disabled": True}})
    async with linked(GeminiSimulator(script), config=manual) as (link, sink):
        link.send(BeginInput())
        speak(link, voice(300))
        link.send(CommitInput())
        await sink.next(ResponseDone)

    script.assert_done()
    assert sink.finals() == [("user", "Hello"), ("assistant", "Hi.")]


@pytest.mark.virtual_time
async def test_a_pause_ends_an_utterance_the_caller_left_open() -> None:
    script = Script(hear("speech"), say("Yes?"))
    async with linked(GeminiSimulator(script)) as (link, sink):
        speak(link, voice(400))
        link.send(InputPaused())
        await sink.next(ResponseDone)

    script.assert_done()


@pytest.mark.virtual_time
async def test_a_call_the_caller_talks_over_is_cancelled_and_its_late_result_does_no_harm() -> None:
    script = Script(hear("text"), call_tool("get_slot"), hear("speech"), say("As you like."))
    async with linked(GeminiSimulator(script)) as (link, sink):
        link.send(InjectText("Any slot?"))
        call = await sink.next(ToolCall)
        speak(link, voice(200))
        cancelled = await sink.next(ToolCallCancelled)
        link.send(ToolResult(call.call_id, call.name, "late"))
        await sink.next(ResponseDone)
        speak(link, silence(600))
        await sink.next(ResponseDone)

    script.assert_done()
    assert cancelled.call_ids == (call.call_id,)
    assert not sink.all(LinkLost)


@pytest.mark.virtual_time
async def test_a_function_beside_the_conversation_is_taken_up_when_it_returns() -> None:
    script = Script(
        hear("text"), say("One moment."), call_tool("get_slot", together=True),
        expect("toolResponse", functionResponses=[
            {"id": ANYTHING, "name": "get_slot", "response": {"output": "10:30"}, "scheduling": "WHEN_IDLE"}
        ]),
        say("Half past ten."),
    )  # fmt: skip
    async with linked(GeminiSimulator(script), model=NEWEST) as (link, sink):
        link.send(InjectText("Any slot?"))
        call = await sink.next(ToolCall)
        await sink.next(ResponseDone)
        link.send(ToolResult(call.call_id, call.name, "10:30"))
        await sink.next(ResponseDone)

    script.assert_done()
    assert sink.finals() == [("assistant", "One moment."), ("assistant", "Half past ten.")]


@pytest.mark.virtual_time
async def test_words_to_be_said_wait_for_the_answer_and_are_said() -> None:
    script = Script(hear("text"), say("First.", seconds=2), hear("text"), say("Second."))
    async with linked(GeminiSimulator(script)) as (link, sink):
        link.send(InjectText("Hi"))
        await sink.next(Audio)
        link.send(Speak("Second."))
        await sink.next(ResponseDone)
        await sink.next(ResponseDone)

    script.assert_done()
    assert [done.status for done in sink.all(ResponseDone)] == ["completed", "completed"]


@pytest.mark.virtual_time
async def test_a_conversation_is_taken_up_by_its_handle() -> None:
    simulator = GeminiSimulator()
    async with linked(simulator) as (link, sink):
        link.send(InjectText("My name is Ada", silent=True))
        link.send(InjectText("Hi"))
        await sink.next(ResponseDone)
        handle = (await sink.next(Resumable)).handle

    async with linked(simulator, config=LinkConfig("session", resume=handle)) as (_, again):
        ready = again.all(LinkReady)[0]

    assert ready.is_resumed
    assert [turn["parts"][0]["text"] for turn in simulator.sessions[1].history] == ["My name is Ada", "Hi"]


@pytest.mark.virtual_time
async def test_a_handle_that_is_not_taken_is_worth_one_dial_without_it() -> None:
    simulator = GeminiSimulator()

    with pytest.raises(ProviderLostError) as lost:
        await GeminiLiveProvider("key", dial=simulator.dial).open_link(LinkConfig("s", resume="stale"), Sink())

    assert (lost.value.code, lost.value.retryable) == ("resume_refused", True)


@pytest.mark.virtual_time
async def test_a_new_link_is_told_the_conversation_and_answers_nothing_of_it() -> None:
    script = Script(hear("speech"), say("Ada."))
    simulator = GeminiSimulator(script)
    for model in (NATIVE, EARLY, NEWEST):
        async with linked(simulator, model=model) as (link, sink):
            link.send(InjectText("My name is Ada", silent=True))
            link.send(InjectText("Hello Ada.", "assistant", silent=True))
            speak(link, voice(100))
            await asyncio.sleep(1)

            roles = [(turn["role"], turn["parts"][0]["text"]) for turn in simulator.sessions[-1].history]
            assert roles == [("user", "My name is Ada"), ("model", "Hello Ada.")]
            assert not sink.all(Audio)


@pytest.mark.virtual_time
async def test_instructions_and_tools_change_on_a_live_link() -> None:
    script = Script(expect("contextUpdate", systemInstruction={"parts": [{"text": "Be long."}]}), hear(), say("Well"))
    async with linked(GeminiSimulator(script), model=NEWEST) as (link, sink):
        link.send(UpdateSession(LinkConfig("session", instructions="Be long.", voice="Puck")))
        link.send(InjectText("Hi"))
        await sink.next(ResponseDone)

    script.assert_done()


@pytest.mark.virtual_time
async def test_the_end_of_a_connection_is_announced_a_minute_before() -> None:
    async with linked(GeminiSimulator()) as (_, sink):
        await asyncio.sleep(9 * 60 + 1)
        going = await sink.next(GoingAway)
        await asyncio.sleep(60)
        lost = await sink.next(LinkLost)

    assert going.time_left_ms == 60_000
    assert lost.retryable


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("step", "retryable"),
    [
        (drop(), True),
        (drop(1011, "Internal error occurred"), True),
        (drop(1007, "Request contains an invalid argument."), False),
        (drop(1008, "Operation is not implemented, or supported, or enabled."), True),
        (error("1011", "Deadline expired"), True),
    ],
)
async def test_a_lost_link_says_whether_another_is_worth_a_try(step: Any, retryable: bool) -> None:
    async with linked(GeminiSimulator(Script(wait(1_000), step))) as (_, sink):
        lost = await sink.next(LinkLost)

    assert lost.retryable is retryable


@pytest.mark.virtual_time
async def test_a_context_that_is_full_is_not_filled_again() -> None:
    """A replay that overfills the context would overfill the next one, too."""
    uncompressed = LinkConfig("session", provider_config={"context_window_compression": False})
    async with linked(GeminiSimulator(), config=uncompressed) as (link, sink):
        link.send(InjectText("a" * 600_000, silent=True))
        lost = await sink.next(LinkLost)

    assert not lost.retryable


@pytest.mark.virtual_time
async def test_a_wrong_key_is_refused_for_good() -> None:
    simulator = GeminiSimulator(api_key="right")

    with pytest.raises(ProviderRefusedError, match="GEMINI_API_KEY") as refused:
        await GeminiLiveProvider("wrong", dial=simulator.dial).open_link(CONFIG, Sink())

    assert not refused.value.retryable


@pytest.mark.virtual_time
@pytest.mark.parametrize("model", [NATIVE, EARLY, NEWEST, "gemini-3.8-live-extended-thinking"])
@pytest.mark.parametrize(
    "command",
    [
        InjectText("Hi", "system"), InjectImage(b"x", "image/png"), InjectImage(b"x", "image/jpeg", silent=True),
        Speak("Hi"), InjectText("It rains", silent=True), ToolResult("gone", "get_slot", "1"), InputPaused(),
    ],
    ids=lambda command: type(command).__name__,
)  # fmt: skip
async def test_every_model_takes_every_command(model: str, command: Command) -> None:
    async with linked(GeminiSimulator(), model=model) as (link, sink):
        speak(link, silence(40))
        link.send(command)
        link.send(command)
        await asyncio.sleep(5)

    assert not sink.all(LinkLost)


GUIDE = {
    "start_of_speech_sensitivity": "HIGH",
    "end_of_speech_sensitivity": "MEDIUM",
    "silence_duration_ms": 500,
    "proactive_audio": True,
    "enable_affective_dialog": True,
    "thinking_budget": 1024,
    "top_p": 0.8,
    "top_k": 40,
    "max_output_tokens": 2048,
    "activity_handling": "NO_INTERRUPTION",
    "language_code": "en-US",
}


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    "model", [NATIVE, EARLY, NEWEST, "gemini-3.8-live-extended-thinking", "gemini-2.0-flash-live-001"]
)
async def test_what_the_guide_passes_is_taken_by_every_model(model: str) -> None:
    config = LinkConfig("session", voice="Aoede", temperature=0.7, tools=(SLOT,), provider_config=GUIDE)

    async with linked(GeminiSimulator(), config=config, model=model) as (_, sink):
        assert sink.all(LinkReady)
