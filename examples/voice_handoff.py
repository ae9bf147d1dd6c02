"""A call goes from the reception to billing, which another provider speaks for. The room's timeline shows it.

Both providers are OpenAI's server, simulated in memory: no key, no network.
Run it: ``python examples/voice_handoff.py``
"""

from __future__ import annotations

import asyncio

from roomkit import Agent, OpenAIRealtimeProvider, RealtimeVoiceChannel, RoomKit, Tool
from roomkit.testing import OpenAISimulator, Script, call_tool, expect_tool_result, hear, say
from roomkit.voice.realtime.mock import MockRealtimeTransport

AT_THE_RECEPTION = Script(
    hear(),
    call_tool("transfer_to_billing", {"reason": "wrong bill", "summary": "Ada was billed twice for order 12."}),
)
AT_BILLING = Script(
    say("I see it: order 12, twice. Shall I refund one?"),
    hear(),
    call_tool("refund", {"order": 12}),
    expect_tool_result("order 12 was refunded"),
    say("Done. Anything else?"),
)


async def main() -> None:
    here, there = OpenAISimulator(AT_THE_RECEPTION), OpenAISimulator(AT_BILLING)
    billing = Agent(
        "billing",
        description="Bills and refunds.",
        system_prompt="You do billing. Refund what was billed twice.",
        voice="cedar",
        tools=[Tool("refund", "Give money back.", handler=lambda order: f"order {order} was refunded")],
        provider=OpenAIRealtimeProvider(api_key="sk-there", dial=there.dial),
        handoffs=["reception"],
    )
    reception = Agent("reception", system_prompt="You answer the phone of a bakery.", handoffs=[billing])
    caller = MockRealtimeTransport()
    voice = RealtimeVoiceChannel(
        "voice",
        provider=OpenAIRealtimeProvider(api_key="sk-here", dial=here.dial),
        transport=caller,
        voice="marin",
        agents=[reception],
    )

    async with RoomKit() as kit:
        kit.register_channel(voice)
        session = await voice.start_session("room-1", "ada")
        for words in ("My bill is wrong.", "Yes, please."):
            print(f"ada, to {session.agent}: {words}")
            await caller.simulate_client_text(session, words)
            await asyncio.sleep(0.2)
            await voice.wait_idle("room-1")
        for event in await kit.get_timeline("room-1"):
            print(f"{event.metadata['role']:>9}: {event.text}")
            if handoff := event.metadata.get("handoff"):
                print(f"           ({handoff['reason']}; {handoff['summary']})")


if __name__ == "__main__":
    asyncio.run(main())
