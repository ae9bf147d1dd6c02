"""Bad input against the whole stack: one caller's trouble, with a neighbour on the same channel who notices nothing.

The real provider on the simulator and the real WebSocket transport on wires in memory, in virtual time. Each trouble
ends in a clear error to whoever can act on it, and leaves nothing behind (issue "First light", "Bad input").
"""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.errors import AccessDeniedError, ProviderError, RoomKitError
from roomkit.kit import RoomKit
from roomkit.models.enums import HookExecution, HookTrigger
from roomkit.models.session import EndReason, SessionState, VoiceSession
from roomkit.models.tool_call import Tool
from roomkit.models.voice import ErrorEvent
from roomkit.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit.testing import OpenAISimulator, Script, VirtualClock, call_tool, hear, loop, say, transcribe
from roomkit.testing.call import tone
from roomkit.voice.backends.websocket import WebSocketRealtimeTransport
from roomkit.voice.session.engine import Session
from roomkit.voice.wires.memory import MemoryWire, memory_pair
from roomkit.voice.wires.port import Endpoint, WireClosed, WireMessage, WirePort

pytestmark = pytest.mark.virtual_time

FRAME_MS = 50
SPEECH = tone(FRAME_MS / 1_000)
SILENCE = bytes(len(SPEECH))


