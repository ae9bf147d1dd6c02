"""Scripts: what each step does on a connection in memory, in virtual time, and how a script says what went wrong."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from roomkit.testing import (
    ANYTHING,
    OpenAISimulator,
    Script,
    call_tool,
    drop,
    error,
    expect,
    expect_tool_result,
    hear,
    loop,
    raw,
    say,
    stall,
    transcribe,
    wait,
)
from roomkit.testing.simulators.sound import tone
from roomkit.voice.wires.port import WireClosed
from tests.testing.openai_client import SILENCE, Client, settle

pytestmark = pytest.mark.virtual_time


async def test_a_script_is_played_in_order_and_used_up() -> None:
    script = Script(
        expect("session.update", session={"instructions": "Be brief."}),
        hear("speech"),
        transcribe("Any slot?"),
        call_tool("get_slot", {"day": "Fri"}),
        expect_tool_result({"slot": ANYTHING}, name="get_slot"),
        say("Half past ten."),
    )
    client = await Client.dial(OpenAISimulator(script))

    audio = {"input": {"transcription": {"model": "whisper-1"}}}
    await client.says("session.update", session={"type": "realtime", "instructions": "Be brief.", "audio": audio})
    await client.speaks()
    call = client.last("response.function_call_arguments.done")
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": '{"slot": "10:30"}'}
    await client.says("conversation.item.create", item=output)
    await client.says("response.create")

    script.assert_done()
    assert client.last("conversation.item.input_audio_transcription.completed")["transcript"] == "Any slot?"
    assert client.last("response.output_audio_transcript.done")["transcript"] == "Half past ten."


async def test_without_a_script_every_turn_is_answered() -> None:
    client = await Client.dial(OpenAISimulator())

    await client.types("Good morning")
    typed = client.last("response.output_audio_transcript.done")["transcript"]
    await client.speaks()

    assert typed == "You said: Good morning"
    assert client.last("response.output_audio_transcript.done")["transcript"] == "I heard you."


async def test_a_turn_the_script_does_not_provide_for_gets_the_default_answer() -> None:
    script = Script(hear("speech"), say("Scripted."))
    client = await Client.dial(OpenAISimulator(script))

    await client.says("response.create")
    unscripted = client.last("response.output_audio_transcript.done")["transcript"]
    await client.speaks()

    assert unscripted == "I heard you."
    assert client.last("response.output_audio_transcript.done")["transcript"] == "Scripted."


async def test_a_step_expects_what_comes_after_the_turn_it_follows() -> None:
    script = Script(hear("text"), expect("conversation.item.create"), say("Hi."))
    client = await Client.dial(OpenAISimulator(script))

    await client.types("One")
    before = script.current
    await client.types("Two")

    assert before == expect("conversation.item.create")
    assert script.current is None


async def test_a_step_expects_what_comes_after_the_answer_it_follows() -> None:
    script = Script(hear("text"), say("Hi."), expect("response.create"))
    client = await Client.dial(OpenAISimulator(script))

    await client.types("One")
    before = script.current
    await client.says("response.create")

    assert before == expect("response.create")
    assert script.current is None


async def test_a_client_that_leaves_the_script_is_told_what_differs_and_closed() -> None:
    script = Script(expect("session.update", session={"audio": {"output": {"voice": "marin"}}}), hear(), say("Hi."))
    client = await Client.dial(OpenAISimulator(script))

    await client.says("session.update", session={"type": "realtime", "audio": {"output": {"voice": "ash"}}})

    with pytest.raises(AssertionError, match=r"session\.audio\.output\.voice: expected 'marin', got 'ash'"):
        script.assert_done()
    assert client.last("error")["error"]["code"] == "simulator_script_failed"
    assert client.closed == WireClosed(1008, "the client left the script")


async def test_steps_that_were_not_reached_fail_the_script() -> None:
    script = Script(hear(), say("Hi."))
    await Client.dial(OpenAISimulator(script))

    with pytest.raises(AssertionError, match="2 of 2 steps were not performed; next: Hear"):
        script.assert_done()


async def test_a_late_transcript_comes_after_the_answer() -> None:
    script = Script(hear("speech"), transcribe("Hello", after_ms=2_000), say("Hi."))
    client = await Client.dial(OpenAISimulator(script))
    await client.says("session.update", session=transcribing())

    await client.speaks()
    await settle(2_500)

    completed = "conversation.item.input_audio_transcription.completed"
    assert client.times_of(completed)[0] == client.times_of("response.done")[0] + 2_000


async def test_a_transcript_may_fail() -> None:
    client = await Client.dial(OpenAISimulator(Script(hear(), transcribe(fails=True), say("Pardon?"))))
    await client.says("session.update", session=transcribing())

    await client.speaks()

    failed = client.last("conversation.item.input_audio_transcription.failed")
    assert failed["error"]["code"] == "audio_unintelligible"


async def test_thinking_takes_as_long_as_the_script_waits() -> None:
    client = await Client.dial(OpenAISimulator(Script(hear(), wait(700), say("Hi."))))

    await client.types("Hello")
    await settle(1_000)

    thought_ms = client.times_of("response.output_item.added")[0] - client.times_of("response.created")[0]
    assert thought_ms == pytest.approx(700)


async def test_a_stalled_server_says_nothing_and_then_everything_in_order() -> None:
    client = await Client.dial(OpenAISimulator(Script(hear(), say(seconds=1, pace="realtime"), stall(5_000))))

    await client.types("Hello")
    await settle(4_900)
    heard_while_stalled = client.times_of("response.created")
    await settle(200)

    assert heard_while_stalled == []
    assert client.times_of("response.created") == client.times_of("response.done") == [pytest.approx(5_000)]


@pytest.mark.parametrize("code", [1006, 1011])
async def test_after_a_drop_the_script_goes_on_with_the_next_connection(code: int) -> None:
    script = Script(hear(), say(seconds=10, pace="realtime"), wait(1_000), drop(code, "gone"), hear(), say("Again."))
    simulator = OpenAISimulator(script)
    first = await Client.dial(simulator)
    await first.types("Hello")
    await settle(1_100)

    second = await Client.dial(simulator)
    await second.types("Hello?")

    assert first.closed == (WireClosed(1006) if code == 1006 else WireClosed(code, "gone"))
    assert len(first.times_of("response.output_audio.delta")) == 51
    assert second.last("response.output_audio_transcript.done")["transcript"] == "Again."
    script.assert_done()


async def test_each_connection_has_a_script_of_its_own_where_a_function_makes_them() -> None:
    simulator = OpenAISimulator(lambda: Script(hear(), say("One.")))
    clients = [await Client.dial(simulator), await Client.dial(simulator)]

    for client in clients:
        await client.types("Hello")

    assert [one.last("response.output_audio_transcript.done")["transcript"] for one in clients] == ["One."] * 2
    simulator.assert_done()


async def test_an_error_leaves_the_session_unless_it_is_fatal() -> None:
    script = Script(error("server_error", "Try again."), hear(), error("insufficient_quota", "No money.", fatal=True))
    client = await Client.dial(OpenAISimulator(script))

    first = client.last("error")["error"]
    await client.types("Hello")

    assert (first["code"], first["message"]) == ("server_error", "Try again.")
    assert client.last("error")["error"]["code"] == "insufficient_quota"
    assert client.closed == WireClosed(1011, "No money.")


async def test_raw_messages_leave_as_they_are() -> None:
    client = await Client.dial(OpenAISimulator(Script(raw("{not json"), raw(b"\x00\x01"), raw({"type": "new.event"}))))

    assert [message for _, message in client.heard[1:]] == ["{not json", b"\x00\x01", {"type": "new.event"}]


async def test_a_loop_begins_again() -> None:
    client = await Client.dial(OpenAISimulator(Script(hear(), say("One."), hear(), say("Two."), loop())))

    for _ in range(3):
        await client.types("Next")

    said = [one["transcript"] for _, one in client.heard if one["type"] == "response.output_audio_transcript.done"]
    assert said == ["One.", "Two.", "One."]


async def test_results_of_parallel_calls_may_come_in_any_order() -> None:
    script = Script(
        hear(),
        call_tool("a"),
        call_tool("b", together=True),
        expect_tool_result("of a", name="a"),
        expect_tool_result("of b", name="b"),
        say("Both."),
    )
    client = await Client.dial(OpenAISimulator(script))
    await client.types("Hello")

    for call in reversed(client.last("response.done")["response"]["output"]):
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": f"of {call['name']}"}
        await client.says("conversation.item.create", item=output)
    await client.says("response.create")

    script.assert_done()


async def test_the_caller_who_speaks_over_a_long_answer_cuts_it_and_says_what_was_heard() -> None:
    script = Script(
        hear("text"),
        say("A very long story.", seconds=60, pace="realtime"),
        expect("conversation.item.truncate", audio_end_ms=1_480),
        hear("speech"),
        say("Sorry."),
    )
    client = await Client.dial(OpenAISimulator(script))
    await client.types("Tell me a story")
    await settle(2_000)
    item_id = client.last("response.output_audio.delta")["item_id"]

    await client.says("input_audio_buffer.append", audio=base64.b64encode(tone(200)).decode())
    cancelled = client.last("response.done")["response"]
    await client.says("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=1_480)
    await client.says("input_audio_buffer.append", audio=base64.b64encode(SILENCE).decode())

    assert cancelled["status_details"]["reason"] == "turn_detected"
    assert client.last("response.output_audio_transcript.done")["transcript"] == "Sorry."
    script.assert_done()


def transcribing() -> dict[str, Any]:
    return {"type": "realtime", "audio": {"input": {"transcription": {"model": "gpt-transcribe"}}}}
