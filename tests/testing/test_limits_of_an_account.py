"""What the vendors allow an account, on the simulators: connections at once, answers a minute; and what callers notice.

R-0006-51, R-0006-55 and R-0006-68.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.clock import SYSTEM_CLOCK, Clock
from roomkit.errors import ConfigError, ProviderLostError, RoomKitError
from roomkit.kit import RoomKit
from roomkit.models.enums import HookTrigger
from roomkit.models.session import SessionState
from roomkit.models.voice import ErrorEvent
from roomkit.testing import (
    OpenAISimulator,
    VirtualClock,
    XAISimulator,
)
from roomkit.testing.simulators.account import Account
from roomkit.testing.simulators.openai.reading import Reading
from roomkit.testing.simulators.openai.session import OpenAISimulatorSession
from roomkit.voice.realtime.commands import LinkConfig
from roomkit.voice.realtime.mock import MockRealtimeTransport
from roomkit.voice.realtime.provider import RealtimeVoiceProvider
from roomkit.voice.wires.port import Dialler, Endpoint, WirePort, WireRefused
from tests.testing.vendors import EACH_VENDOR, provider_on, served, simulator_of


class Deaf:
    def on_event(self, event: object) -> None: ...
    async def settled(self) -> None: ...


class Call:
    """A caller on a mock transport who types."""

    def __init__(self, clock: Clock, *providers: RealtimeVoiceProvider, **options: Any) -> None:
        self.kit = RoomKit(clock=clock)
        self.errors: list[ErrorEvent] = []
        self.transport = MockRealtimeTransport(lead_ms=200)
        self.channel = RealtimeVoiceChannel("voice", provider=[*providers], transport=self.transport, **options)
        self.kit.register_channel(self.channel)

        @self.kit.hook(HookTrigger.ON_ERROR)
        async def keep(event: ErrorEvent, _: object) -> None:
            self.errors.append(event)

    async def __aenter__(self) -> Call:
        self.session = await self.channel.start_session("room-1", "caller")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kit.close()

    async def says(self, text: str) -> None:
        await self.channel.inject_text(self.session, text)

    def codes(self) -> list[str]:
        return [event.code for event in self.errors]

    async def words(self) -> list[str]:
        return [event.text for event in await self.kit.get_timeline("room-1", limit=100) if event.text]


# --- connections ----------------------------------------------------------------------------------------------------


@pytest.mark.virtual_time
@EACH_VENDOR
async def test_a_connection_too_many_is_turned_away_and_there_is_room_again_when_one_ends(vendor: str) -> None:
    simulator = simulator_of(vendor, max_connections=1, clock=VirtualClock())
    provider = provider_on(simulator)
    link = await provider.open_link(LinkConfig("one"), Deaf())

    with pytest.raises(ProviderLostError) as refused:
        await provider.open_link(LinkConfig("two"), Deaf())
    await link.close()
    await asyncio.sleep(1)
    await (await provider.open_link(LinkConfig("three"), Deaf())).close()

    assert refused.value.code == "http_429"
    assert refused.value.retryable


@EACH_VENDOR
async def test_over_a_socket_too_a_connection_too_many_gets_429(vendor: str) -> None:
    async with served(simulator_of(vendor, max_connections=1)) as provider:
        link = await provider.open_link(LinkConfig("one"), Deaf())

        with pytest.raises(RoomKitError, match="429"):
            await provider.open_link(LinkConfig("two"), Deaf())
        await link.close()


@pytest.mark.virtual_time
async def test_who_waits_for_a_free_connection_gets_it_by_backing_off() -> None:
    clock = VirtualClock()
    simulator = OpenAISimulator(max_connections=1, clock=clock)
    provider = provider_on(simulator)
    occupant = await provider.open_link(LinkConfig("other"), Deaf())
    call = Call(clock, provider)

    async with asyncio.TaskGroup() as tasks:
        starting = tasks.create_task(call.__aenter__())
        await asyncio.sleep(2)
        was_waiting = not starting.done()
        await occupant.close()

    assert was_waiting
    assert call.session.state is SessionState.ACTIVE
    await call.kit.close()


@pytest.mark.virtual_time
@EACH_VENDOR
async def test_a_primary_that_has_no_connection_left_fails_over(vendor: str) -> None:
    clock = VirtualClock()
    full, other = simulator_of(vendor, max_connections=0, clock=clock), OpenAISimulator(clock=clock)
    primary, secondary = provider_on(full), provider_on(other)

    async with Call(clock, primary, secondary) as call:
        await call.says("Are you open?")
        await asyncio.sleep(5)
        words = await call.words()

    assert len(other.sessions) == 1
    assert words[-1] == "You said: Are you open?"


class Busy:
    """A way to a vendor that says once when to come again."""

    def __init__(self, dial: Dialler, retry_after_s: float) -> None:
        self._dial = dial
        self._retry_after_s = retry_after_s
        self.dialled_ms: list[float] = []

    async def dial(self, endpoint: Endpoint) -> WirePort:
        self.dialled_ms.append(asyncio.get_running_loop().time() * 1000)
        if len(self.dialled_ms) == 1:
            raise WireRefused(429, "slow down", retry_after_s=self._retry_after_s)
        return await self._dial(endpoint)


@pytest.mark.virtual_time
async def test_a_vendor_that_says_when_to_come_again_is_dialled_then() -> None:
    clock = VirtualClock()
    simulator = OpenAISimulator(clock=clock)
    line = Busy(simulator.dial, retry_after_s=7)

    async with Call(clock, provider_on(simulator, dial=line.dial)) as call:
        state = call.session.state

    assert state is SessionState.ACTIVE
    assert line.dialled_ms[1] - line.dialled_ms[0] == pytest.approx(7_000)


@pytest.mark.virtual_time
async def test_nobody_waits_on_the_line_for_a_vendor_that_is_busy_for_an_hour() -> None:
    clock = VirtualClock()
    simulator = OpenAISimulator(clock=clock)
    line = Busy(simulator.dial, retry_after_s=3_600)
    call = Call(clock, provider_on(simulator, dial=line.dial))

    with pytest.raises(ProviderLostError, match="429"):
        await call.__aenter__()
    await call.kit.close()

    assert len(line.dialled_ms) == 1


@pytest.mark.virtual_time
async def test_with_somebody_else_to_go_to_nobody_waits_for_the_busy_one() -> None:
    clock = VirtualClock()
    simulator, other = OpenAISimulator(clock=clock), XAISimulator(clock=clock)
    line = Busy(simulator.dial, retry_after_s=7)
    began_s = asyncio.get_running_loop().time()

    async with Call(clock, provider_on(simulator, dial=line.dial), provider_on(other)):
        took_s = asyncio.get_running_loop().time() - began_s

    assert len(other.sessions) == 1
    assert took_s < 3


@EACH_VENDOR
@pytest.mark.parametrize("limit", ["max_connections", "responses_per_minute"])
def test_a_limit_below_zero_is_refused(vendor: str, limit: str) -> None:
    with pytest.raises(ConfigError, match=limit):
        simulator_of(vendor, **{limit: -1})


# --- answers a minute -----------------------------------------------------------------------------------------------


@pytest.mark.virtual_time
@pytest.mark.parametrize("vendor", ["openai", "xai"])
async def test_an_answer_beyond_the_rate_is_told_and_asked_for_once_more(vendor: str) -> None:
    clock = VirtualClock()
    simulator = simulator_of(vendor, responses_per_minute=1, clock=clock)
    async with Call(clock, provider_on(simulator)) as call:
        await call.says("one")
        await asyncio.sleep(58.5)  # what is left of the minute is less than anybody waits in vain
        await call.says("two")
        await asyncio.sleep(0.5)
        told, told_client = call.codes(), call.transport.messages(call.session, "error")
        await asyncio.sleep(10)
        words, codes, state = await call.words(), call.codes(), call.session.state

    assert told == ["rate_limited"]
    assert [message["code"] for message in told_client] == ["rate_limited"]
    assert words == ["You said: one", "You said: two"]
    assert codes == told
    assert state is SessionState.ACTIVE


@pytest.mark.virtual_time
async def test_openai_is_asked_again_when_its_limit_is_reset_and_not_before() -> None:
    clock = VirtualClock()
    simulator = OpenAISimulator(responses_per_minute=1, clock=clock)
    async with Call(clock, provider_on(simulator)) as call:
        await call.says("one")
        await asyncio.sleep(45)
        await call.says("two")
        await asyncio.sleep(14)
        before = len([event for event in simulator.received if event["type"] == "response.create"])
        await asyncio.sleep(6)
        words = await call.words()

    assert before == 2
    assert words == ["You said: one", "You said: two"]


@pytest.mark.virtual_time
async def test_an_answer_that_could_come_only_much_later_has_failed_and_the_call_goes_on() -> None:
    clock = VirtualClock()
    simulator = OpenAISimulator(responses_per_minute=1, clock=clock)
    async with Call(clock, provider_on(simulator)) as call:
        await call.says("one")
        await asyncio.sleep(5)
        await call.says("two")
        await asyncio.sleep(70)
        await call.says("three")
        await asyncio.sleep(5)
        words, codes = await call.words(), call.codes()

    assert words == ["You said: one", "You said: three"]
    assert codes == ["rate_limited"]


@pytest.mark.virtual_time
async def test_an_answer_that_fails_twice_is_not_asked_for_a_third_time() -> None:
    clock = VirtualClock()
    simulator = XAISimulator(responses_per_minute=0, clock=clock)  # which does not say when it may be asked again
    async with Call(clock, provider_on(simulator)) as call:
        await call.says("one")
        await asyncio.sleep(30)
        state, codes = call.session.state, call.codes()

    assert codes == ["rate_limited"] * 2
    assert state is SessionState.ACTIVE
    assert len(simulator.sessions) == 1


@pytest.mark.virtual_time
async def test_a_greeting_that_fails_by_the_rate_is_said_word_for_word_all_the_same() -> None:
    clock = VirtualClock()
    simulator = XAISimulator(responses_per_minute=1, clock=clock)
    async with Call(clock, provider_on(simulator)) as call:
        await call.says("one")
        await asyncio.sleep(59)
        await call.channel.inject_text(call.session, "Welcome back.", role="assistant")
        await asyncio.sleep(10)
        words = await call.words()

    assert words == ["You said: one", "Welcome back."]


@pytest.mark.virtual_time
@pytest.mark.parametrize("vendor", ["gemini", "elevenlabs"])
async def test_a_vendor_that_hangs_up_over_the_rate_is_dialled_again_and_answers_when_it_may(vendor: str) -> None:
    clock = VirtualClock()
    simulator = simulator_of(vendor, responses_per_minute=1, clock=clock)
    async with Call(clock, provider_on(simulator)) as call:
        await call.says("one")
        await asyncio.sleep(57)
        await call.says("two")
        await asyncio.sleep(30)
        words, state = await call.words(), call.session.state

    assert words[0] == "You said: one"
    assert len(simulator.sessions) > 1
    assert any("-> closed 1011" in line for line in simulator.log)
    assert call.transport.messages(call.session, "link_state")
    assert state is SessionState.ACTIVE
    assert len(words) == 2


@pytest.mark.virtual_time
async def test_the_answers_of_all_connections_are_counted_together() -> None:
    clock = VirtualClock()
    simulator = OpenAISimulator(responses_per_minute=1, clock=clock)
    provider = provider_on(simulator)
    async with Call(clock, provider) as first, Call(clock, provider) as second:
        await first.says("one")
        await second.says("two")
        await asyncio.sleep(1)

    assert (first.codes(), second.codes()) == ([], ["rate_limited"])


async def test_openais_own_models_take_what_is_said_of_a_limit() -> None:
    realtime = pytest.importorskip("openai.types.realtime", reason="the official SDK is not installed")
    account = Account(None, 0, SYSTEM_CLOCK)
    session = OpenAISimulatorSession(new_id=SYSTEM_CLOCK.new_id, model="m", now_ms=0.0, wall_s=0.0, account=account)

    session.receive(Reading({"type": "response.create"}))
    events = {event["type"]: event for event in session.take() if isinstance(event, dict)}

    told = realtime.RateLimitsUpdatedEvent.model_validate(events["rate_limits.updated"], strict=True)
    done = realtime.ResponseDoneEvent.model_validate(events["response.done"], strict=True)
    assert (told.rate_limits[0].name, told.rate_limits[0].remaining) == ("requests", 0)
    assert (done.response.status, done.response.status_details.error.code) == ("failed", "rate_limit_exceeded")
