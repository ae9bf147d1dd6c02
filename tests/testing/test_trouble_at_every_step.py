"""A scripted call broken at each of its steps: cancelled, dropped, hung up. Nothing is left, nothing is said twice.

The real provider on the simulator, in virtual time; a *step* is one turn of the event loop or 50 ms of the call.
"""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

import pytest

from roomkit._aio import Supervisor
from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.errors import RoomKitError
from roomkit.kit import RoomKit
from roomkit.models.enums import HookTrigger
from roomkit.models.session import SessionState, VoiceSession
from roomkit.models.tool_call import Tool
from roomkit.models.voice import ErrorEvent
from roomkit.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit.testing import (
    OpenAISimulator,
    Script,
    VirtualClock,
    VirtualTimeLoop,
    call_tool,
    hear,
    loop,
    say,
    transcribe,
)
from roomkit.testing.call import tone
from roomkit.voice.realtime.mock import MockRealtimeTransport
from roomkit.voice.session.engine import Session
from roomkit.voice.wires.port import Endpoint, WirePort

SPEECH = tone(0.05)
SILENCE = bytes(len(SPEECH))
DEADLINE_S = 90.0


class BrokenCall:
    """A call whose wire, client and starter are in the test's hands."""

    def __init__(self) -> None:
        clock = VirtualClock()
        script = Script(
            hear("speech"), transcribe("where is my order"), call_tool("order", {"number": 12}),
            say("Your order is on its way to you.", seconds=1.5), loop(),
        )  # fmt: skip
        self.simulator = OpenAISimulator(script, clock=clock)
        self.wires: list[WirePort] = []
        self.ran: list[int] = []
        self.errors: list[ErrorEvent] = []
        self.transport = MockRealtimeTransport(lead_ms=200)
        self.kit = RoomKit(clock=clock)
        self.channel = RealtimeVoiceChannel(
            "voice",
            provider=OpenAIRealtimeProvider(api_key="sk-test", dial=self.dial),
            transport=self.transport,
            input_sample_rate=24_000,
            tools=[Tool("order", handler=self.order)],
        )
        self.kit.register_channel(self.channel)
        self.kit.hook(HookTrigger.ON_ERROR)(self.on_error)

    async def dial(self, endpoint: Endpoint) -> WirePort:
        wire = await self.simulator.dial(endpoint)
        self.wires.append(wire)
        return wire

    async def order(self, number: int) -> str:
        self.ran.append(number)
        await asyncio.sleep(0.3)
        return "on its way"

    async def on_error(self, event: ErrorEvent, ctx: object) -> None:
        self.errors.append(event)

    async def start(self) -> VoiceSession:
        return await self.channel.start_session("room-1", "caller")

    async def speak(self, session: VoiceSession, *, speech_ms: int = 600, silence_ms: int = 3_400) -> None:
        for pcm, duration_ms in ((SPEECH, speech_ms), (SILENCE, silence_ms)):
            for _ in range(duration_ms // 50):
                if session.state is SessionState.ACTIVE:
                    await self.transport.simulate_client_audio(session, pcm)
                await asyncio.sleep(0.05)

    async def close(self) -> None:
        async with asyncio.timeout(DEADLINE_S):
            await self.kit.close()
            await asyncio.sleep(5)
        tasks = {task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()}
        assert tasks == set()
        assert self.channel.get_room_sessions("room-1") == []


def sessions_left() -> list[Session]:
    gc.collect()
    return [one for one in gc.get_objects() if isinstance(one, Session)]


def steps(count: int) -> Callable[[], Awaitable[None]]:
    async def pass_by() -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    return pass_by


def run_all(calls: Iterable[Coroutine[Any, Any, BrokenCall]]) -> None:
    """Run each call on a loop of its own; what they were made of is kept, their sessions must be gone."""
    problems: list[dict[str, Any]] = []
    over: list[BrokenCall] = []
    for call in calls:
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            runner.get_loop().set_exception_handler(lambda _, context: problems.append(context))
            over.append(runner.run(call))
    assert problems == []
    assert sessions_left() == []


async def cancelled_after(work: Coroutine[Any, Any, Any], pause: Callable[[], Awaitable[None]]) -> None:
    task = Supervisor("test", on_error=lambda *_: None).start(work, name="work")
    await pause()
    task.cancel()
    outcomes = await asyncio.gather(task, return_exceptions=True)
    errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert all(isinstance(error, RoomKitError | asyncio.CancelledError) for error in errors)


def test_a_start_cancelled_at_any_step_leaves_nothing_and_the_next_one_works() -> None:
    async def call(count: int) -> BrokenCall:
        broken = BrokenCall()
        await cancelled_after(broken.start(), steps(count))
        async with asyncio.timeout(DEADLINE_S):
            session = await broken.start()
        assert session.state is SessionState.ACTIVE
        await broken.close()
        return broken

    run_all(call(count) for count in range(30))


WAYS = ["end", "drain", "retune", "hand over", "replace", "close"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("at_s", [0.9, 2.0])
def test_whatever_is_cancelled_at_any_step_leaves_nothing(way: str, at_s: float) -> None:
    async def call(count: int) -> BrokenCall:
        broken = BrokenCall()
        session = await broken.start()
        tasks = Supervisor("test")
        speaking = tasks.start(broken.speak(session), name="speaking")
        await asyncio.sleep(at_s)
        other = OpenAIRealtimeProvider(api_key="sk-test", dial=broken.dial)
        work: dict[str, Callable[[], Coroutine[Any, Any, Any]]] = {
            "end": lambda: broken.channel.end_session(session),
            "drain": lambda: broken.channel.end_session(session, drain=True),
            "retune": lambda: broken.channel.reconfigure_session(session, system_prompt="Be kind."),
            "hand over": lambda: broken.channel.reconfigure_session(session, provider=other),
            "replace": broken.start,
            "close": broken.kit.close,
        }
        await cancelled_after(work[way](), steps(count))
        async with asyncio.timeout(DEADLINE_S):
            await speaking
        await broken.close()
        return broken

    run_all(call(count) for count in (0, 1, 2, 3, 5, 8, 13))


@pytest.mark.parametrize("peer", ["provider", "client"])
def test_a_link_dropped_at_any_moment_hangs_nothing_and_says_nothing_twice(peer: str) -> None:
    async def call(at_s: float) -> BrokenCall:
        broken = BrokenCall()
        session = await broken.start()
        tasks = Supervisor("test")
        speaking = tasks.start(broken.speak(session), name="speaking")
        await asyncio.sleep(at_s)
        if peer == "provider":
            broken.wires[-1].close(1001)
        else:
            await broken.transport.simulate_client_disconnect(session)
        async with asyncio.timeout(DEADLINE_S):
            await speaking
            if peer == "provider":
                await broken.speak(session)
                assert session.state is SessionState.ACTIVE
        words = [(str(e.metadata["role"]), e.text) for e in await broken.kit.get_timeline("room-1")]
        items = [e.source.external_id for e in await broken.kit.get_timeline("room-1")]
        assert len(items) == len(set(items))
        if peer == "provider":
            assert ("assistant", "Your order is on its way to you.") in words
            assert [m["speaking"] for m in broken.transport.messages(session, "speaking")][-1] is False
        assert len(broken.ran) <= (2 if peer == "provider" else 1)
        assert broken.errors == []
        await broken.close()
        return broken

    run_all(call(n * 0.15) for n in range(22))


@pytest.mark.virtual_time
async def test_an_ended_session_is_let_go_of_although_the_application_keeps_what_it_was_given() -> None:
    broken = BrokenCall()
    view = await broken.start()
    (session,) = sessions_left()
    kept = weakref.ref(session)
    del session

    await broken.channel.end_session(view)
    await asyncio.sleep(1)
    gc.collect()

    assert kept() is None
    assert view.state is SessionState.ENDED
    await broken.close()
