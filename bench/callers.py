"""The callers of the scenario: binary WebSocket clients that speak on the metronome's beat and time what they hear."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from bench.frames import FIRST_OF_ANSWER, FRAME_BYTES, read_stamp, stamped_frame
from bench.provider import Provider

CONNECTS_AT_ONCE = 16


@dataclass
class Heard:
    """What all callers together measured, in ms since the provider sent it."""

    output_ms: list[float] = field(default_factory=list)
    first_audio_ms: list[float] = field(default_factory=list)
    clear_ms: list[float] = field(default_factory=list)

    def forget(self) -> None:
        for sample in (self.output_ms, self.first_audio_ms, self.clear_ms):
            sample.clear()


class Caller(WSListener):
    """One client. It learns which provider link is its own from the first frame it hears."""

    def __init__(self, heard: Heard, provider: Provider) -> None:
        self._heard = heard
        self._provider = provider
        self._transport: WSTransport | None = None
        self.link = -1
        self.goodbye = ""

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.BINARY:
            self._hear(frame.get_payload_as_memoryview())
        elif frame.msg_type == WSMsgType.TEXT:
            message = frame.get_payload_as_bytes()
            if b"clear_audio" in message and self.link >= 0:
                speech_ns = self._provider.links[self.link].speech_started_ns
                self._heard.clear_ms.append((time.perf_counter_ns() - speech_ns) / 1e6)
        elif frame.msg_type == WSMsgType.CLOSE:
            self.goodbye = f"{frame.get_close_code()} {frame.get_close_reason()}"
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._transport = None

    def _hear(self, pcm: memoryview) -> None:
        age_ms, tag = read_stamp(pcm)
        self.link = tag & ~FIRST_OF_ANSWER
        # A server may join frames that waited; each of them counts, the stamp of the oldest for all.
        for _ in range(max(1, len(pcm) // FRAME_BYTES)):
            self._heard.output_ms.append(age_ms)
        if tag & FIRST_OF_ANSWER:
            self._heard.first_audio_ms.append(age_ms)

    @property
    def is_connected(self) -> bool:
        return self._transport is not None

    def speak(self) -> None:
        """Send 20 ms of audio, stamped now."""
        if self._transport is not None:
            self._transport.send(WSMsgType.BINARY, stamped_frame(0))

    def hang_up(self) -> None:
        if self._transport is not None:
            self._transport.disconnect(False)


async def connect_callers(count: int, url: str, heard: Heard, provider: Provider) -> list[Caller]:
    """Connect ``count`` callers, some at a time, and wait until each hears its provider.

    Raises:
        TimeoutError: They did not all hear audio within 20 s.
    """
    limit = asyncio.Semaphore(CONNECTS_AT_ONCE)

    async def connect() -> Caller:
        async with limit:
            _, caller = await ws_connect(lambda: Caller(heard, provider), url)
            assert isinstance(caller, Caller)
            return caller

    callers = await asyncio.gather(*(connect() for _ in range(count)))
    async with asyncio.timeout(20):
        while any(caller.link < 0 for caller in callers):
            await asyncio.sleep(0.02)
            if gone := [caller for caller in callers if not caller.is_connected]:
                raise RuntimeError(f"{len(gone)} callers were hung up on: {gone[0].goodbye}")
    return list(callers)
