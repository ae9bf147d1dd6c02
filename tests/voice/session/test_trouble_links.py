"""Provider links that drop, flap, refuse and are handed over at the wrong moment (RFC 0006, R-0006-50..52)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.core.tools import ToolCatalog
from roomkit.errors import ProviderLostError, ProviderRefusedError, RoomKitError
from roomkit.models.enums import HookTrigger
from roomkit.models.session import EndReason, LinkState, SessionState, VoiceSession
from roomkit.models.tool_call import Tool
from roomkit.testing.call import Call, start_call, tone
from roomkit.voice.realtime.commands import LinkConfig
from roomkit.voice.realtime.mock import MockRealtimeProvider, MockRealtimeTransport
from roomkit.voice.realtime.provider import ProviderLink, ProviderSink
from roomkit.voice.realtime.provider_events import LinkLost
from roomkit.voice.session.settings import AgentSettings, SessionSettings

pytestmark = pytest.mark.virtual_time


class SlowProvider(MockRealtimeProvider):
    """Takes ``takes_s`` to answer the door, and remembers who came in."""

    def __init__(self, *, takes_s: float = 0.0, drops: bool = False) -> None:
        super().__init__()
        self.takes_s = takes_s
        self.drops = drops
        self.open_links = 0

    async def open_link(self, config: LinkConfig, sink: ProviderSink) -> ProviderLink:
        await asyncio.sleep(self.takes_s)
        link = await super().open_link(config, sink)
        self.open_links = self.open_links + 1
        if self.drops:
            sink.on_event(LinkLost("1006", "dropped", retryable=True))
        return link

    @property
    def hung_up(self) -> int:
        return self.methods().count("disconnect")


def commands(provider: MockRealtimeProvider, *methods: str) -> list[str]:
    """The provider's commands of these kinds since its newest link, in order."""
    newest = max(n for n, call in enumerate(provider.calls) if call.method == "connect")
    return [call.method for call in provider.calls[newest:] if call.method in methods]


def with_tool(tool: Tool) -> SessionSettings:
    return SessionSettings(agent=AgentSettings(catalog=ToolCatalog([tool])))


async def outage(call: Call, provider: SlowProvider, *, lasts_s: float = 2.0) -> None:
    """The link drops; another takes ``lasts_s`` to come up."""
    provider.takes_s = lasts_s
    await call.provider.simulate_disconnect(call.view)
    await asyncio.sleep(lasts_s / 2)


# --- what is owed -------------------------------------------------------------------------------------------------


async def test_a_tool_that_finishes_during_an_outage_is_told_and_the_answer_asked_for_once() -> None:
    async def work() -> str:
        await asyncio.sleep(1.5)
        return "done"

    provider = SlowProvider()
    call = await start_call(provider=provider, settings=with_tool(Tool("work", handler=work)))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(call.provider.simulate_tool_call(call.view, "c1", "work"))
        await asyncio.sleep(1)
        await outage(call, provider)
    await asyncio.sleep(3)

    assert commands(provider, "recall_tool_call", "tool_result", "ask_for_response") == [
        "recall_tool_call", "tool_result", "ask_for_response",
    ]  # fmt: skip
    assert provider.tool_results == [(call.view.id, "c1", "done")]


async def test_a_tool_that_finishes_after_an_outage_answers_the_recalled_call_once() -> None:
    async def work() -> str:
        await asyncio.sleep(10)
        return "done"

    provider = SlowProvider()
    call = await start_call(provider=provider, settings=with_tool(Tool("work", handler=work)))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(call.provider.simulate_tool_call(call.view, "c1", "work"))
        await asyncio.sleep(1)
        await outage(call, provider)
    await asyncio.sleep(12)

    asked = [c.args.get("asks", True) for c in provider.calls if c.method in ("tool_result", "ask_for_response")]
    assert commands(provider, "recall_tool_call", "tool_result", "ask_for_response") == [
        "recall_tool_call", "tool_result",
    ]  # fmt: skip
    assert asked == [True]


async def test_words_typed_during_an_outage_are_answered_once() -> None:
    provider = SlowProvider()
    call = await start_call(provider=provider)
    await outage(call, provider)

    await call.transport.simulate_client_text(call.view, "are you there")
    await asyncio.sleep(3)

    assert provider.injected_texts == [(call.view.id, "are you there", "user")]
    assert commands(provider, "inject_text", "ask_for_response") == ["inject_text", "ask_for_response"]


