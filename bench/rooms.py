"""Rooms and sessions without a wire: our own code a frame, a hook nobody has, a message in, what a session leaves."""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from bench.chat import fan_out_us
from bench.frames import FRAME_BYTES
from bench.silent import SilentProvider, SilentTransport
from bench.table import Part
from roomkit import HookResult, HookTrigger, InboundMessage, RoomKit, TextContent
from roomkit.channels.base import ChannelBase
from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.store.memory import MemoryStore
from roomkit.voice.realtime.provider_events import Audio, ResponseStarted

FRAMES = 20_000
MESSAGES = 200
ROUNDS = 20
HISTORY = 100_000
SESSIONS = 1_000
SESSIONS_AT_ONCE = 50


def _voice() -> tuple[RealtimeVoiceChannel, SilentTransport, SilentProvider]:
    transport, provider = SilentTransport(), SilentProvider()
    channel = RealtimeVoiceChannel(
        "voice",
        provider=provider,
        transport=transport,
        input_sample_rate=24_000,
        output_sample_rate=24_000,
        # Paced, yet never late: at full speed any real lead would make this a measurement of the queue.
        lead_ms=1e12,
    )
    return channel, transport, provider


async def frames() -> AsyncIterator[Part]:
    """What we do with a frame between two links that cost nothing; nobody listens to levels, no rate differs."""
    channel, transport, provider = _voice()
    kit = RoomKit()
    kit.register_channel(channel)
    await channel.start_session("room", "caller")
    pcm = bytes(FRAME_BYTES)
    yield "a caller's frame, our own code, us", _each_us(lambda: transport.sink.on_audio(pcm)), None
    provider.sink.on_event(ResponseStarted("response"))
    audio = Audio(pcm, "response", "item")
    yield "an agent's frame, our own code, us", _each_us(lambda: provider.sink.on_event(audio)), None
    await kit.close()


def _each_us(call: Callable[[], object]) -> float:
    rounds = []
    for _ in range(9):
        began = time.perf_counter()
        for _ in range(FRAMES // 9):
            call()
        rounds.append((time.perf_counter() - began) / (FRAMES // 9) * 1e6)
    return statistics.median(rounds)


async def rooms() -> AsyncIterator[Part]:
    """A message through the whole inbound pipeline, a hook nobody registered, and a room full of people."""
    store = MemoryStore()
    kit = RoomKit(store)
    await kit.create_room("room")
    channels = [ChannelBase(name) for name in ("one", "two", "three")]
    for channel in channels:
        kit.register_channel(channel)
        await kit.attach_channel("room", channel.channel_id)
    host = channels[0].host
    assert host is not None
    port = host.room_port("room")
    yield "a hook nobody registered, us", _each_us(lambda: port.tell(HookTrigger.ON_SPEECH_START, None)), None
    yield "a message in, 3 channels, no hook, CPU us", await _inbound_us(kit), None

    @kit.hook(HookTrigger.BEFORE_BROADCAST)
    async def first(_event: object, _context: object) -> HookResult:
        return HookResult.allow()

    @kit.hook(HookTrigger.BEFORE_BROADCAST)
    def second(_event: object, _context: object) -> HookResult:
        return HookResult.allow()

    yield "a message in, 3 channels, 2 hooks, CPU us", await _inbound_us(kit), None
    [event] = await kit.get_timeline("room", limit=1)
    for _ in range(HISTORY):
        await store.append(event)
    yield "the same in a room of 100,000 events, CPU us", await _inbound_us(kit), None
    await kit.close()
    yield "an event to one of 1,000 chat clients, CPU us", await fan_out_us(), None


async def _inbound_us(kit: RoomKit) -> float:
    """The least of several rounds: what neighbours take is not ours to count."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(MESSAGES):
            message = InboundMessage(channel_id="one", sender_id="ann", content=TextContent(body="hello"))
            await kit.process_inbound(message, room_id="room")
        rounds.append((time.process_time() - began) / MESSAGES * 1e6)
    return min(rounds)


async def sessions() -> AsyncIterator[Part]:
    """A thousand sessions, started and ended: what is left of them."""
    channel, _, _ = _voice()
    await _start_and_end(channel, SESSIONS)
    before_kb, before_objects = _rss_kb(), _object_count()
    began = time.perf_counter()
    await _start_and_end(channel, SESSIONS)
    took_s = time.perf_counter() - began
    yield "a session started and ended, us", took_s / SESSIONS * 1e6, None
    yield "objects left of 1,000 sessions", float(_object_count() - before_objects), None
    yield "memory left of 1,000 sessions, KB", _rss_kb() - before_kb, None
    await channel.close()


async def _start_and_end(channel: RealtimeVoiceChannel, count: int) -> None:
    async def call(number: int) -> None:
        session = await channel.start_session(f"room-{number}", "caller")
        await channel.end_session(session)

    for first in range(0, count, SESSIONS_AT_ONCE):
        await asyncio.gather(*(call(number) for number in range(first, first + SESSIONS_AT_ONCE)))


def _object_count() -> int:
    gc.collect()
    return len(gc.get_objects())


def _rss_kb() -> float:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4.0