class Caller:
    """A browser: the far end of a WebSocket in memory."""

    def __init__(self) -> None:
        self.wire, self.near = memory_pair()
        self.messages: list[dict[str, Any]] = []
        self.closed: WireClosed | None = None
        self.wire.start(self._on_message, self._on_close)

    def sends(self, message: dict[str, Any] | bytes | str) -> None:
        self.wire.send(json.dumps(message) if isinstance(message, dict) else message)

    async def speaks(self, *, speech_ms: int = 600, silence_ms: int = 2_400) -> None:
        for pcm, duration_ms in ((SPEECH, speech_ms), (SILENCE, silence_ms)):
            for _ in range(duration_ms // FRAME_MS):
                self.sends({"type": "audio", "data": base64.b64encode(pcm).decode()})
                await asyncio.sleep(FRAME_MS / 1_000)

    def heard(self, type_: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == type_]

    def said_to_it(self) -> list[str]:
        return [m["text"] for m in self.heard("transcription") if m["is_final"] and m["role"] == "assistant"]

    def _on_message(self, message: WireMessage) -> None:
        self.messages.append(json.loads(message))

    def _on_close(self, closed: WireClosed) -> None:
        self.closed = closed


class House:
    """A kit with one channel; ``bad_dial`` replaces the vendor for whoever comes next."""

    def __init__(self, *tools: Tool, script: Script | None = None) -> None:
        clock = VirtualClock()
        turns = script or Script(hear("speech"), transcribe("hello"), say("Hello there.", seconds=0.5), loop())
        self.simulator = OpenAISimulator(turns, clock=clock)
        self.bad_dial: Callable[[Endpoint], Awaitable[WirePort]] | None = None
        self.kit = RoomKit(clock=clock)
        self.errors: list[ErrorEvent] = []
        self.channel = RealtimeVoiceChannel(
            "voice",
            provider=OpenAIRealtimeProvider(api_key="sk-test", dial=self.dial),
            transport=WebSocketRealtimeTransport(),
            input_sample_rate=24_000,
            tools=tools,
        )
        self.kit.register_channel(self.channel)
        self.kit.hook(HookTrigger.ON_ERROR)(self.on_error)

    async def on_error(self, event: ErrorEvent, ctx: object) -> None:
        self.errors.append(event)

    async def dial(self, endpoint: Endpoint) -> WirePort:
        return await (self.bad_dial or self.simulator.dial)(endpoint)

    async def comes_in(self, room_id: str, caller: Caller, who: str = "caller") -> VoiceSession:
        return await self.channel.start_session(room_id, who, caller.near)

    async def __aenter__(self) -> House:
        self.neighbour = Caller()
        self.neighbours_session = await self.comes_in("next-door", self.neighbour)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            assert self.neighbours_session.state is SessionState.ACTIVE
            self.bad_dial = None
            before = len(self.neighbour.said_to_it())
            await self.neighbour.speaks()
            assert len(self.neighbour.said_to_it()) == before + 1
            assert self.neighbour.heard("error") == []
        await self.kit.close()
        await asyncio.sleep(20)
        if kind is None:
            tasks = {task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()}
            assert tasks == set()
            gc.collect()
            assert [one for one in gc.get_objects() if isinstance(one, Session)] == []


# --- the client ---------------------------------------------------------------------------------------------------


async def test_a_client_that_vanishes_in_the_middle_of_a_sentence_ends_its_session_only() -> None:
    async with House() as house:
        caller = Caller()
        session = await house.comes_in("room-1", caller)
        await caller.speaks(silence_ms=0)
        caller.wire.drop()
        await asyncio.sleep(1)

        assert session.end_reason is EndReason.CLIENT_GONE


@pytest.mark.parametrize(
    "message",
    [
        "{not json",
        "[1]",
        {"type": "nonsense"},
        {"type": "audio"},
        {"type": "audio", "data": 7},
        b"\x00\x01",
        {"type": 3},
    ],
    ids=str,
)
async def test_a_client_that_sends_rubbish_is_told_and_its_call_goes_on(message: Any) -> None:
    async with House() as house:
        caller = Caller()
        session = await house.comes_in("room-1", caller)
        caller.sends(message)
        await caller.speaks()

        assert caller.heard("error")
        assert caller.said_to_it() == ["Hello there."]
        assert session.state is SessionState.ACTIVE


async def test_a_client_a_hundred_times_faster_than_real_time_is_told_and_sent_away() -> None:
    async with House() as house:
        caller = Caller()
        session = await house.comes_in("room-1", caller)
        second = base64.b64encode(tone(1)).decode()
        for _ in range(300):
            caller.sends({"type": "audio", "data": second})
            await asyncio.sleep(0.01)
        await asyncio.sleep(3)

        assert "too_fast" in {message["code"] for message in caller.heard("error")}
        assert session.state is SessionState.ENDED
        assert caller.closed is not None


# --- the provider -------------------------------------------------------------------------------------------------


def vendor(behaves: Callable[[MemoryWire], None]) -> Callable[[Endpoint], Awaitable[WirePort]]:
    async def dial(endpoint: Endpoint) -> WirePort:
        near, far = memory_pair()
        far.start(lambda message: behaves(far), lambda closed: None)
        return near

    return dial


def closes(wire: MemoryWire) -> None:
    wire.close(1011, "no capacity")


def refuses(wire: MemoryWire) -> None:
    wire.close(1008, "policy")


def talks_garbage(wire: MemoryWire) -> None:
    for _ in range(20):
        wire.send("<html>it works</html>")


def says_nothing(wire: MemoryWire) -> None:
    pass


@pytest.mark.parametrize("behaves", [closes, refuses, talks_garbage, says_nothing])
async def test_a_vendor_that_never_comes_up_is_one_clear_error_to_everybody(
    behaves: Callable[[MemoryWire], None],
) -> None:
    async with House() as house:
        caller = Caller()
        house.bad_dial = vendor(behaves)
        async with asyncio.timeout(60):
            with pytest.raises(ProviderError) as raised:
                await house.comes_in("room-1", caller)
        await asyncio.sleep(1)

        told = str(raised.value)
        del raised  # its traceback holds everything it came through
        assert "openai" in told.lower()
        assert [message["message"] for message in caller.heard("error")] == [told]
        assert [event.message for event in house.errors] == [told]
        assert caller.heard("session_ended")
        assert house.channel.get_room_sessions("room-1") == []


# --- tools and hooks ----------------------------------------------------------------------------------------------


async def hang() -> None:
    await asyncio.Event().wait()


def fail() -> None:
    raise ZeroDivisionError("a secret")


TOOLS = {"raises": fail, "hangs": hang, "returns 5 MB": lambda: "x" * 5_000_000}


@pytest.mark.parametrize("does", TOOLS)
async def test_a_tool_that_misbehaves_is_told_to_the_model_and_the_call_goes_on(does: str) -> None:
    script = Script(hear("speech"), transcribe("do it"), call_tool("act", {}), say("So be it.", seconds=0.5), loop())
    caller = Caller()
    house = House(Tool("act", handler=TOOLS[does]), script=script)
    session = await house.comes_in("room-1", caller)
    await caller.speaks(silence_ms=33_000)

    (result,) = [
        e["item"]["output"] for e in house.simulator.received
        if e["type"] == "conversation.item.create" and e["item"]["type"] == "function_call_output"
    ]  # fmt: skip
    assert len(result) <= 16_384
    assert "secret" not in result
    assert caller.said_to_it() == ["So be it."]
    assert session.state is SessionState.ACTIVE
    await house.kit.close()


async def broken(event: object, ctx: object) -> None:
    raise ZeroDivisionError


async def hanging(event: object, ctx: object) -> None:
    await asyncio.Event().wait()


async def nonsense(event: object, ctx: object) -> object:
    return {"action": 7}


@pytest.mark.parametrize("hook", [broken, hanging, nonsense])
@pytest.mark.parametrize("trigger", [HookTrigger.ON_SPEECH_START, HookTrigger.ON_TRANSCRIPTION,
                                     HookTrigger.ON_SESSION_STARTED, HookTrigger.BEFORE_BROADCAST])  # fmt: skip
async def test_a_hook_that_misbehaves_never_ends_a_call(
    trigger: HookTrigger, hook: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)  # a log record that is kept holds every frame of its traceback
    async with House() as house:
        await house.kit.create_room("room-1")
        house.kit.add_room_hook("room-1", trigger, HookExecution.SYNC, hook, name="bad")
        caller = Caller()
        session = await house.comes_in("room-1", caller)
        await caller.speaks(silence_ms=8_000)

        assert session.state is SessionState.ACTIVE
        assert caller.heard("audio")


# --- who may come in ----------------------------------------------------------------------------------------------


async def test_a_second_session_of_a_caller_replaces_the_first_which_is_told() -> None:
    async with House() as house:
        first, second = Caller(), Caller()
        one = await house.comes_in("room-1", first)
        two = await house.comes_in("room-1", second)
        await asyncio.sleep(1)

        assert one.end_reason is EndReason.REPLACED
        assert [message["reason"] for message in first.heard("session_ended")] == ["replaced"]
        assert two.state is SessionState.ACTIVE


async def test_a_closed_room_takes_no_session_and_ends_those_it_has() -> None:
    async with House() as house:
        caller, late = Caller(), Caller()
        session = await house.comes_in("room-1", caller)
        await house.kit.close_room("room-1")
        with pytest.raises(AccessDeniedError):
            await house.comes_in("room-1", late, "late")
        await asyncio.sleep(1)

        assert session.state is SessionState.ENDED
        assert caller.heard("session_ended")


# --- many of them -------------------------------------------------------------------------------------------------


async def test_a_thousand_sessions_leave_nothing_behind() -> None:
    async with House() as house:

        async def visit(n: int) -> None:
            caller = Caller()
            session = await house.comes_in(f"room-{n % 5}", caller, f"caller-{n % 7}")
            caller.sends({"type": "audio", "data": base64.b64encode(SPEECH).decode()})
            await asyncio.sleep(0.01)
            await house.channel.end_session(session)

        async def visits(count: int) -> Counter[str]:
            for n in range(count):
                await visit(n)
            await asyncio.sleep(20)
            gc.collect()
            kinds = [type(one) for one in gc.get_objects()]
            ours = [f"{kind.__module__}.{kind.__name__}" for kind in kinds]
            return Counter(name for name in ours if name.startswith(("roomkit.", "asyncio.", "_asyncio.")))

        before = await visits(200)
        after = await visits(800)

        # The simulator remembers its sessions, the loop its cancelled timers for a while; nobody else anything.
        grown = {name: count for name, count in (after - before).items() if "roomkit.testing" not in name}
        assert {name: count for name, count in grown.items() if count > 100} == {}


async def test_a_start_that_is_refused_is_one_error_of_ours() -> None:
    async with House() as house:
        with pytest.raises(RoomKitError):
            await house.channel.start_session("room-1", "caller", object())
