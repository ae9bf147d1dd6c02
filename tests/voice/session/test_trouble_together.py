"""What features do to each other when they meet: each of these once went wrong in a random call (`tests.adversary`)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from roomkit.channels.ai import AIChannel
from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.core.ports import Verdict
from roomkit.errors import ConfigError, ProviderLostError, ProviderRefusedError
from roomkit.kit import RoomKit
from roomkit.models.enums import ChannelCategory, HookTrigger
from roomkit.models.recording import Recording
from roomkit.models.session import EndReason, LinkState, SessionState
from roomkit.providers.ai.mock import MockAIProvider
from roomkit.testing import VirtualClock
from roomkit.testing.call import Call, RecordingRoomPort, start_call, tone
from roomkit.voice.backends.base import ClientTurn
from roomkit.voice.realtime.commands import BeginInput, Command, CommitInput, LinkConfig
from roomkit.voice.realtime.mock import MOCK_PROFILE, MockRealtimeProvider, MockRealtimeTransport
from roomkit.voice.realtime.profile import TurnPolicy
from roomkit.voice.realtime.provider import ProviderLink, ProviderSink
from roomkit.voice.realtime.provider_events import Audio, SpeechStarted, Transcript
from roomkit.voice.session.settings import SessionSettings

pytestmark = pytest.mark.virtual_time


class Breaking(MockRealtimeProvider):
    """Its SDK raises what no contract knows of, from the dial after ``good_dials`` on."""

    def __init__(self, good_dials: int) -> None:
        super().__init__()
        self.good_dials = good_dials

    async def open_link(self, config: LinkConfig, sink: ProviderSink) -> ProviderLink:
        self.good_dials -= 1
        if self.good_dials < 0:
            raise RuntimeError("an SDK broke")
        return await super().open_link(config, sink)


class Automatic(MockRealtimeProvider):
    """Takes turns by itself, and says so where a vendor's dialect does: before the wire."""

    def __init__(self) -> None:
        super().__init__(profile=replace(MOCK_PROFILE, name="automatic", manual_turns=False))

    def _record(self, session_id: str, command: Command) -> None:
        if isinstance(command, BeginInput | CommitInput):
            raise ConfigError("automatic takes turns by itself")
        super()._record(session_id, command)


def reports(call: Call) -> list[str]:
    return [event.code for event in call.port.of(HookTrigger.ON_ERROR)]


async def test_a_vendors_sdk_that_breaks_while_dialling_is_a_refusal_like_any_other() -> None:
    with pytest.raises(ProviderRefusedError, match="mock could not be dialled: RuntimeError"):
        await start_call(provider=Breaking(0))


async def test_a_vendors_sdk_that_breaks_on_the_way_back_ends_no_call_that_may_go_on_in_writing() -> None:
    call = await start_call(provider=Breaking(1), settings=SessionSettings(degrade_to="text"))

    await call.provider.simulate_disconnect(call.view)
    await asyncio.sleep(31)

    assert (call.view.state, call.view.link_states["provider"]) == (SessionState.ACTIVE, LinkState.DOWN)