async def test_words_typed_just_before_the_link_drops_are_answered_by_the_next_one() -> None:
    call = await start_call()

    await call.transport.simulate_client_text(call.view, "are you there")
    await call.provider.simulate_disconnect(call.view)
    await asyncio.sleep(1)

    assert commands(call.provider, "inject_text", "ask_for_response") == ["inject_text", "ask_for_response"]


async def test_an_answer_that_has_begun_is_not_owed_any_more() -> None:
    call = await start_call(lead_ms=200)

    await call.transport.simulate_client_text(call.view, "are you there")
    await call.agent_says("yes I am here", seconds=4)
    await asyncio.sleep(1)
    await call.provider.simulate_disconnect(call.view)
    await asyncio.sleep(5)

    assert commands(call.provider, "ask_for_response") == []
    assert call.port.words == [("assistant", "yes I am here")]


# --- what was being said ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("heard_s", [0.5, 3.0])
async def test_a_link_lost_in_the_middle_of_an_answer_ends_it_with_what_came(heard_s: float) -> None:
    call = await start_call(lead_ms=200)
    await call.agent_says("one two three four", seconds=2, is_done=False)
    await asyncio.sleep(heard_s)

    await call.provider.simulate_disconnect(call.view)
    await asyncio.sleep(3)

    assert [message["speaking"] for message in call.told("speaking")] == [True, False]
    assert call.port.words == [("assistant", "one two three four")]
    assert call.heard_ms() == pytest.approx(2_000, abs=1)


async def test_a_barge_in_after_an_outage_does_not_truncate_items_the_new_link_never_made() -> None:
    call = await start_call(lead_ms=200)
    await call.agent_says("one two three four", seconds=4)
    await call.provider.simulate_disconnect(call.view)
    await asyncio.sleep(1)

    await call.provider.simulate_speech_start(call.view)

    assert commands(call.provider, "truncate_output") == []
    assert call.told("clear_audio")
    assert call.port.words == [("assistant", "one")]


async def test_an_answer_silenced_on_the_old_link_does_not_silence_one_on_the_new() -> None:
    call = await start_call(lead_ms=200)
    await call.agent_says("a very long answer", seconds=10, is_done=False)
    await asyncio.sleep(1)
    await call.provider.simulate_speech_start(call.view)
    await call.provider.simulate_disconnect(call.view)
    await asyncio.sleep(1)
    heard = call.heard_ms()

    # A dialect that counts its answers counts them anew on every link.
    link = call.provider._links[call.view.id]
    link.response = 0
    await call.provider.simulate_audio(call.view, tone(1))
    await asyncio.sleep(1)

    assert call.heard_ms() - heard == pytest.approx(1_000, abs=1)


# --- getting back -------------------------------------------------------------------------------------------------


async def test_a_vendor_that_accepts_and_drops_is_not_dialled_without_end() -> None:
    provider = SlowProvider()
    call = await start_call(provider=provider)

    provider.drops = True
    await provider.simulate_disconnect(call.view)
    async with asyncio.timeout(60):
        await call.over()

    assert call.view.end_reason is EndReason.PROVIDER_LOST
    assert provider.open_links <= 12


async def test_an_agent_reconfigured_during_an_outage_is_what_the_new_link_becomes() -> None:
    provider, transport = SlowProvider(), MockRealtimeTransport()
    channel = RealtimeVoiceChannel("voice", provider=provider, transport=transport, system_prompt="Be brief.")
    session = await channel.start_session("room-1", "caller")
    provider.takes_s = 2
    await provider.simulate_disconnect(session)
    await asyncio.sleep(1)

    await channel.reconfigure_session(session, system_prompt="Be kind.")
    await asyncio.sleep(2)

    told = [call.args["config"].instructions for call in provider.calls if "config" in call.args]
    assert told[-1] == "Be kind."
    await channel.close()


# --- handing over -------------------------------------------------------------------------------------------------


