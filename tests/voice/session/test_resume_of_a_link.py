"""A vendor that takes up the conversation where a link left it (RFC 0006, R-0006-53)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.core.tools import ToolCatalog
from roomkit.errors import ProviderLostError, ProviderRefusedError, RealtimeConnectionError
from roomkit.models.session import EndReason, LinkState
from roomkit.models.tool_call import Tool
from roomkit.testing.call import Call, start_call
from roomkit.voice.realtime.commands import LinkConfig
from roomkit.voice.realtime.mock import MOCK_PROFILE, MockRealtimeProvider, MockRealtimeTransport
from roomkit.voice.realtime.provider import ProviderLink, ProviderSink
from roomkit.voice.realtime.provider_events import Resumable
from roomkit.voice.session.settings import AgentSettings, SessionSettings

pytestmark = pytest.mark.virtual_time


class Resuming(MockRealtimeProvider):
    """A vendor with session resumption that takes ``takes_s`` to answer the door."""

    def __init__(self, *, takes_s: float = 0.0, reconfigures: frozenset[str] = MOCK_PROFILE.reconfigures) -> None:
        super().__init__(profile=replace(MOCK_PROFILE, resumes=True, reconfigures=reconfigures))
        self.takes_s = takes_s

    async def open_link(self, config: LinkConfig, sink: ProviderSink) -> ProviderLink:
        await asyncio.sleep(self.takes_s)
        return await super().open_link(config, sink)

    @property
    def resumed_with(self) -> list[str | None]:
        """The handle of each dial."""
        return [call.args["config"].resume for call in self.calls if call.method == "connect"]

    def told(self) -> list[str]:
        """What the newest link was told, audio aside."""
        newest = max(n for n, call in enumerate(self.calls) if call.method == "connect")
        return [call.method for call in self.calls[newest + 1 :] if call.method not in ("send_audio", "disconnect")]


async def talk(call: Call) -> None:
    """A turn each way, after which the vendor gives out two handles."""
    await call.provider.simulate_event(call.view, Resumable("handle-1"))
    await call.provider.simulate_transcription(call.view, "my name is Ada", role="user")
    await call.agent_says("hello Ada", seconds=0.1)
    await asyncio.sleep(1)
    await call.provider.simulate_event(call.view, Resumable("handle-2"))


async def test_the_newest_handle_goes_with_the_redial_and_nothing_is_replayed() -> None:
    provider = Resuming()
    call = await start_call(provider=provider)
    await talk(call)

    await provider.simulate_disconnect(call.view)
    await asyncio.sleep(1)

    assert provider.resumed_with == [None, "handle-2"]
    assert provider.told() == []


async def test_words_typed_while_the_link_was_down_are_told_to_the_resumed_one() -> None:
    provider = Resuming()
    call = await start_call(provider=provider)
    await talk(call)
    provider.takes_s = 2
    await provider.simulate_disconnect(call.view)
    await asyncio.sleep(1)

    await call.transport.simulate_client_text(call.view, "are you there")
    await asyncio.sleep(3)

    assert provider.told() == ["inject_text", "ask_for_response"]
    assert provider.injected_texts == [(call.view.id, "are you there", "user")]


async def test_a_tool_that_finished_while_the_link_was_down_is_told_without_its_call() -> None:
    async def work() -> str:
        await asyncio.sleep(3)
        return "done"

    provider = Resuming()
    settings = SessionSettings(agent=AgentSettings(catalog=ToolCatalog([Tool("work", handler=work)])))
    call = await start_call(provider=provider, settings=settings)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(provider.simulate_tool_call(call.view, "c1", "work"))
        await asyncio.sleep(1)
        tasks.create_task(provider.simulate_event(call.view, Resumable("handle-1")))
        await asyncio.sleep(0)
        provider.takes_s = 5
        tasks.create_task(provider.simulate_disconnect(call.view))
    await asyncio.sleep(6)

    assert provider.told() == ["tool_result", "ask_for_response"]
    assert provider.tool_results == [(call.view.id, "c1", "done")]


@pytest.mark.parametrize(
    ("kind", "code"), [(ProviderRefusedError, "resume_refused"), (ProviderLostError, "handshake_timeout")]
)
async def test_a_handle_that_does_not_work_is_tried_once_and_the_conversation_replayed(
    kind: type[RealtimeConnectionError], code: str
) -> None:
    provider = Resuming()
    call = await start_call(provider=provider)
    await talk(call)
    provider.refuse_with = [kind("not with this handle", code=code)]

    await provider.simulate_disconnect(call.view)
    await asyncio.sleep(1)

    assert provider.resumed_with == [None, "handle-2", None]
    assert provider.told() == ["inject_text", "inject_text"]
    assert call.view.link_states["provider"] is LinkState.UP


async def test_a_link_that_is_closed_over_its_handle_is_dialled_again_without_it() -> None:
    provider = Resuming()
    call = await start_call(provider=provider)
    await talk(call)

    await provider.simulate_disconnect(call.view, code="resume_refused", retryable=False)
    await asyncio.sleep(1)

    assert provider.resumed_with == [None, None]
    assert call.view.end_reason is None


async def test_a_handle_the_vendor_says_nothing_about_is_followed_by_a_replay() -> None:
    provider = Resuming()
    call = await start_call(provider=provider)
    await talk(call)
    provider._profile = replace(provider.profile, resumes=False)

    await provider.simulate_disconnect(call.view)
    await asyncio.sleep(1)

    assert provider.told() == ["inject_text", "inject_text"]


async def test_an_agent_whose_voice_changes_keeps_the_conversation() -> None:
    provider = Resuming(reconfigures=frozenset())
    channel = RealtimeVoiceChannel("voice", provider=provider, transport=MockRealtimeTransport())
    session = await channel.start_session("room-1", "caller")
    await provider.simulate_transcription(session, "my name is Ada", role="user")
    await provider.simulate_event(session, Resumable("handle-1"))

    await channel.reconfigure_session(session, voice="Charon")

    assert provider.resumed_with == [None, "handle-1"]
    assert provider.told() == []
    await channel.close()


async def test_a_refusal_for_another_reason_ends_the_call_after_one_try_without_the_handle() -> None:
    provider = Resuming()
    call = await start_call(provider=provider)
    await talk(call)
    provider.refuse_with = [ProviderRefusedError("the key was revoked", code="http_401") for _ in range(3)]

    await provider.simulate_disconnect(call.view)
    await call.over()

    assert call.view.end_reason is EndReason.PROVIDER_REFUSED
    assert len(provider.resumed_with) == 3
