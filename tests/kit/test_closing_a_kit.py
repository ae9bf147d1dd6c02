"""A kit that is told to close: what runs comes to its end within the grace, and nothing is left (RFC 0005)."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.errors import SessionStateError
from roomkit.kit import RoomKit
from roomkit.models.enums import EventStatus
from roomkit.models.event import RoomEvent
from roomkit.models.session import EndReason, SessionState
from roomkit.store.sqlite import SQLiteStore
from roomkit.voice.realtime.mock import MockRealtimeProvider, MockRealtimeTransport
from tests.kit.conftest import Agent, Party

CHILD = """
import asyncio, sys
from roomkit import InboundMessage, RoomKit, TextContent
from roomkit.channels.base import ChannelBase

class Slow(ChannelBase):
    async def on_event(self, event, binding, context):
        print("delivering", flush=True)
        await asyncio.sleep(0.04)
        print("delivered", flush=True)

async def main():
    kit = RoomKit(sys.argv[1])
    await kit.create_room("room")
    for channel in (ChannelBase("ada"), Slow("slow")):
        kit.register_channel(channel)
        await kit.attach_channel("room", channel.channel_id)
    message = InboundMessage(channel_id="ada", sender_id="ada", content=TextContent(body="hello"))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(kit.process_inbound(message, room_id="room"))
        await kit.run_until_signal(grace_s=10)
    print("left:", len(asyncio.all_tasks()) - 1, flush=True)

asyncio.run(main())
"""


async def test_a_grace_lets_deliveries_and_the_answers_to_them_finish() -> None:
    async with RoomKit() as kit:
        await kit.create_room("room")
        party = Party(kit)
        await party.joins("ada")
        agent = await party.agent("agent", "an answer")
        thinking, done = asyncio.Event(), asyncio.Event()

        async def think(_: RoomEvent) -> None:
            thinking.set()
            await done.wait()

        agent.does = think
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(party.says("ada", "hello"))
            await thinking.wait()
            closing = tasks.create_task(kit.close(grace_s=10))
            await asyncio.sleep(0)
            done.set()
        await closing

        assert party.heard("ada") == ["an answer"]


async def test_a_closing_kit_takes_no_more_messages() -> None:
    async with RoomKit() as kit:
        await kit.create_room("room")
        party = Party(kit)
        await party.joins("ada")
        agent = await party.agent("agent")
        begun, done = asyncio.Event(), asyncio.Event()

        async def wait(_: RoomEvent) -> None:
            begun.set()
            await done.wait()

        agent.does = wait
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(party.says("ada", "in time"))
            await begun.wait()
            tasks.create_task(kit.close(grace_s=10))
            await asyncio.sleep(0)
            with pytest.raises(SessionStateError, match="closing"):
                await party.says("ada", "too late")
            done.set()


@pytest.mark.virtual_time
async def test_what_is_not_done_when_the_grace_is_over_is_cut_short() -> None:
    async with RoomKit() as kit:
        await kit.create_room("room")
        party = Party(kit)
        await party.joins("ada")
        agent = await party.agent("agent")
        begun = asyncio.Event()

        async def never(_: RoomEvent) -> None:
            begun.set()
            await asyncio.sleep(1_000)

        agent.does = never
        async with asyncio.TaskGroup() as tasks:
            saying = tasks.create_task(party.says("ada", "hello"))
            await begun.wait()
            await kit.close(grace_s=5)

        assert (await saying).delivery_results["agent"].error == "closed"
        assert asyncio.get_running_loop().time() == pytest.approx(6.0)  # the grace, and a second for observers


class Draining(Agent):
    """Remembers in which order it was drained and closed; fails at the one it is told to."""

    def __init__(self, channel_id: str, fails: bool = False) -> None:
        super().__init__(channel_id)
        self.told: list[str] = []
        self._fails = fails

    async def drain(self) -> None:
        self.told.append("drain")
        if self._fails:
            raise RuntimeError("cannot drain")

    async def close(self) -> None:
        self.told.append("close")


async def test_every_channel_is_drained_before_any_is_closed_even_if_one_fails() -> None:
    kit = RoomKit()
    failing, other = Draining("failing", fails=True), Draining("other")
    for channel in (failing, other):
        kit.register_channel(channel)

    await kit.close(grace_s=1)

    assert failing.told == other.told == ["drain", "close"]


async def test_without_a_grace_nothing_is_drained() -> None:
    kit = RoomKit()
    channel = Draining("channel")
    kit.register_channel(channel)

    await kit.close()

    assert channel.told == ["close"]


@pytest.mark.virtual_time
async def test_a_caller_hears_the_answer_out_and_no_other_gets_in_meanwhile() -> None:
    provider, transport = MockRealtimeProvider(), MockRealtimeTransport()
    channel = RealtimeVoiceChannel("voice", provider=provider, transport=transport)
    kit = RoomKit()
    kit.register_channel(channel)
    session = await channel.start_session("room", "ada")
    await provider.simulate_response_start(session)

    async with asyncio.TaskGroup() as tasks:
        closing = tasks.create_task(kit.close(grace_s=30))
        await asyncio.sleep(0.5)
        assert session.state is SessionState.ACTIVE
        with pytest.raises(SessionStateError):
            await channel.start_session("room", "eve")
        await provider.simulate_response_end(session)
    await closing

    assert session.end_reason is EndReason.SHUTDOWN
    assert asyncio.get_running_loop().time() < 30


async def test_sigterm_in_the_middle_of_a_delivery_loses_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    """A real process: it finishes the delivery under way, notes it, and exits by itself with 0."""
    database = tmp_path / "rooms.sqlite3"
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-c", CHILD, str(database), stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    assert await child.stdout.readline() == b"delivering\n"

    child.send_signal(signal.SIGTERM)
    rest, _ = await child.communicate()

    assert child.returncode == 0
    assert rest.decode().splitlines() == ["delivered", "left: 0"]
    store = SQLiteStore(database)
    [event] = await store.events("room")
    await store.close()
    assert (event.text, event.status) == ("hello", EventStatus.DELIVERED)
    assert event.delivery_results["slow"].ok