class TwoProviders:
    """A session on one provider, and another to hand it over to."""

    def __init__(self, **channel: Any) -> None:
        self.old, self.new = SlowProvider(), SlowProvider()
        self.channel = RealtimeVoiceChannel("voice", provider=self.old, transport=MockRealtimeTransport(), **channel)

    async def __aenter__(self) -> TwoProviders:
        self.session: VoiceSession = await self.channel.start_session("room-1", "caller")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.channel.close()
        for provider in (self.old, self.new):
            assert provider.open_links == provider.hung_up
        tasks = {task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()}
        assert tasks == set()


async def test_a_hand_over_that_fails_inside_a_tool_leaves_the_session_on_its_old_link() -> None:
    async def transfer() -> str:
        await call.channel.reconfigure_session(call.session, provider=call.new)
        return "transferring"

    async with TwoProviders(tools=[Tool("transfer", handler=transfer)]) as call:
        call.new.refuse_with = [ProviderRefusedError("no such model")]
        await call.old.simulate_tool_call(call.session, "c1", "transfer")
        await asyncio.sleep(1)

        assert call.session.state is SessionState.ACTIVE
        assert call.session.link_states["provider"] is LinkState.UP
        assert call.old.hung_up == 0


async def test_a_session_that_ends_during_a_hand_over_leaves_no_link() -> None:
    async with TwoProviders() as call:
        call.new.takes_s = 5
        async with asyncio.TaskGroup() as tasks:
            hand_over = tasks.create_task(outcome(call.channel, call.session, call.new))
            await asyncio.sleep(1)
            await call.channel.end_session(call.session)
        await asyncio.sleep(10)

        assert isinstance(hand_over.result(), RoomKitError)
        assert call.new.open_links == call.new.hung_up


async def test_a_session_that_ends_while_a_hand_over_waits_for_the_turn_leaves_no_link() -> None:
    async with TwoProviders(lead_ms=200) as call:
        transport = call.channel.transport
        assert isinstance(transport, MockRealtimeTransport)
        transport.lead_ms = 200
        await call.old.simulate_response_start(call.session)
        async with asyncio.TaskGroup() as tasks:
            hand_over = tasks.create_task(outcome(call.channel, call.session, call.new))
            await asyncio.sleep(1)
            await call.channel.end_session(call.session)

        assert isinstance(hand_over.result(), RoomKitError)
        assert (call.new.open_links, call.new.hung_up) == (1, 1)


async def test_a_hand_over_during_an_outage_ends_with_the_new_provider_only() -> None:
    async with TwoProviders() as call:
        call.old.takes_s, call.new.takes_s = 4, 2
        await call.old.simulate_disconnect(call.session)
        await asyncio.sleep(0.5)

        await call.channel.reconfigure_session(call.session, provider=call.new)
        await asyncio.sleep(10)
        await call.new.simulate_transcription(call.session, "hello", role="user")

        assert call.session.provider_session_id is not None
        assert call.session.link_states["provider"] is LinkState.UP
        assert (call.old.open_links, call.new.open_links, call.new.hung_up) == (1, 1, 0)
        call.old.open_links -= 1  # the one that dropped needed no hanging up


async def test_a_hand_over_in_the_middle_of_an_endless_answer_lets_the_session_fall_quiet() -> None:
    async with TwoProviders() as call:
        await call.old.simulate_response_start(call.session)  # and never a word of it, nor its end

        await call.channel.reconfigure_session(call.session, provider=call.new)

        async with asyncio.timeout(1):
            await call.channel.wait_idle("room-1")
        assert [c.method for c in call.new.calls if c.method == "ask_for_response"] == ["ask_for_response"]


async def outcome(channel: RealtimeVoiceChannel, session: VoiceSession, provider: SlowProvider) -> object:
    try:
        await channel.reconfigure_session(session, provider=provider)
    except RoomKitError as error:
        return error
    return None


async def test_a_refusal_on_the_way_back_ends_the_session_and_tells_why() -> None:
    call = await start_call()
    call.provider.refuse_with = [ProviderLostError("busy"), ProviderRefusedError("the key was revoked")]

    await call.provider.simulate_disconnect(call.view)
    await call.over()

    assert call.view.end_reason is EndReason.PROVIDER_REFUSED
    assert "revoked" in call.port.of(HookTrigger.ON_ERROR)[0].message
    assert "revoked" in call.told("error")[0]["message"]
