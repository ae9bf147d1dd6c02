"""What barge-in does, to the millisecond: a caller cuts a thirty-second answer short after two seconds.

On virtual time, so it takes no time and comes out the same each run. Run it: ``python examples/interruption.py``
"""

from __future__ import annotations

import asyncio

from roomkit.channels import RealtimeVoiceChannel
from roomkit.testing import VirtualClock, VirtualTimeLoop
from roomkit.voice.realtime.mock import MockRealtimeProvider, MockRealtimeTransport

ANSWER_S = 30
RATE_HZ = 24_000


async def main() -> None:
    provider = MockRealtimeProvider()
    caller = MockRealtimeTransport(lead_ms=200)  # never holds more than 200 ms it has not played
    voice = RealtimeVoiceChannel("voice", provider=provider, transport=caller, clock=VirtualClock())
    session = await voice.start_session("room-1", "alice")

    await provider.simulate_response_start(session)
    await provider.simulate_audio(session, b"\x00\x10" * RATE_HZ * ANSWER_S)  # the model is faster than speech
    await asyncio.sleep(2)
    await provider.simulate_speech_start(session)

    sent_ms = sum(len(pcm) for _, pcm in caller.sent_audio) / 2 / RATE_HZ * 1000
    cut = next(call for call in provider.calls if call.method == "truncate_output")
    print(f"generated  {ANSWER_S * 1000:6.0f} ms")
    print(f"sent       {sent_ms:6.0f} ms")
    print(f"heard      {cut.args['audio_end_ms']:6.0f} ms, which is what the provider was told")
    print(f"client     {caller.messages(session, 'clear_audio')}")
    await voice.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())
