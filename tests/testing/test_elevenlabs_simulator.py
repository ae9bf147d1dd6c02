"""What the simulated ElevenLabs server insists on, and that it says nothing the vendor would not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit.clock import Clock
from roomkit.testing import (
    ElevenLabsSimulator,
    Script,
    SimulatedAgent,
    VirtualClock,
    call_tool,
    drop,
    error,
    expect_tool_result,
    hear,
    loop,
    say,
    transcribe,
    wait,
)
from roomkit.testing.simulators.elevenlabs.sound import in_format
from roomkit.testing.simulators.sound import tone
from tests.testing.elevenlabs_talk import BEGIN, Client, begun

pytestmark = pytest.mark.virtual_time

# --- the first message ----------------------------------------------------------------------------------------------


async def test_metadata_comes_first_and_once() -> None:
    client = await begun()

    assert client.types() == ["conversation_initiation_metadata"]


@pytest.mark.parametrize("first", [{"type": "pong", "event_id": 1}, {"user_audio_chunk": "AAAA"}])
async def test_anything_else_than_the_initiation_first_is_refused(first: dict[str, Any]) -> None:
    client = await Client().dial(ElevenLabsSimulator())

    client.says(first)
    await asyncio.sleep(0.01)

    assert client.of("error")[0]["error_type"] == "invalid_message"
    assert client.closed is not None
    assert client.closed.code == 1002


async def test_a_second_initiation_is_refused() -> None:
    client = await begun()

    client.says(BEGIN)
    await asyncio.sleep(0.01)

    assert client.closed is not None
    assert client.closed.code == 1002


@pytest.mark.parametrize(
    ("overrides", "error_type"),
    [
        ({"tts": {"voice_id": "v1"}}, "override_error"),
        ({"agent": {"prompt": {"prompt": "x"}, "language": "fr"}}, "override_error"),
        ({"tts": {"pitch": 2}}, "value_error"),
        ({"agent": {"language": 5}}, "value_error"),
    ],
)
async def test_overrides_are_taken_where_the_agent_allows_them(overrides: dict[str, Any], error_type: str) -> None:
    agent = SimulatedAgent(allowed_overrides=frozenset({"agent.prompt.prompt"}))

    refused = await begun(agent=agent, conversation_config_override=overrides)
    taken = await begun(agent=agent, conversation_config_override={"agent": {"prompt": {"prompt": "x"}}})

    assert refused.of("error")[0]["error_type"] == error_type
    assert refused.closed is not None
    assert refused.closed.code == 1008
    assert taken.closed is None


async def test_variables_of_the_prompt_must_be_given() -> None:
    agent = SimulatedAgent(prompt="{{ name }} of {{city}}, {{system__time}}", first_message="Hi {{name}}")

    refused = await begun(agent=agent, dynamic_variables={"city": "Bern"})
    taken = await begun(agent=agent, dynamic_variables={"city": "Bern", "name": "Ana"})

    assert refused.of("error")[0]["error_type"] == "missing_dynamic_variable"
    assert taken.of("agent_response")[0]["agent_response"] == "Hi Ana"


# --- what it refuses later ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        "{not json",
        "[]",
        b"\x00",
        {"type": "brand_new"},
        {"type": 5},
        {},
        {"type": "user_audio_chunk", "user_audio_chunk": "AAAA"},
        {"user_audio_chunk": "AAAA", "event_id": 1},
        {"user_audio_chunk": "not base64"},
        {"user_audio_chunk": 5},
        {"type": "pong"},
        {"type": "pong", "event_id": "1"},
        {"type": "pong", "event_id": True},
        {"type": "client_tool_result", "tool_call_id": "t", "result": {"slot": 1}, "is_error": False},
        {"type": "client_tool_result", "tool_call_id": "t", "result": "x"},
        {"type": "contextual_update", "text": "x", "silent": True},
    ],
)
async def test_a_message_that_is_not_of_the_protocol_ends_it(message: dict[str, Any] | str | bytes) -> None:
    client = await begun()

    client.says(message)
    await asyncio.sleep(0.01)

    assert client.of("error")[0]["error_type"] in ("invalid_message", "missing_fields")
    assert client.closed is not None
    assert client.closed.code == 1002


async def test_a_result_of_an_unknown_call_is_refused_and_the_conversation_goes_on() -> None:
    client = await begun()

    client.says({"type": "client_tool_result", "tool_call_id": "t", "result": "x", "is_error": False})
    client.says({"type": "user_message", "text": "Hi"})
    await asyncio.sleep(0.01)

    assert client.of("error")[0]["error_type"] == "value_error"
    assert client.of("agent_response")[0]["agent_response"] == "You said: Hi"


# --- turns ----------------------------------------------------------------------------------------------------------


async def test_speech_is_a_turn_with_words_before_the_answer() -> None:
    client = await begun(Script(hear("speech"), transcribe("Any slot?"), say("Yes.")))

    client.speaks()
    await asyncio.sleep(0.01)

    assert client.types()[1:] == ["user_transcript", "agent_response", "audio", "audio"]


async def test_the_agent_sends_the_events_it_is_set_to_send() -> None:
    events = ["vad_score", "tentative_user_transcript", "audio", "agent_response_complete"]
    client = await begun(
        Script(hear("speech"), transcribe("Any slot?"), say("Yes.")),
        conversation_config_override={"conversation": {"client_events": events}},
    )

    client.speaks()
    await asyncio.sleep(0.01)

    assert client.types()[1:] == ["vad_score", "vad_score", "tentative_user_transcript", "audio", "audio", events[3]]


async def test_an_interruption_takes_back_what_was_not_sent_and_corrects_the_text() -> None:
    script = Script(hear("text"), say("One two three four five six seven eight nine ten.", seconds=10, pace="realtime"))
    client = await begun(script)
    client.says({"type": "user_message", "text": "Count"})

    await asyncio.sleep(5)
    client.speaks(in_format(tone(100), "pcm_16000"))
    await asyncio.sleep(5)

    answer_id = client.of("agent_response")[0]["event_id"]
    assert client.of("interruption") == [{"event_id": answer_id}]
    assert client.of("agent_response_correction")[0]["corrected_agent_response"] == "One two three four five"
    assert len(client.of("audio")) == pytest.approx(20, abs=1)
    assert {audio["event_id"] for audio in client.of("audio")} == {answer_id}


async def test_what_was_heard_to_its_end_is_not_interrupted() -> None:
    client = await begun(Script(hear("text"), say("One.", seconds=1), hear("speech"), say("Two.")))
    client.says({"type": "user_message", "text": "Count"})

    await asyncio.sleep(1.1)
    client.speaks()
    await asyncio.sleep(0.01)

    assert client.of("interruption") == []
    assert len(client.of("agent_response")) == 2


async def test_character_times_cover_the_text_and_fit_into_the_audio() -> None:
    client = await begun(Script(hear("text"), say("Half past ten.", seconds=1)))
    client.says({"type": "user_message", "text": "When?"})
    await asyncio.sleep(0.01)

    alignments = [audio["alignment"] for audio in client.of("audio")]
    assert "".join(char for alignment in alignments for char in alignment["chars"]) == "Half past ten."
    assert all(max(alignment["char_start_times_ms"]) < 250 for alignment in alignments)


async def test_two_tools_called_together_are_answered_once_both_are_back() -> None:
    script = Script(
        hear("text"), call_tool("a"), call_tool("b", together=True), expect_tool_result("2", name="b"), say("Ok.")
    )
    client = await begun(script)
    client.says({"type": "user_message", "text": "Go"})
    await asyncio.sleep(0.01)
    first, second = client.of("client_tool_call")

    client.says(
        {"type": "client_tool_result", "tool_call_id": second["tool_call_id"], "result": "2", "is_error": False}
    )
    await asyncio.sleep(0.01)
    assert client.of("agent_response") == []
    client.says({"type": "client_tool_result", "tool_call_id": first["tool_call_id"], "result": "1", "is_error": False})
    await asyncio.sleep(0.01)

    assert client.of("agent_response")[0]["agent_response"] == "Ok."
    script.assert_done()


async def test_typing_context_activity_and_feedback_are_no_speech() -> None:
    client = await begun()

    client.says({"type": "contextual_update", "text": "x"}, {"type": "user_activity"})
    client.says({"type": "feedback", "event_id": 1, "score": "like"})
    await asyncio.sleep(0.01)
    assert client.types() == ["conversation_initiation_metadata"]
    client.says({"type": "multimodal_message", "text": {"type": "user_message", "text": "See"}})
    await asyncio.sleep(0.01)

    assert client.of("agent_response")[0]["agent_response"] == "You said: See"


async def test_a_script_goes_on_after_a_drop_and_begins_again_at_loop() -> None:
    simulator = ElevenLabsSimulator(Script(wait(100), error("llm_timeout"), drop(1011, "gone"), loop()))
    for _ in range(2):
        client = await Client().dial(simulator)
        client.says(BEGIN)
        await asyncio.sleep(0.2)

        assert client.of("error")[0]["error_type"] == "llm_timeout"
        assert client.closed is not None
        assert client.closed.code == 1011


async def test_leaving_the_script_is_an_assertion_with_the_difference() -> None:
    script = Script(hear("text"), call_tool("a"), expect_tool_result({"slot": 1}))
    client = await begun(script)
    client.says({"type": "user_message", "text": "Go"})
    await asyncio.sleep(0.01)
    call_id = client.of("client_tool_call")[0]["tool_call_id"]

    client.says({"type": "client_tool_result", "tool_call_id": call_id, "result": '{"slot": 2}', "is_error": False})
    await asyncio.sleep(0.01)

    with pytest.raises(AssertionError, match="slot: expected 1, got 2"):
        script.assert_done()


async def test_two_runs_in_virtual_time_write_the_same_log() -> None:
    async def run(clock: Clock) -> list[str]:
        simulator = ElevenLabsSimulator(
            Script(hear("speech"), transcribe("Hi"), say("Hello.", pace="realtime")), clock=clock
        )
        client = await Client().dial(simulator)
        began_ms = clock.now_ms()
        client.says(BEGIN)
        client.speaks()
        await asyncio.sleep(3)
        client.wire.close()
        return [f"{float(line.split(' ', 1)[0]) - began_ms:.0f} {line.split(' ', 1)[1]}" for line in simulator.log]

    assert await run(VirtualClock()) == await run(VirtualClock())
