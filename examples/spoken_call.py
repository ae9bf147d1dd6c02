"""A machine calls a machine: a synthesised caller asks aloud, the local agent listens and answers aloud.

Everything is real (voice activity detection, recognition, rule book, synthesis), nothing needs a key, and what the
agent says is written to `agent.wav`. Needs the extra `demo`. Run it: ``python examples/spoken_call.py``
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from roomkit import HookTrigger, RoomContext, RoomEvent, RoomKit
from roomkit.channels import RealtimeVoiceChannel
from roomkit.providers.local.realtime import LocalRealtimeProvider
from roomkit.voice.audio.wav import write_wav
from roomkit.voice.realtime.mock import MockRealtimeTransport
from roomkit.voice.tts.espeak import EspeakTts

FRAME_MS = 20
QUESTION = "What are your opening hours?"


async def main() -> None:
    caller_voice = EspeakTts("en-us")
    caller = MockRealtimeTransport()
    voice = RealtimeVoiceChannel(
        "voice", provider=LocalRealtimeProvider(), transport=caller, transport_sample_rate=caller_voice.rate_hz
    )
    answered = asyncio.Event()

    async with RoomKit() as kit:
        kit.register_channel(voice)

        @kit.hook(HookTrigger.AFTER_BROADCAST)
        async def show(event: RoomEvent, context: RoomContext) -> None:
            print(f"{event.metadata['role']}: {event.text}")
            if event.metadata["role"] == "assistant":
                answered.set()

        session = await voice.start_session("room-1", "caller")
        spoken = b"".join([piece async for piece in caller_voice.synthesize(QUESTION)])
        frame_bytes = caller_voice.rate_hz * FRAME_MS // 1000 * 2
        silence = bytes(frame_bytes * 50)
        for start in range(0, len(spoken + silence), frame_bytes):
            await caller.simulate_client_audio(session, (spoken + silence)[start : start + frame_bytes])
            await asyncio.sleep(FRAME_MS / 1000)  # a caller speaks no faster than time passes
        async with asyncio.timeout(10):
            await answered.wait()

    heard = b"".join(pcm for _, pcm in caller.sent_audio)
    write_wav(Path("agent.wav"), heard, caller_voice.rate_hz)
    print(f"agent.wav: {len(heard) / 2 / caller_voice.rate_hz:.1f} s of the agent's voice")


if __name__ == "__main__":
    asyncio.run(main())
