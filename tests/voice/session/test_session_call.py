"""One call from beginning to end, on mocks and virtual time (RFC 0006)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit.core.ports import Verdict
from roomkit.core.tools import ToolCatalog
from roomkit.errors import ProviderLostError, ProviderRefusedError, SessionStateError
from roomkit.models.enums import HookTrigger
from roomkit.models.event import RoomEvent
from roomkit.models.session import EndReason, LinkState, SessionState
from roomkit.models.tool_call import Tool
from roomkit.testing.call import Call, RecordingRoomPort, start_call, tone
from roomkit.voice.realtime.commands import LinkConfig
from roomkit.voice.realtime.mock import MockRealtimeProvider
from roomkit.voice.realtime.profile import TurnPolicy
from roomkit.voice.realtime.reconnect import ReconnectPolicy
from roomkit.voice.session.engine import Session
from roomkit.voice.session.settings import AgentSettings, SessionSettings

pytestmark = pytest.mark.virtual_time

FRAME = tone(0.02, 16_000)


def block(event: Any) -> Verdict[Any]:
    return Verdict(False, event, "forbidden")


def settings_with(*tools: Tool, **fields: Any) -> SessionSettings:
    return SessionSettings(agent=AgentSettings(catalog=ToolCatalog(tools)), **fields)


# --- audio ------------------------------------------------------------------------------------


async def test_the_callers_audio_reaches_the_provider() -> None:
    call = await start_call()

    await call.transport.simulate_client_audio(call.view, FRAME)

    assert call.provider.sent_audio == [(call.view.id, FRAME)]


async def test_an_odd_byte_is_carried_over_to_the_next_piece() -> None:
    call = await start_call()

    await call.transport.simulate_client_audio(call.view, FRAME[:5])
    await call.transport.simulate_client_audio(call.view, FRAME[5:])

    assert [len(pcm) % 2 for _, pcm in call.provider.sent_audio] == [0, 0]
    assert b"".join(pcm for _, pcm in call.provider.sent_audio) == FRAME


async def test_rates_that_differ_are_resampled_both_ways() -> None:
    call = await start_call(provider=MockRealtimeProvider(rate_hz=48_000))

    await call.transport.simulate_client_audio(call.view, tone(1, 16_000))
    await call.provider.simulate_audio(call.view, tone(1, 48_000))

    sent_ms = len(call.provider.sent_audio[0][1]) / 2 / 48
    assert sent_ms == pytest.approx(1000, abs=5)
    assert call.heard_ms() == pytest.approx(1000, abs=5)


async def test_the_client_never_holds_more_than_the_lead() -> None:
    call = await start_call(lead_ms=200)

    await call.agent_says("a long story", seconds=10)
    held_at_once = call.heard_ms()
    await asyncio.sleep(3)

    assert held_at_once <= 200
    assert 3_000 <= call.heard_ms() <= 3_200


async def test_audio_that_waited_too_long_for_a_provider_is_dropped_oldest_first_and_counted() -> None:
    call = await start_call(reconnect=ReconnectPolicy(max_attempts=9, budget_ms=60_000))
    call.provider.refuse_with = [ProviderLostError("down") for _ in range(5)]
    await call.provider.simulate_disconnect(call.view)

    for _ in range(600):  # 12 s
        await call.transport.simulate_client_audio(call.view, FRAME)

    path = call.session.events.media.input
    assert path.held_ms == pytest.approx(10_000, abs=20)
    assert path.dropped_ms == pytest.approx(2_000, abs=20)


# --- words ------------------------------------------------------------------------------------


async def test_both_sides_words_become_room_events_in_order() -> None:
    call = await start_call()

    await call.provider.simulate_transcription(call.view, "are you open", role="user")
    await call.provider.simulate_transcription(call.view, "yes, until six")

    assert call.port.words == [("user", "are you open"), ("assistant", "yes, until six")]
    assert call.port.published[0].metadata["voice_session_id"] == call.view.id
    assert call.port.published[0].metadata["source"] == "realtime_voice"


async def test_a_callers_transcript_that_comes_late_still_stands_before_the_answer() -> None:
    call = await start_call()

    await call.provider.simulate_speech_start(call.view)
    await call.provider.simulate_speech_end(call.view)
    await call.provider.simulate_transcription(call.view, "yes, until six")
    before = list(call.port.words)
    await call.provider.simulate_transcription(call.view, "are you open", role="user")

    assert before == []
    assert call.port.words == [("user", "are you open"), ("assistant", "yes, until six")]


async def test_a_transcript_that_never_comes_holds_the_answer_for_three_seconds_at_most() -> None:
    call = await start_call()
    await call.provider.simulate_speech_end(call.view)
    await call.provider.simulate_transcription(call.view, "yes, until six")

    await asyncio.sleep(3.1)
    in_time = list(call.port.words)
    await call.provider.simulate_transcription(call.view, "are you open", role="user")

    assert in_time == [("assistant", "yes, until six")]
    assert call.port.words[1] == ("user", "are you open")
    assert call.port.published[1].metadata["late"] is True


async def test_the_agents_words_are_final_when_they_were_heard() -> None:
    call = await start_call(lead_ms=200)

    await call.agent_says("we are open until six", seconds=4)
    while_speaking = [message["is_final"] for message in call.told("transcription")]
    words_while_speaking = list(call.port.words)
    await asyncio.sleep(4.1)

    assert while_speaking and not any(while_speaking)
    assert words_while_speaking == []
    assert call.port.words == [("assistant", "we are open until six")]
    assert call.told("transcription")[-1]["is_final"] is True


async def test_a_blocked_transcript_is_not_shown_and_its_answer_is_stopped() -> None:
    port = RecordingRoomPort(hooks={HookTrigger.ON_TRANSCRIPTION: block})
    call = await start_call(port=port, lead_ms=200)
    await call.provider.simulate_response_start(call.view)
    await call.provider.simulate_audio(call.view, tone(5))

    await call.provider.simulate_transcription(call.view, "my card number is", role="user", item_id="item-u")

    assert port.words == []
    assert call.told("transcription") == []
    assert call.told("transcription_blocked")[0]["role"] == "user"
    assert call.told("clear_audio")
    assert {"cancel_response", "delete_item"} <= set(call.provider.methods())


async def test_partials_are_withheld_while_a_hook_could_stop_the_final() -> None:
    port = RecordingRoomPort(hooks={HookTrigger.ON_TRANSCRIPTION: lambda event: Verdict(True, event)})
    call = await start_call(port=port)

    await call.provider.simulate_transcription(call.view, "my car", role="user", is_final=False)
    partials = list(call.told("transcription"))
    await call.provider.simulate_transcription(call.view, "my car is blue", role="user")

    assert partials == []
    assert [message["text"] for message in call.told("transcription")] == ["my car is blue"]


async def test_a_hook_may_change_the_words_before_anybody_sees_them() -> None:
    port = RecordingRoomPort(
        hooks={HookTrigger.ON_TRANSCRIPTION: lambda event: Verdict(True, event.with_text("my card is ****"))}
    )
    call = await start_call(port=port)

    await call.provider.simulate_transcription(call.view, "my card is 4711", role="user")

    assert port.words == [("user", "my card is ****")]
    assert call.told("transcription")[-1]["text"] == "my card is ****"


async def test_a_hook_without_a_verdict_in_time_blocks() -> None:
    async def sleepy(event: Any) -> Verdict[Any]:
        await asyncio.sleep(30)
        return Verdict(True, event)

    port = RecordingRoomPort(hooks={HookTrigger.ON_TRANSCRIPTION: sleepy})
    call = await start_call(port=port)

    await call.provider.simulate_transcription(call.view, "hello", role="user")

    assert port.words == []
    assert [(event.text, event.blocked_by) for event in port.blocked] == [("hello", "transcription_timeout")]


async def test_blocked_words_keep_their_place_among_the_others() -> None:
    """R-0006-28."""
    verdicts: list[str] = []

    async def no_secrets(event: Any) -> Verdict[Any]:
        verdicts.append(event.text)
        return Verdict("secret" not in event.text, event, "a secret", blocked_by="moderation")

    port = RecordingRoomPort(hooks={HookTrigger.ON_TRANSCRIPTION: no_secrets})
    call = await start_call(port=port)
    committed: list[str] = []
    publish, publish_blocked = port.publish, port.publish_blocked

    async def note(event: RoomEvent) -> bool:
        committed.append(event.text)
        return await publish(event)

    async def note_blocked(event: RoomEvent, *, by: str, reason: str) -> None:
        committed.append(f"{by}: {event.text}")
        await publish_blocked(event, by=by, reason=reason)

    port.publish, port.publish_blocked = note, note_blocked  # type: ignore[method-assign]  # to see both in one order

    await call.provider.simulate_speech_end(call.view)
    await call.provider.simulate_transcription(call.view, "good morning")
    await call.provider.simulate_transcription(call.view, "my secret", role="user")

    assert verdicts == ["good morning", "my secret"]
    assert committed == ["moderation: my secret", "good morning"]


async def test_without_transcription_events_a_blocked_transcript_is_not_stored_either() -> None:
    """R-0006-28."""
    port = RecordingRoomPort(hooks={HookTrigger.ON_TRANSCRIPTION: block})
    call = await start_call(port=port, settings=SessionSettings(emit_transcription_events=False))

    await call.provider.simulate_transcription(call.view, "my secret", role="user")
    await call.provider.simulate_transcription(call.view, "your secret")

    assert port.published == port.blocked == []


# --- barge-in ------------------------------------------------------------------------------------


async def test_an_interrupted_answer_is_never_heard_again() -> None:
    call = await start_call(lead_ms=200)
    await call.agent_says("one two three four five six seven eight nine ten", seconds=10, is_done=False)
    await asyncio.sleep(2)

    await call.provider.simulate_speech_start(call.view)
    heard = call.heard_ms()
    await call.provider.simulate_audio(call.view, tone(3))
    await asyncio.sleep(3)

    assert call.heard_ms() == heard
    assert call.told("clear_audio") == [{"type": "clear_audio", "epoch": 1}]


async def test_the_provider_is_told_what_was_heard_and_the_room_keeps_only_that() -> None:
    call = await start_call(lead_ms=200)
    await call.agent_says("one two three four five six seven eight nine ten", seconds=10)
    await asyncio.sleep(4)

    await call.provider.simulate_speech_start(call.view)

    truncated = [c.args["audio_end_ms"] for c in call.provider.calls if c.method == "truncate_output"]
    assert truncated == [pytest.approx(4_000, abs=5)]
    assert call.port.words == [("assistant", "one two three four")]
    assert call.port.published[0].metadata["interrupted"] is True


async def test_the_clients_own_report_beats_our_clock() -> None:
    call = await start_call(lead_ms=200)
    await call.agent_says("one two three four five six seven eight nine ten", seconds=10)
    await asyncio.sleep(4)
    await call.transport.simulate_client_playback(call.view, 3_900)

    await call.provider.simulate_speech_start(call.view)

    truncated = [c.args["audio_end_ms"] for c in call.provider.calls if c.method == "truncate_output"]
    assert truncated == [3_900]


async def test_a_report_of_an_old_epoch_or_beyond_what_was_sent_changes_nothing() -> None:
    call = await start_call(lead_ms=200)
    await call.agent_says("one two", seconds=2)
    await asyncio.sleep(1)

    await call.transport.simulate_client_playback(call.view, 1e12, epoch=7)
    await call.transport.simulate_client_playback(call.view, 1e12)
    await call.provider.simulate_speech_start(call.view)

    (truncated,) = [c.args["audio_end_ms"] for c in call.provider.calls if c.method == "truncate_output"]
    assert truncated <= 1_200


async def test_speech_over_nothing_unheard_is_only_reported() -> None:
    call = await start_call(lead_ms=200)

    await call.provider.simulate_speech_start(call.view)

    assert call.told("clear_audio") == []
    assert call.port.of(HookTrigger.ON_SPEECH_START)
    assert not call.port.of(HookTrigger.ON_BARGE_IN)


async def test_a_policy_without_interruption_lets_the_agent_finish() -> None:
    call = await start_call(provider=MockRealtimeProvider(policy=TurnPolicy(interrupts=False)), lead_ms=200)
    await call.agent_says("hear me out", seconds=2)

    await call.provider.simulate_speech_start(call.view)
    await asyncio.sleep(2.1)

    assert call.told("clear_audio") == []
    assert call.port.words == [("assistant", "hear me out")]


# --- permissions ------------------------------------------------------------------------------------


async def test_a_shut_input_gate_drops_the_very_next_frame_and_says_so_once() -> None:
    call = await start_call()

    call.session.permit(can_write=False, can_read=True)
    await call.transport.simulate_client_audio(call.view, FRAME)
    call.session.permit(can_write=True, can_read=True)
    await call.transport.simulate_client_audio(call.view, FRAME)

    assert len(call.provider.sent_audio) == 1
    assert call.provider.methods().count("input_paused") == 1
    assert call.session.events.media.input.gated_ms == 20


async def test_a_shut_output_gate_silences_what_was_already_queued() -> None:
    call = await start_call(lead_ms=200)
    await call.agent_says("you should not hear this", seconds=5)
    heard = call.heard_ms()

    call.session.permit(can_write=True, can_read=False)
    await asyncio.sleep(5)

    assert call.heard_ms() == heard
    assert call.told("clear_audio")


# --- tools ------------------------------------------------------------------------------------


async def test_a_tools_result_goes_to_the_provider() -> None:
    async def weather(city: str) -> dict[str, str]:
        return {"city": city, "sky": "clear"}

    call = await start_call(settings=settings_with(Tool("weather", handler=weather)))

    await call.provider.simulate_tool_call(call.view, "c1", "weather", {"city": "Rome"})

    assert call.provider.tool_results == [(call.view.id, "c1", '{"city": "Rome", "sky": "clear"}')]


async def test_tools_run_side_by_side_and_only_the_last_result_asks_for_an_answer() -> None:
    async def wait(seconds: float) -> str:
        await asyncio.sleep(seconds)
        return str(seconds)

    call = await start_call(settings=settings_with(Tool("wait", handler=wait)))
    began = asyncio.get_running_loop().time()

    async with asyncio.TaskGroup() as both:
        both.create_task(call.provider.simulate_tool_call(call.view, "slow", "wait", {"seconds": 2}))
        both.create_task(call.provider.simulate_tool_call(call.view, "fast", "wait", {"seconds": 1}))

    assert asyncio.get_running_loop().time() - began == pytest.approx(2, abs=0.1)
    results = [call_ for call_ in call.provider.calls if call_.method == "tool_result"]
    assert [(r.args["call_id"], r.args["asks"]) for r in results] == [("fast", False), ("slow", True)]


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("nothing", "{}", "there is no tool"),
        ("weather", "{not json", "not JSON"),
        ("weather", "[1]", "not a JSON object"),
        ("weather", '{"city": 7}', "do not fit"),
        ("weather", "{}", "do not fit"),
    ],
)
async def test_a_call_that_cannot_be_run_gets_an_error_and_runs_nothing(name: str, arguments: str, error: str) -> None:
    ran: list[str] = []
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    call = await start_call(settings=settings_with(Tool("weather", parameters=schema, handler=ran.append)))

    await call.provider.simulate_tool_call(call.view, "c1", name, arguments)

    assert error in call.provider.tool_results[0][2]
    assert ran == []


async def test_a_tool_that_raises_hangs_or_talks_too_much_does_not_end_the_call() -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    def fail() -> None:
        raise ZeroDivisionError("secret detail")

    tools = [Tool("hang", handler=hang), Tool("fail", handler=fail), Tool("huge", handler=lambda: "x" * 5_000_000)]
    call = await start_call(settings=settings_with(*tools, tool_result_max_length=1_000))

    for tool in ("hang", "fail", "huge"):
        await call.provider.simulate_tool_call(call.view, tool, tool)

    hung, failed, huge = (output for _, _, output in call.provider.tool_results)
    assert "within 30 s" in hung
    assert "ZeroDivisionError" in failed and "secret" not in failed
    assert len(huge) == 1_000 and "5000000 characters" in huge
    assert call.view.state is SessionState.ACTIVE


async def test_a_blocked_tool_is_not_run_and_the_agent_is_told_why() -> None:
    ran: list[str] = []
    port = RecordingRoomPort(hooks={HookTrigger.BEFORE_TOOL_USE: block})
    call = await start_call(port=port, settings=settings_with(Tool("pay", handler=lambda: ran.append("paid"))))

    await call.provider.simulate_tool_call(call.view, "c1", "pay")

    assert ran == []
    assert call.provider.tool_results[0][2] == '{"error": "forbidden"}'


async def test_the_microphone_is_muted_until_the_last_tool_is_done() -> None:
    async def wait(seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "done"

    call = await start_call(settings=settings_with(Tool("wait", handler=wait), mute_on_tool_call=True))
    async with asyncio.TaskGroup() as both:
        both.create_task(call.provider.simulate_tool_call(call.view, "a", "wait", {"seconds": 1}))
        both.create_task(call.provider.simulate_tool_call(call.view, "b", "wait", {"seconds": 2}))
        await asyncio.sleep(1.5)
        both.create_task(call.transport.simulate_client_audio(call.view, FRAME))
    await call.transport.simulate_client_audio(call.view, FRAME)

    assert len(call.provider.sent_audio) == 1


async def test_a_cancelled_tool_sends_no_result() -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    call = await start_call(settings=settings_with(Tool("hang", handler=hang)))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(call.provider.simulate_tool_call(call.view, "c1", "hang"))
        await asyncio.sleep(1)
        tasks.create_task(call.provider.simulate_tool_cancelled(call.view, "c1"))

    assert call.provider.tool_results == []
    assert call.view.state is SessionState.ACTIVE


# --- links ------------------------------------------------------------------------------------


async def test_a_lost_provider_link_is_replaced_and_told_the_conversation() -> None:
    call = await start_call()
    await call.provider.simulate_transcription(call.view, "are you open", role="user")
    await call.provider.simulate_transcription(call.view, "yes, until six")
    call.provider.refuse_with = [ProviderLostError("still down")]

    await call.provider.simulate_disconnect(call.view)
    await call.transport.simulate_client_audio(call.view, FRAME)
    during = (call.view.state, call.view.link_states["provider"])
    await asyncio.sleep(5)

    assert during == (SessionState.ACTIVE, LinkState.RECOVERING)
    assert call.view.link_states["provider"] is LinkState.UP
    assert [(text, role) for _, text, role in call.provider.injected_texts] == [
        ("are you open", "user"),
        ("yes, until six", "assistant"),
    ]
    assert call.provider.sent_audio == [(call.view.id, FRAME)]


async def test_a_provider_that_says_no_ends_the_session() -> None:
    call = await start_call()

    await call.provider.simulate_disconnect(call.view, code="invalid_api_key", retryable=False)
    await call.over()

    assert call.view.end_reason is EndReason.PROVIDER_REFUSED


async def test_a_session_that_cannot_reach_its_provider_raises_and_leaves_nothing() -> None:
    provider = MockRealtimeProvider()
    provider.refuse_with = [ProviderRefusedError("no such model")]

    with pytest.raises(ProviderRefusedError):
        await start_call(provider=provider)


async def test_a_first_dial_that_fails_for_now_is_tried_again() -> None:
    provider = MockRealtimeProvider()
    provider.refuse_with = [ProviderLostError("busy"), ProviderLostError("busy")]

    call = await start_call(provider=provider)

    assert call.view.state is SessionState.ACTIVE


# --- the end ------------------------------------------------------------------------------------


async def ended(call: Call, reason: EndReason = EndReason.HANGUP) -> None:
    call.session.end(reason)
    await call.over()


async def test_an_ended_session_holds_no_task_and_tells_everybody() -> None:
    call = await start_call()

    await ended(call)

    assert call.view.state is SessionState.ENDED
    assert call.told("session_ended")[0]["reason"] == "hangup"
    assert call.port.of(HookTrigger.ON_SESSION_ENDED)[0].reason == "hangup"
    assert call.provider.methods()[-1] == "disconnect"
    others = {task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()}
    assert others == set()


async def test_a_client_that_vanishes_ends_the_session() -> None:
    call = await start_call()

    await call.transport.simulate_client_disconnect(call.view)
    await call.over()

    assert call.view.end_reason is EndReason.CLIENT_GONE


async def test_what_was_heard_before_the_end_is_stored() -> None:
    call = await start_call(lead_ms=200)
    await call.agent_says("one two three four five six seven eight nine ten", seconds=10)
    await asyncio.sleep(5)

    await ended(call)

    assert call.port.words == [("assistant", "one two three four five")]


async def test_a_hook_that_hangs_up_does_not_wait_for_itself() -> None:
    sessions: list[Session] = []

    async def hang_up(event: Any) -> Verdict[Any]:
        sessions[0].end(EndReason.HANGUP)
        await sessions[0].ended()
        return Verdict(True, event)

    port = RecordingRoomPort(hooks={HookTrigger.ON_TRANSCRIPTION: hang_up})
    call = await start_call(port=port)
    sessions.append(call.session)

    await call.provider.simulate_transcription(call.view, "goodbye", role="user")
    await call.over()

    assert call.view.end_reason is EndReason.HANGUP
    assert call.port.words == [("user", "goodbye")]


async def test_a_lane_that_cannot_keep_up_ends_the_session() -> None:
    stuck = asyncio.Event()

    async def never(event: Any) -> Verdict[Any]:
        await stuck.wait()
        return Verdict(True, event)

    call = await start_call(
        port=RecordingRoomPort(hooks={HookTrigger.ON_TRANSCRIPTION: never}),
        settings=SessionSettings(transcription_timeout_s=1),
    )
    async with asyncio.TaskGroup() as tasks:
        for n in range(1_100):
            tasks.create_task(call.provider.simulate_transcription(call.view, f"word {n}", role="user"))
        await call.over()

    assert call.view.end_reason is EndReason.OVERLOADED


async def test_an_ended_session_takes_nothing_any_more() -> None:
    call = await start_call()
    await ended(call)

    with pytest.raises(SessionStateError, match="hangup"):
        call.session.inject("are you there")


async def test_the_greeting_is_spoken_and_the_agents_settings_reach_the_provider() -> None:
    settings = SessionSettings(agent=AgentSettings(system_prompt="Be brief.", voice="alloy"), greeting="Hello!")

    call = await start_call(settings=settings)

    config: LinkConfig = call.provider.calls[0].args["config"]
    assert (config.instructions, config.voice) == ("Be brief.", "alloy")
    assert [c.args["text"] for c in call.provider.calls if c.method == "speak"] == ["Hello!"]


async def test_the_latency_of_a_turn_is_told_when_its_answer_was_heard() -> None:
    call = await start_call(lead_ms=200)
    await call.provider.simulate_speech_start(call.view)
    await call.provider.simulate_speech_end(call.view)
    await asyncio.sleep(0.25)
    await call.agent_says("yes", seconds=1)
    await asyncio.sleep(1.1)

    (turn,) = call.port.of(HookTrigger.ON_TURN_COMPLETE)
    assert turn.latency["first_audio_sent_ms"] == pytest.approx(250, abs=1)


async def test_the_answer_after_an_interruption_is_final_as_soon_as_it_was_heard() -> None:
    call = await start_call(lead_ms=200)
    await call.agent_says("a very long answer", seconds=30)
    await asyncio.sleep(1)
    await call.provider.simulate_speech_start(call.view)

    await call.agent_says("fine", seconds=1)
    await asyncio.sleep(1.1)

    assert call.port.words[-1] == ("assistant", "fine")


async def test_typed_words_stand_after_the_answer_they_cut() -> None:
    call = await start_call(lead_ms=200)
    await call.agent_says("one two three four", seconds=4)
    await asyncio.sleep(2)

    await call.transport.simulate_client_text(call.view, "something else please")

    assert call.typed == ["something else please"]
    assert call.port.words == [("assistant", "one two")]
    assert call.provider.injected_texts == [(call.view.id, "something else please", "user")]
