"""User code in hooks and tools that calls everything on its own session and room (RFC 0006, R-0006-8)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.kit import RoomKit
from roomkit.models.content import TextContent
from roomkit.models.enums import HookTrigger
from roomkit.models.hook import HookResult
from roomkit.models.session import SessionState, VoiceSession
from roomkit.models.tool_call import Tool
from roomkit.testing import VirtualClock
from roomkit.voice.realtime.mock import MockRealtimeProvider, MockRealtimeTransport

pytestmark = pytest.mark.virtual_time

DEADLINE_S = 2.0


class Room:
    """A kit, a session, and what its user code may call."""

    session: VoiceSession

    def __init__(self) -> None:
        self.kit = RoomKit(clock=VirtualClock())
        self.provider = MockRealtimeProvider()
        self.transport = MockRealtimeTransport()
        self.inside: Callable[[Room], Awaitable[None]] | None = None
        self.outcome: BaseException | None = None
        self.came_back = asyncio.Event()
        self.channel = RealtimeVoiceChannel(
            "voice", provider=self.provider, transport=self.transport, tools=[Tool("act", handler=self.act)]
        )
        self.kit.register_channel(self.channel)

    async def act(self) -> str:
        assert self.inside is not None
        work, self.inside = self.inside, None
        try:
            await work(self)
        except Exception as error:  # noqa: BLE001 -- the outcome is what the test looks at
            self.outcome = error
        finally:
            self.came_back.set()
        return "acted"


async def end(room: Room) -> None:
    await room.channel.end_session(room.session)


async def drain(room: Room) -> None:
    await room.channel.end_session(room.session, drain=True)


async def retune(room: Room) -> None:
    await room.channel.reconfigure_session(room.session, system_prompt="Be kind.")


async def hand_over(room: Room) -> None:
    await room.channel.reconfigure_session(room.session, provider=MockRealtimeProvider())


async def inject(room: Room) -> None:
    await room.channel.inject_text(room.session, "and then", role="user")


async def wait_idle(room: Room) -> None:
    await room.channel.wait_idle("room-1")


async def send_event(room: Room) -> None:
    await room.kit.send_event("room-1", "voice", TextContent(body="from a hook"))


async def mute(room: Room) -> None:
    await room.kit.mute("room-1", "voice")


async def detach(room: Room) -> None:
    await room.kit.detach_channel("room-1", "voice")


async def close_room(room: Room) -> None:
    await room.kit.close_room("room-1")


async def start_again(room: Room) -> None:
    await room.channel.start_session("room-1", "caller")


async def start_another(room: Room) -> None:
    await room.channel.start_session("room-1", "somebody else")


async def close_channel(room: Room) -> None:
    await room.channel.close()


async def close_kit(room: Room) -> None:
    await room.kit.close()


EVERYTHING = [
    end, drain, retune, hand_over, inject, wait_idle, send_event, mute, detach, close_room,
    start_again, start_another, close_channel, close_kit,
]  # fmt: skip
ENDING = {end, drain, detach, close_room, start_again, close_channel, close_kit}

WHERE = ["tool", HookTrigger.ON_TRANSCRIPTION, HookTrigger.BEFORE_TOOL_USE, HookTrigger.ON_TOOL_CALL,
         HookTrigger.BEFORE_BROADCAST]  # fmt: skip


@pytest.mark.parametrize("where", WHERE, ids=str)
@pytest.mark.parametrize("call", EVERYTHING, ids=lambda call: call.__name__)
async def test_nothing_a_hook_or_tool_calls_blocks_the_call(
    where: Any, call: Callable[[Room], Awaitable[None]]
) -> None:
    room = Room()
    room.inside = call
    if where != "tool":

        @room.kit.hook(where)
        async def hook(event: object, ctx: object) -> HookResult:
            if room.inside is not None:
                await room.act()
            return HookResult.allow()

    room.session = await room.channel.start_session("room-1", "caller")
    began_s = asyncio.get_running_loop().time()

    async with asyncio.timeout(DEADLINE_S + 1):
        if where in (HookTrigger.ON_TRANSCRIPTION, HookTrigger.BEFORE_BROADCAST):
            await room.provider.simulate_transcription(room.session, "hello", role="user")
        else:
            await room.provider.simulate_tool_call(room.session, "c1", "act")
        await room.came_back.wait()
    if call in ENDING:
        await asyncio.sleep(0.5)

    assert asyncio.get_running_loop().time() - began_s < DEADLINE_S
    assert not isinstance(room.outcome, TimeoutError)
    assert room.session.state is (SessionState.ENDED if call in ENDING else SessionState.ACTIVE)
    await room.kit.close()
    tasks = {task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()}
    assert tasks == set()
