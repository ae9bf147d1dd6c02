"""How long a call is without its provider: ``python -m bench.links`` prints two medians over loopback sockets.

*Restore*: the link drops and the same provider has the call again, told the conversation. *Failover*: the provider is
gone for good and another one has the call. Both from the news of the loss until the new link is up, has the whole
conversation and takes the caller's audio. The far ends are simulators in the same process: their share is in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import uvloop

from bench.process import SERVER_CORE
from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.models.session import LinkState, VoiceSession
from roomkit.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit.testing import OpenAISimulator
from roomkit.voice.realtime.mock import MockRealtimeTransport
from roomkit.voice.realtime.provider_events import LinkLost

ROUNDS = 30
TURNS = 40
"""Words of the conversation that each new link is told."""

GONE = LinkLost("3000", "gone for good", retryable=False)
DROPPED = LinkLost("1006", "dropped", retryable=True)


@contextlib.asynccontextmanager
async def call(*, providers: int) -> AsyncIterator[tuple[RealtimeVoiceChannel, VoiceSession]]:
    """A call with some conversation behind it, on the first of so many simulators."""
    async with contextlib.AsyncExitStack() as undo:
        servers = [await undo.enter_async_context(OpenAISimulator().serve()) for _ in range(providers)]
        channel = RealtimeVoiceChannel(
            "voice",
            provider=[OpenAIRealtimeProvider("sk-bench", base_url=server.url) for server in servers],
            transport=MockRealtimeTransport(),
        )
        undo.push_async_callback(channel.close)
        session = await channel.start_session("room", "caller")
        for number in range(TURNS):
            await channel.inject_text(session, f"turn number {number} of the conversation so far", silent=True)
        await asyncio.sleep(0.05)
        yield channel, session


async def gap_ms(channel: RealtimeVoiceChannel, session: VoiceSession, lost: LinkLost) -> float:
    """Lose the link as if the wire had said so; milliseconds until another one serves."""
    live = channel._live.get(session)  # noqa: SLF001 -- the moment of the loss has to be known to the microsecond
    began = time.perf_counter()
    live.events.from_provider(lost)
    while session.link_states["provider"] is not LinkState.UP:  # noqa: ASYNC110 -- to the loop's next turn, no longer
        await asyncio.sleep(0)
    return (time.perf_counter() - began) * 1000.0


async def restore_ms() -> float:
    """One link lost and restored."""
    async with call(providers=1) as (channel, session):
        return await gap_ms(channel, session, DROPPED)


async def failover_ms() -> float:
    """One provider lost for good, the next one taken."""
    async with call(providers=2) as (channel, session):
        return await gap_ms(channel, session, GONE)


async def median_of(measure: Callable[[], Awaitable[float]]) -> tuple[float, float]:
    """The median and the slowest of all rounds."""
    figures = [await measure() for _ in range(ROUNDS)]
    return statistics.median(figures), max(figures)


async def main() -> None:
    """Print both."""
    for name, measure in (("link restored", restore_ms), ("failover", failover_ms)):
        median, slowest = await median_of(measure)
        print(f"{name}: {median:.1f} ms at the median, {slowest:.1f} ms at most ({ROUNDS} times, {TURNS} turns told)")


if __name__ == "__main__":
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, {SERVER_CORE})
    logging.disable(logging.WARNING)  # a lost link is one, and here there are many
    uvloop.run(main())
