"""A call whose provider cannot go on, and goes on with another one (RFC 0006, R-0006-55..58)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.core.ports import Verdict
from roomkit.errors import ConfigError, ProviderLostError, ProviderRefusedError
from roomkit.models.enums import HookTrigger
from roomkit.models.session import EndReason, LinkState, SessionState, VoiceSession
from roomkit.models.tool_call import Tool
from roomkit.testing.call import RecordingRoomPort, tone
from roomkit.voice.realtime.agent import Agent
from roomkit.voice.realtime.breaker import BreakerPolicy, BreakerState, CircuitBreaker
from roomkit.voice.realtime.commands import LinkConfig
from roomkit.voice.realtime.mock import MOCK_PROFILE, MockRealtimeProvider, MockRealtimeTransport
from roomkit.voice.realtime.provider import ProviderLink, ProviderSink
from roomkit.voice.realtime.provider_events import (
    GoingAway,
    InputCommitted,
    LinkLost,
    ResponseStarted,
    SpeechStarted,
    Transcript,
)

pytestmark = pytest.mark.virtual_time


def no() -> ProviderRefusedError:
    """A fresh one each time: an exception that is kept keeps its traceback, and that the session."""
    return ProviderRefusedError("the key was revoked", code="http_401", retryable=False)


class Vendor(MockRealtimeProvider):
    """A vendor by name that takes ``takes_s`` to answer the door."""

    def __init__(self, name: str, *, takes_s: float = 0.0, rate_hz: int | None = None) -> None:
        super().__init__(profile=replace(MOCK_PROFILE, name=name), rate_hz=rate_hz)
        self.takes_s = takes_s
        self.open_links = 0

    async def open_link(self, config: LinkConfig, sink: ProviderSink) -> ProviderLink:
        await asyncio.sleep(self.takes_s)
        link = await super().open_link(config, sink)
        self.open_links += 1
        return link

    @property
    def dials(self) -> int:
        return self.methods().count("connect")

    @property
    def config(self) -> LinkConfig:
        """Of the newest dial."""
        newest: LinkConfig = [call.args["config"] for call in self.calls if call.method == "connect"][-1]
        return newest

    def told(self) -> list[str]:
        """What its newest link was told, audio aside."""
        newest = max(n for n, call in enumerate(self.calls) if call.method == "connect")
        return [call.method for call in self.calls[newest + 1 :] if call.method not in ("send_audio", "disconnect")]


class Two:
    """A session on a primary that has a secondary."""

    def __init__(self, **channel: Any) -> None:
        self.primary, self.secondary = Vendor("primary"), Vendor("secondary")
        self.transport = MockRealtimeTransport()
        self.options = channel
        self.port = RecordingRoomPort()

    async def __aenter__(self) -> Two:
        return self

    async def start(self, *entries: Any) -> VoiceSession:
        self.channel = RealtimeVoiceChannel(
            "voice", provider=entries or [self.primary, self.secondary], transport=self.transport, **self.options
        )
        self.channel._enter = self._enter  # type: ignore[method-assign]  # a room that remembers, without a kit
        self.session = await self.channel.start_session("room-1", "caller")
        return self.session

    async def _enter(self, room_id: str, participant_id: str) -> tuple[Any, None]:
        return self.port, None

    async def __aexit__(self, *_: object) -> None:
        await self.channel.close()
        tasks = {task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()}
        assert tasks == set()

    def client(self, type_: str) -> list[dict[str, Any]]:
        return self.transport.messages(self.session, type_)

    @property
    def errors(self) -> list[str]:
        return [event.code for event in self.port.of(HookTrigger.ON_ERROR)]


# --- when ---------------------------------------------------------------------------------------------------------


async def test_a_primary_that_is_lost_is_redialled_once_and_the_call_goes_on_with_the_next() -> None:
    async with Two() as call:
        await call.start()
        call.primary.refuse_with = [ProviderLostError("gone") for _ in range(9)]

        await call.primary.simulate_disconnect(call.session)
        await asyncio.sleep(0.95)

        assert (call.session.state, call.session.provider) == (SessionState.ACTIVE, "secondary")
        assert (call.primary.dials, call.secondary.dials) == (2, 1)
        assert call.session.link_states["provider"] is LinkState.UP
        assert [m["provider"] for m in call.client("provider_changed")] == ["secondary"]
        assert [m["state"] for m in call.client("link_state")] == ["recovering", "up"]
        assert call.client("error") == []
        assert call.errors == ["1006"]


async def test_the_next_link_is_told_the_words_that_a_slow_hook_had_in_hand() -> None:
    """R-0006-51: the conversation as heard, whoever still looks at its last words."""

    async def slow(event: Any) -> Verdict[Any]:
        await asyncio.sleep(1)
        return Verdict(True, event)

    async with Two() as call:
        call.port.hooks[HookTrigger.ON_TRANSCRIPTION] = slow
        await call.start()
        sink = call.primary._links[call.session.id].sink
        sink.on_event(Transcript("user", "my order is late", is_final=True, item_id="words"))

        sink.on_event(LinkLost("http_401", "a bad key", retryable=False))
        await asyncio.sleep(3)

        assert call.session.provider == "secondary"
        assert ("inject_text", "my order is late") in [
            (each.method, each.args.get("text")) for each in call.secondary.calls
        ]


async def test_a_primary_that_does_not_answer_its_redial_has_a_secondary_beside_it_after_half_a_second() -> None:
    async with Two() as call:
        await call.start()
        call.primary.takes_s = 60

        await call.primary.simulate_disconnect(call.session)
        await asyncio.sleep(0.6)

        assert call.session.provider == "secondary"
        assert call.primary.open_links == 1


async def test_a_primary_that_comes_back_at_once_keeps_the_call() -> None:
    async with Two() as call:
        await call.start()
        await asyncio.sleep(10)

        await call.primary.simulate_disconnect(call.session)
        await asyncio.sleep(1)

        assert (call.session.provider, call.secondary.dials) == ("primary", 0)


@pytest.mark.parametrize(("code", "retryable"), [("rate_limited", True), ("quota_exceeded", False)])
async def test_a_link_that_stands_by_for_its_age_does_not_take_over_from_an_account_over_its_limit(
    code: str, retryable: bool
) -> None:
    """R-0006-68, R-0006-77: it is the same account."""
    async with Two() as call:
        await call.start()
        serving = call.primary._links[call.session.id]
        serving.sink.on_event(ResponseStarted("answer"))
        serving.sink.on_event(GoingAway(20_000.0))
        await asyncio.sleep(1)
        assert call.primary.open_links == 2

        serving.sink.on_event(LinkLost(code, "too much", retryable))
        await asyncio.sleep(1)

        assert (call.session.provider, call.secondary.dials) == ("secondary", 1)
        assert call.primary._links[call.session.id].is_closed
        assert call.errors == [code]


async def test_where_nobody_else_is_free_the_link_that_stands_by_takes_over_and_the_limit_is_told() -> None:
    async with Two() as call:
        await call.start(call.primary)
        serving = call.primary._links[call.session.id]
        serving.sink.on_event(ResponseStarted("answer"))
        serving.sink.on_event(GoingAway(20_000.0))
        await asyncio.sleep(1)

        serving.sink.on_event(LinkLost("rate_limited", "too much", retryable=True))
        await asyncio.sleep(1)

        assert (call.session.provider, call.primary.open_links) == ("primary", 2)
        assert call.errors == ["rate_limited"]


@pytest.mark.parametrize(("code", "reason"), [("http_401", "a bad key"), ("policy_violation", "a bad configuration")])
async def test_a_primary_that_says_no_is_not_asked_again(code: str, reason: str) -> None:
    async with Two() as call:
        await call.start()

        await call.primary.simulate_disconnect(call.session, code=code, reason=reason, retryable=False)
        await asyncio.sleep(60)

        assert (call.session.provider, call.primary.dials) == ("secondary", 1)
        assert call.errors == [code]


@pytest.mark.parametrize("kind", [ProviderRefusedError, ProviderLostError, ConfigError])
async def test_the_start_of_a_session_fails_over_too(kind: type[Any]) -> None:
    async with Two() as call:
        call.primary.refuse_with = [kind("no")]

        session = await call.start()

        assert (session.state, session.provider) == (SessionState.ACTIVE, "secondary")
        assert call.client("session_started")[0]["provider"] == "secondary"
        assert call.errors == ["provider_changed"]


async def test_a_session_nobody_serves_raises_what_the_primary_said() -> None:
    async with Two() as call:
        call.primary.refuse_with = [no()]
        call.secondary.refuse_with = [ProviderRefusedError("no money", code="http_402", retryable=False)]

        with pytest.raises(ProviderRefusedError, match="revoked"):
            await call.start()

        assert (call.primary.open_links, call.secondary.open_links) == (0, 0)


async def test_a_provider_that_stalls_while_it_owes_an_answer_is_given_up() -> None:
    async with Two(stall_timeout_s=4.0) as call:
        await call.start()
        await call.primary.simulate_event(call.session, InputCommitted("turn-0"))

        await asyncio.sleep(3.9)
        before = call.session.provider
        await asyncio.sleep(1.2)

        assert (before, call.session.provider) == ("primary", "secondary")
        assert call.errors == ["stalled"]
        assert call.secondary.told() == ["ask_for_response"]


async def test_a_provider_that_stalls_in_the_middle_of_an_answer_is_given_up() -> None:
    async with Two() as call:
        await call.start()
        await call.primary.simulate_response_start(call.session)
        await call.primary.simulate_audio(call.session, tone(0.5))

        await asyncio.sleep(10)

        assert call.session.provider == "secondary"


async def test_silence_is_no_stall_while_nothing_is_owed_or_the_caller_speaks() -> None:
    async with Two(stall_timeout_s=1.0) as call:
        await call.start()
        await asyncio.sleep(10)
        await call.primary.simulate_event(call.session, InputCommitted("turn-0"))
        await call.primary.simulate_event(call.session, SpeechStarted("turn-1"))

        await asyncio.sleep(10)

        assert (call.session.provider, call.primary.dials) == ("primary", 1)


async def test_a_provider_with_nobody_behind_it_is_given_four_times_as_long_and_more_each_time() -> None:
    async with Two(stall_timeout_s=1.0) as call:
        await call.start(call.primary)
        await call.primary.simulate_event(call.session, InputCommitted("turn-0"))

        await asyncio.sleep(3.9)
        dials = [call.primary.dials]
        await asyncio.sleep(1.1)
        dials.append(call.primary.dials)
        await asyncio.sleep(6)
        dials.append(call.primary.dials)

        assert dials == [1, 2, 2]


async def test_stalls_are_not_looked_for_where_that_is_not_wanted() -> None:
    async with Two(stall_timeout_s=None) as call:
        await call.start()
        await call.primary.simulate_event(call.session, InputCommitted("turn-0"))

        await asyncio.sleep(600)

        assert call.session.provider == "primary"


async def test_a_call_that_everybody_refuses_ends() -> None:
    async with Two() as call:
        await call.start()
        call.secondary.refuse_with = [no()]

        await call.primary.simulate_disconnect(call.session, code="http_401", reason="revoked", retryable=False)
        await asyncio.sleep(5)

        assert call.session.end_reason is EndReason.PROVIDER_REFUSED


async def test_when_the_secondary_dies_too_the_primary_is_tried_again() -> None:
    async with Two() as call:
        await call.start()
        await asyncio.sleep(6)
        call.primary.refuse_with = [ProviderLostError("gone")]
        await call.primary.simulate_disconnect(call.session)
        await asyncio.sleep(6)
        call.secondary.refuse_with = [ProviderLostError("gone")]

        await call.secondary.simulate_disconnect(call.session)
        await asyncio.sleep(1)

        assert call.session.provider == "primary"
        assert [m["provider"] for m in call.client("provider_changed")] == ["secondary", "primary"]


# --- what goes along ----------------------------------------------------------------------------------------------


async def test_the_conversation_the_open_tools_and_what_is_owed_go_along() -> None:
    async def work() -> str:
        await asyncio.sleep(3)
        return "done"

    async with Two(tools=[Tool("work", handler=work)]) as call:
        await call.start()
        await call.primary.simulate_transcription(call.session, "my name is Ada", role="user")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(call.primary.simulate_tool_call(call.session, "c1", "work"))
            await asyncio.sleep(1)
            tasks.create_task(
                call.primary.simulate_disconnect(call.session, code="http_401", reason="no", retryable=False)
            )

        assert call.secondary.told() == ["inject_text", "recall_tool_call", "tool_result"]
        assert call.secondary.tool_results == [(call.session.id, "c1", "done")]
        assert call.primary.tool_results == []


async def test_what_was_written_for_one_vendor_is_not_said_to_another() -> None:
    native = {"type": "web_search"}
    async with Two(
        voice="marin", provider_config={"truncation": "auto"}, tools=[native, Tool("work")], system_prompt="Be brief."
    ) as call:
        third = Vendor("third")
        await call.start(call.primary, call.secondary, Agent("third", provider=third, voice="eve"))
        own = call.primary.config
        await call.primary.simulate_disconnect(call.session, code="1008", reason="no", retryable=False)
        await asyncio.sleep(1)
        await call.secondary.simulate_disconnect(call.session, code="1008", reason="no", retryable=False)
        await asyncio.sleep(1)

        others = call.secondary.config, third.config
        assert (own.voice, own.vendor_tools, own.provider_config) == ("marin", (native,), {"truncation": "auto"})
        assert [config.voice for config in others] == [None, "eve"]
        assert [(config.vendor_tools, config.provider_config) for config in others] == [((), {}), ((), {})]
        assert [config.instructions for config in others] == ["Be brief.", "Be brief."]
        assert [[tool.name for tool in config.tools] for config in others] == [["work"], ["work"]]


async def test_an_agent_changed_in_place_after_a_failover_still_leaves_the_voice_where_it_belongs() -> None:
    async with Two(voice="marin") as call:
        await call.start()
        await call.primary.simulate_disconnect(call.session, code="1008", reason="no", retryable=False)
        await asyncio.sleep(1)

        await call.channel.reconfigure_session(call.session, system_prompt="Be kind.")

        updated = [c.args["config"] for c in call.secondary.calls if c.method == "update_session"]
        assert [(config.instructions, config.voice) for config in updated] == [("Be kind.", None)]


@pytest.mark.parametrize("entries", [[], ["openai"], [Agent("alone")]])
async def test_what_cannot_speak_is_no_provider(entries: list[Any]) -> None:
    with pytest.raises(ConfigError):
        RealtimeVoiceChannel("voice", provider=entries, transport=MockRealtimeTransport())


async def test_a_provider_object_is_listed_once() -> None:
    vendor = Vendor("one")

    with pytest.raises(ConfigError, match="twice"):
        RealtimeVoiceChannel("voice", provider=[vendor, vendor], transport=MockRealtimeTransport())


# --- breakers -----------------------------------------------------------------------------------------------------


async def test_a_provider_that_failed_other_sessions_is_not_dialled_by_a_new_one() -> None:
    async with Two() as call:
        call.primary.breaker = CircuitBreaker(BreakerPolicy(failures=2, cool_down_ms=60_000.0))
        call.primary.refuse_with = [no(), no()]
        await call.start()
        await call.channel.start_session("room-2", "another")

        await call.channel.start_session("room-3", "a third")

        assert (call.primary.dials, call.secondary.dials) == (2, 3)


async def test_after_its_cool_down_one_session_tries_it_and_the_others_follow() -> None:
    async with Two() as call:
        call.primary.breaker = CircuitBreaker(BreakerPolicy(failures=1, cool_down_ms=60_000.0))
        call.primary.refuse_with = [no()]
        await call.start()
        await asyncio.sleep(61)

        later = await call.channel.start_session("room-2", "another")
        await asyncio.sleep(6)

        assert later.provider == "primary"
        assert call.primary.breaker.state(asyncio.get_running_loop().time() * 1000.0) is BreakerState.CLOSED


async def test_a_lone_provider_is_dialled_whatever_its_breaker_says_unless_it_is_told_to_fail_fast() -> None:
    async with Two() as call:
        call.primary.breaker = CircuitBreaker(BreakerPolicy(failures=1))
        call.primary.refuse_with = [no()]
        with pytest.raises(ProviderRefusedError):
            await call.start(call.primary)
        again = await call.channel.start_session("room-1", "caller")
        call.primary.breaker = CircuitBreaker(BreakerPolicy(failures=1, fails_fast=True))
        call.primary.refuse_with = [no()]
        with pytest.raises(ProviderRefusedError):
            await call.channel.start_session("room-2", "caller")
        dials = call.primary.dials

        with pytest.raises(ProviderLostError):
            await call.channel.start_session("room-3", "caller")

        assert again.state is SessionState.ACTIVE
        assert call.primary.dials == dials
