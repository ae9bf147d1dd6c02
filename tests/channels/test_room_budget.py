"""A budget of a room: all its sessions together, with what it has used before (R-0006-95, 96)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from roomkit import Budget, HookTrigger, Price, PriceTable, RoomBudget, RoomKit
from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.errors import AccessDeniedError, ConfigError, NotFoundError, ProviderRefusedError, SessionStateError
from roomkit.models.session import EndReason, SessionState, VoiceSession
from roomkit.testing.virtual_time import VirtualClock
from roomkit.voice.realtime.agent import Agent
from roomkit.voice.realtime.commands import LinkConfig
from roomkit.voice.realtime.mock import MockRealtimeProvider, MockRealtimeTransport
from roomkit.voice.realtime.provider import ProviderLink, ProviderSink

pytestmark = pytest.mark.virtual_time

PRICES = PriceTable(
    (
        Price("mock", "by-the-token", output_text=Decimal(1_000_000)),  # a dollar each
        Price("mock", "by-the-minute", per_minute=Decimal(60)),  # a dollar a second
    )
)


class Rooms:
    """A kit with one or two voice channels."""

    def __init__(self, budget: RoomBudget | None, model: str = "by-the-token", **options: Any) -> None:
        self.kit = RoomKit(clock=VirtualClock())
        self.budget = budget
        self.provider = MockRealtimeProvider(model)
        self.options = {"prices": PRICES, "provider": self.provider, **options}
        self.channel = self.another("voice", budget)
        self.warned: list[tuple[str, str, float | None, int]] = []
        self.kit.hook(HookTrigger.ON_BUDGET_WARNING)(self._warn)

    async def _warn(self, event: Any, _: object) -> None:
        self.warned.append((event.scope, event.limit, event.used_share, event.usage.total_tokens))

    def another(self, channel_id: str, budget: RoomBudget | None) -> RealtimeVoiceChannel:
        channel = RealtimeVoiceChannel(
            channel_id, transport=MockRealtimeTransport(), room_budget=budget, **self.options
        )
        self.kit.register_channel(channel)
        return channel

    async def __aenter__(self) -> Rooms:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kit.close()

    async def call(self, who: str, room: str = "room", **metadata: Any) -> VoiceSession:
        return await self.channel.start_session(room, who, metadata=metadata)

    async def uses(self, session: VoiceSession, tokens: int, provider: MockRealtimeProvider | None = None) -> None:
        await (provider or self.provider).simulate_response_end(session, usage={"output_text_tokens": tokens})
        await asyncio.sleep(0.1)

    async def hears(self, session: VoiceSession) -> None:
        """The agent's words reach the room's record."""
        await self.provider.simulate_transcription(session, "It is on its way.")


def of(**limits: Any) -> RoomBudget:
    return RoomBudget(Budget(**limits))


def reasons(*sessions: VoiceSession) -> list[EndReason | None]:
    return [session.end_reason for session in sessions]


# --- together ---------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [{"max_tokens": 10}, {"max_cost": 10}])
async def test_the_sessions_of_a_room_use_its_budget_up_together(limit: dict[str, int]) -> None:
    async with Rooms(of(**limit)) as rooms:
        ada, bob, elsewhere = await rooms.call("ada"), await rooms.call("bob"), await rooms.call("cy", "other")

        await rooms.uses(ada, 6)
        await rooms.uses(elsewhere, 6)
        before = reasons(ada, bob, elsewhere)
        await rooms.uses(bob, 4)
        await asyncio.sleep(1)

        assert before == [None, None, None]
        assert reasons(ada, bob, elsewhere) == [EndReason.BUDGET_EXCEEDED, EndReason.BUDGET_EXCEEDED, None]


async def test_one_warning_says_that_it_is_the_rooms_and_what_the_room_used() -> None:
    async with Rooms(of(max_tokens=100)) as rooms:
        ada, bob = await rooms.call("ada"), await rooms.call("bob")

        await rooms.uses(ada, 60)
        await rooms.uses(bob, 25)
        await rooms.uses(ada, 5)

        assert rooms.warned == [("room", "max_tokens", 0.85, 85)]


async def test_each_caller_is_told_goodbye() -> None:
    async with Rooms(of(max_tokens=10, farewell="That is all for today.")) as rooms:
        sessions = [await rooms.call(name) for name in ("ada", "bob")]

        await rooms.uses(sessions[0], 10)
        await asyncio.sleep(30)

        said = [call.args["text"] for call in rooms.provider.calls if call.method == "speak"]
        assert said == ["That is all for today."] * 2
        assert reasons(*sessions) == [EndReason.BUDGET_EXCEEDED] * 2


@pytest.mark.parametrize("limit", [{"max_duration_s": 60}, {"max_cost": 60}])
async def test_time_runs_for_each_link_that_is_up_although_nobody_speaks(limit: dict[str, int]) -> None:
    async with Rooms(of(**limit), "by-the-minute") as rooms:
        ada = await rooms.call("ada")
        await asyncio.sleep(20)
        bob = await rooms.call("bob")

        await asyncio.sleep(19.9)  # 20 alone and 20 together
        before = reasons(ada, bob)
        await asyncio.sleep(0.2)

        assert before == [None, None]
        assert reasons(ada, bob) == [EndReason.BUDGET_EXCEEDED] * 2
        assert [warned[:2] for warned in rooms.warned] == [("room", next(iter(limit)))]


async def test_what_a_session_used_stays_used_when_it_is_over() -> None:
    async with Rooms(of(max_tokens=10)) as rooms:
        ada, bob = await rooms.call("ada"), await rooms.call("bob")
        await rooms.uses(ada, 6)
        await rooms.channel.end_session(ada)
        await asyncio.sleep(5)

        await rooms.uses(bob, 4)
        await asyncio.sleep(1)

        assert bob.end_reason is EndReason.BUDGET_EXCEEDED


# --- before and after -------------------------------------------------------------------------


async def test_what_the_room_used_before_counts_once() -> None:
    async with Rooms(of(max_tokens=10)) as rooms:
        for _ in range(2):
            session = await rooms.call("ada")
            await rooms.hears(session)
            await rooms.uses(session, 4)
            await rooms.channel.end_session(session)
            await asyncio.sleep(1)
        session = await rooms.call("ada")
        before = session.end_reason

        await rooms.uses(session, 2)
        await asyncio.sleep(1)

        assert before is None
        assert session.end_reason is EndReason.BUDGET_EXCEEDED


async def test_a_room_that_has_used_it_up_takes_no_more_calls_and_nobody_is_dialled() -> None:
    async with Rooms(of(max_tokens=10)) as rooms:
        session = await rooms.call("ada")
        await rooms.uses(session, 10)
        await asyncio.sleep(1)
        dials = rooms.provider.methods().count("connect")

        with pytest.raises(AccessDeniedError, match="max_tokens"):
            await rooms.call("bob")

        assert rooms.provider.methods().count("connect") == dials
        assert (await rooms.call("bob", "other")).state is SessionState.ACTIVE


class _SlowProvider(MockRealtimeProvider):
    """Takes a second to answer."""

    async def open_link(self, config: LinkConfig, sink: ProviderSink) -> ProviderLink:
        await asyncio.sleep(1)
        return await super().open_link(config, sink)


async def test_a_call_that_is_being_dialled_when_the_room_is_used_up_does_not_begin() -> None:
    slow = _SlowProvider()
    async with Rooms(of(max_tokens=10), provider=slow) as rooms:
        ada = await rooms.call("ada")

        async def use_up() -> None:
            await asyncio.sleep(0.5)
            await rooms.uses(ada, 10, slow)

        outcome, _ = await asyncio.gather(rooms.call("bob"), use_up(), return_exceptions=True)

        assert isinstance(outcome, SessionStateError)
        assert "budget_exceeded" in str(outcome)
        assert ada.end_reason is EndReason.BUDGET_EXCEEDED
        assert rooms.channel.get_room_sessions("room") == []


async def test_hooks_that_fail_stop_neither_the_warning_nor_the_end() -> None:
    async with Rooms(of(max_tokens=10)) as rooms:

        @rooms.kit.hook(HookTrigger.ON_BUDGET_WARNING, priority=-1)
        async def broken(event: object, context: object) -> None:
            raise ValueError("not me")

        ada, bob = await rooms.call("ada"), await rooms.call("bob")

        await rooms.uses(ada, 9)
        await rooms.uses(bob, 1)
        await asyncio.sleep(1)

        assert len(rooms.warned) == 1
        assert reasons(ada, bob) == [EndReason.BUDGET_EXCEEDED] * 2


async def test_a_caller_who_calls_again_goes_on_with_what_the_room_has_left() -> None:
    async with Rooms(of(max_tokens=10)) as rooms:
        first = await rooms.call("ada")
        await rooms.uses(first, 6)
        second = await rooms.call("ada")

        await rooms.uses(second, 3)
        before = second.end_reason
        await rooms.uses(second, 1)
        await asyncio.sleep(1)

        assert (first.end_reason, before) == (EndReason.REPLACED, None)
        assert second.end_reason is EndReason.BUDGET_EXCEEDED


async def test_a_call_that_could_not_begin_counts_for_nothing() -> None:
    async with Rooms(of(max_duration_s=60)) as rooms:
        rooms.provider.refuse_with = [ProviderRefusedError("no such account")]
        with pytest.raises(ProviderRefusedError):
            await rooms.call("ada")
        session = await rooms.call("ada")

        await asyncio.sleep(59)

        assert session.state is SessionState.ACTIVE


async def test_calls_that_begin_at_once_are_counted_together() -> None:
    async with Rooms(of(max_tokens=10)) as rooms:
        ada, bob = await asyncio.gather(rooms.call("ada"), rooms.call("bob"))

        await rooms.uses(ada, 6)
        await rooms.uses(bob, 6)
        await asyncio.sleep(1)

        assert reasons(ada, bob) == [EndReason.BUDGET_EXCEEDED] * 2


async def test_what_calls_of_another_channel_used_meanwhile_counts_for_the_next_one() -> None:
    async with Rooms(of(max_tokens=10)) as rooms:
        phone = rooms.another("phone", None)
        await rooms.channel.end_session(await rooms.call("ada"))
        on_the_phone = await phone.start_session("room", "bob")
        await rooms.uses(on_the_phone, 10)
        await phone.end_session(on_the_phone)
        await asyncio.sleep(1)

        with pytest.raises(AccessDeniedError):
            await rooms.call("ada")


# --- channels ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("shares", "reason"), [(True, EndReason.BUDGET_EXCEEDED), (False, None)])
async def test_channels_that_share_the_object_count_together(shares: bool, reason: EndReason | None) -> None:
    async with Rooms(of(max_tokens=10)) as rooms:
        phone = rooms.another("phone", rooms.budget if shares else of(max_tokens=10))
        ada, bob = await rooms.call("ada"), await phone.start_session("room", "bob")

        await rooms.uses(ada, 6)
        await rooms.uses(bob, 6)
        await asyncio.sleep(1)

        assert reasons(ada, bob) == [reason, reason]


# --- beside a budget of one's own -------------------------------------------------------------


async def test_a_sessions_own_budget_ends_it_alone() -> None:
    async with Rooms(of(max_tokens=100)) as rooms:
        ada, bob = await rooms.call("ada", budget=Budget(max_tokens=5)), await rooms.call("bob")

        await rooms.uses(ada, 5)
        await asyncio.sleep(1)

        assert reasons(ada, bob) == [EndReason.BUDGET_EXCEEDED, None]
        assert rooms.warned == [("session", "max_tokens", 1.0, 5)]


async def test_what_a_call_uses_while_it_winds_up_counts_for_the_room_at_once() -> None:
    async def slow_tool(name: str, arguments: object) -> str:
        await asyncio.sleep(20)
        return "done"

    tool = {"name": "look_up", "description": "Looks it up.", "parameters": {"type": "object", "properties": {}}}
    async with Rooms(of(max_tokens=20), tools=[tool], tool_handler=slow_tool) as rooms:
        ada, bob = await rooms.call("ada", budget=Budget(max_tokens=5)), await rooms.call("bob")
        await rooms.provider.simulate_tool_call(ada, "call_1", "look_up", {})
        await rooms.uses(ada, 5)  # ends when the tool has answered

        await rooms.uses(ada, 15)
        await asyncio.sleep(1)

        assert reasons(ada, bob) == [None, EndReason.BUDGET_EXCEEDED]


async def test_a_used_up_room_hands_its_calls_to_the_fallback() -> None:
    cheap = MockRealtimeProvider("cheap")
    budget = of(max_tokens=10, on_exceeded="degrade", fallback=Agent("frugal", provider=cheap))
    async with Rooms(budget) as rooms:
        ada, bob = await rooms.call("ada"), await rooms.call("bob")

        await rooms.uses(ada, 10)
        await asyncio.sleep(1)
        await rooms.uses(bob, 50, cheap)
        await asyncio.sleep(1)

        assert [session.agent for session in (ada, bob)] == ["frugal", "frugal"]
        assert reasons(ada, bob) == [None, None]


async def test_a_session_that_went_on_with_its_own_fallback_still_ends_with_the_room() -> None:
    cheap = MockRealtimeProvider("cheap")
    own = Budget(max_tokens=5, on_exceeded="degrade", fallback=Agent("frugal", provider=cheap))
    async with Rooms(of(max_tokens=20)) as rooms:
        ada = await rooms.call("ada", budget=own)
        await rooms.uses(ada, 5)
        await asyncio.sleep(1)
        agent = ada.agent

        await rooms.uses(ada, 15, cheap)
        await asyncio.sleep(1)

        assert agent == "frugal"
        assert ada.end_reason is EndReason.BUDGET_EXCEEDED


async def test_a_fallback_nobody_knows_is_refused_before_the_call() -> None:
    async with Rooms(of(max_tokens=1, on_exceeded="degrade", fallback="eve")) as rooms:
        with pytest.raises(NotFoundError, match="eve"):
            await rooms.call("ada")


# --- rubbish ----------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda: RoomBudget({"max_tokens": 5}), lambda: Rooms(Budget(max_tokens=5))])  # type: ignore[arg-type]  # what a user might pass
async def test_what_is_no_budget_of_a_room_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ConfigError, match="Budget"):
        make()
