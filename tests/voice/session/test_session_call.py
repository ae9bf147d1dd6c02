"""One call from its beginning to its end (RFC 0006), on mocks and virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit.core.ports import Verdict
from roomkit.errors import ProviderLostError, ProviderRefusedError, SessionStateError
from roomkit.models.enums import HookTrigger
from roomkit.models.session import EndReason, LinkState, SessionState
from roomkit.testing.call import Call, RecordingRoomPort, start_call, tone
from roomkit.voice.realtime.commands import LinkConfig
from roomkit.voice.realtime.mock import MockRealtimeProvider
from roomkit.voice.session.engine import Session
from roomkit.voice.session.settings import AgentSettings, SessionSettings

pytestmark = pytest.mark.virtual_time

FRAME = tone(0.02, 16_000)


async def test_the_greeting_is_spoken_and_the_agents_settings_reach_the_provider() -> None:
    settings = SessionSettings(agent=AgentSettings(system_prompt="Be brief.", voice="alloy"), greeting="Hello!")

    call = await start_call(settings=settings)

    config: LinkConfig = call.provider.calls[0].args["config"]
    assert (config.instructions, config.voice) == ("Be brief.", "alloy")
    assert [c.args["text"] for c in call.provider.calls if c.method == "speak"] == ["Hello!"]


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