@pytest.mark.parametrize("error", [RuntimeError, ConfigError])
async def test_a_call_that_a_defect_ends_says_so_in_its_reason_and_in_the_log(
    error: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    """R-0006-3."""

    class Defective(MockRealtimeProvider):
        def turn_policy(self, config: LinkConfig) -> TurnPolicy:
            if self.methods().count("connect") > 1:
                raise error("broke")
            return super().turn_policy(config)

    call = await start_call(provider=Defective())

    await call.provider.simulate_disconnect(call.view)
    await call.over()

    assert call.view.end_reason is EndReason.FAILED
    assert [record.levelname for record in caplog.records if "failed" in record.message] == ["ERROR"]


async def test_the_end_of_a_recording_is_told_although_a_hook_hangs_in_the_lane(tmp_path: Path) -> None:
    """R-0006-85."""

    async def hangs(_: Any) -> Verdict[Any]:
        await asyncio.sleep(1_000)
        raise AssertionError

    port = RecordingRoomPort(hooks={HookTrigger.ON_TRANSCRIPTION: hangs})
    settings = SessionSettings(recording=Recording(directory=tmp_path), transcription_timeout_s=60.0)
    call = await start_call(port=port, settings=settings)
    await asyncio.sleep(1)
    call.session.events.from_provider(Transcript("user", "hello", True, "u"))
    await asyncio.sleep(0.1)

    await call.session.recording.stop()
    call.session.end(EndReason.HANGUP)
    await call.over()

    assert [event.reason for event in port.of(HookTrigger.ON_RECORDING_STOPPED)] == ["stopped"]


async def test_the_words_of_a_later_answer_never_pass_an_earlier_ones_though_the_vendor_has_no_item_ids() -> None:
    """R-0006-20."""
    call = await start_call()
    for response_id, text in (("r1", "first"), ("r2", "second")):
        for is_final in (False, True):
            call.session.events.from_provider(Transcript("assistant", text, is_final, "", response_id))

    await call.session.settled()

    assert call.port.words == [("assistant", "first"), ("assistant", "second")]


async def test_what_comes_of_an_answer_after_it_was_blocked_is_not_heard_though_nobody_said_that_it_began() -> None:
    """R-0006-23."""
    port = RecordingRoomPort(hooks={HookTrigger.ON_TRANSCRIPTION: lambda event: Verdict(False, event, "no")})
    call = await start_call(port=port)
    call.session.events.from_provider(Transcript("assistant", "a secret", True, "i", "r"))
    await call.session.settled()

    await call.provider.simulate_event(call.view, Audio(tone(1), "r", "i"))

    assert call.heard_ms() == 0.0


async def test_a_client_that_reports_its_playback_leaves_no_timer_behind() -> None:
    """R-0006-4."""
    call = await start_call(lead_ms=200)
    await call.agent_says("hello", seconds=0.5)
    await asyncio.sleep(0.49)
    await call.transport.simulate_client_playback(call.view, 500.0)

    call.session.end(EndReason.HANGUP)
    await call.over()

    scheduled = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]  # nothing public lists them
    assert [timer for timer in scheduled if not timer.cancelled()] == []


async def test_what_a_replaced_link_heard_is_not_said_again_to_the_one_after_the_next() -> None:
    """R-0006-52."""
    call = await start_call()
    await call.transport.simulate_client_audio(call.view, tone(0.3, 16_000))
    after = MockRealtimeProvider()
    await call.session.hand_over(call.session.settings, after)

    await after.simulate_event(call.view, SpeechStarted("u"))
    await after.simulate_disconnect(call.view)
    await asyncio.sleep(1)

    assert after.methods(call.view).count("connect") == 2
    assert after.sent_audio == []


async def test_a_button_the_vendor_knows_nothing_of_breaks_neither_transport_nor_call() -> None:
    call = await start_call(provider=Automatic())

    await call.transport._event(call.view, ClientTurn(begins=True))
    await call.session.settled()

    assert call.view.state is SessionState.ACTIVE
    assert reports(call) == ["unsupported"]
    assert [message["code"] for message in call.told("error")] == ["unsupported"]


async def test_a_turn_by_hand_that_the_next_vendor_cannot_take_does_not_stop_the_hand_over() -> None:
    call = await start_call()
    call.session.send(BeginInput())
    after = Automatic()

    await call.session.hand_over(call.session.settings, after)
    await asyncio.sleep(0.1)

    assert (call.view.provider, call.view.state) == ("automatic", SessionState.ACTIVE)
    assert "disconnect" in call.provider.methods(call.view)
    assert reports(call) == ["unsupported"]


async def test_who_may_not_hear_the_agent_does_not_read_it_in_a_call_in_writing_either() -> None:
    """R-0006-15."""
    provider, transport = MockRealtimeProvider(), MockRealtimeTransport()
    kit = RoomKit(clock=VirtualClock())
    channel = RealtimeVoiceChannel("voice", provider=provider, transport=transport, degrade_to="text")
    kit.register_channel(channel)
    kit.register_channel(AIChannel("agent", MockAIProvider(responses=["for your eyes", "for nobody's"])))
    session = await channel.start_session("room-1", "caller")
    await kit.attach_channel("room-1", "agent", category=ChannelCategory.INTELLIGENCE)
    provider.refuse_with = [ProviderLostError("gone") for _ in range(9)]
    await provider.simulate_disconnect(session)
    await asyncio.sleep(31)

    await transport.simulate_client_text(session, "one")
    await asyncio.sleep(1)
    live = channel._live.get(session)
    live.permit(can_write=True, can_read=False)
    await transport.simulate_client_text(session, "two")
    await asyncio.sleep(1)

    words = [m["text"] for m in transport.messages(session, "transcription") if m["role"] == "assistant"]
    assert words == ["for your eyes"]
    await kit.close()
