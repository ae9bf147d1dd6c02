"""One room, two ways in: a colleague reads the call in a text chat, and what he types is answered aloud.

The model is OpenAI's server, simulated in memory: no key, no network.
Run it: ``python examples/chat_beside_the_call.py``
"""

from __future__ import annotations

import asyncio

from roomkit import InboundMessage, RoomEvent, RoomKit, TextContent
from roomkit.channels import RealtimeVoiceChannel, WebSocketChannel
from roomkit.testing import OpenAISimulator, Script, hear, say
from roomkit.voice.realtime.mock import MockRealtimeTransport
from roomkit.voice.realtime.providers.openai import OpenAIRealtimeProvider


async def main() -> None:
    openai = OpenAISimulator(Script(hear(), say("Your order is on its way."), hear(), say("It arrives at noon.")))
    caller = MockRealtimeTransport()
    voice = RealtimeVoiceChannel(
        "voice", provider=OpenAIRealtimeProvider(api_key="sk-test", dial=openai.dial), transport=caller
    )
    chat = WebSocketChannel("chat")

    async def show(connection_id: str, event: RoomEvent) -> None:
        print(f"[{connection_id}] {event.metadata['role']}: {event.text}")

    async with RoomKit() as kit:
        kit.register_channel(voice)
        kit.register_channel(chat)
        session = await voice.start_session("room-1", "alice")
        await kit.attach_channel("room-1", "chat")
        chat.register_connection("bob's screen", show, room_id="room-1")

        await caller.simulate_client_text(session, "Where is my order?")
        await voice.wait_idle("room-1")
        question = TextContent(body="And at what time does it arrive?")
        await kit.process_inbound(
            InboundMessage(channel_id="chat", sender_id="bob", content=question), room_id="room-1"
        )
        await voice.wait_idle("room-1")

    spoken_ms = sum(len(pcm) for _, pcm in caller.sent_audio) / 2 / 24_000 * 1000
    print(f"alice heard {spoken_ms:.0f} ms of speech")
    openai.assert_done()


if __name__ == "__main__":
    asyncio.run(main())
