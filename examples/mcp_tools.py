"""A voice agent calls the tools of an MCP server. The server is this file too, started as a program of its own.

The model is OpenAI's server, simulated in memory: no key, no network. Needs ``pip install 'roomkit[mcp]'``.
Run it: ``python examples/mcp_tools.py``
"""

from __future__ import annotations

import asyncio
import sys

from mcp.server.mcpserver import MCPServer

from roomkit import MCPTools, OpenAIRealtimeProvider, RealtimeVoiceChannel
from roomkit.testing import OpenAISimulator, Script, call_tool, expect_tool_result, hear, say
from roomkit.voice.realtime.mock import MockRealtimeTransport

bakery = MCPServer("bakery", log_level="WARNING")


@bakery.tool()
def price(item: str) -> str:
    """What something costs."""
    return {"bread": "3.20 EUR", "cake": "18 EUR"}.get(item, "we do not sell that")


@bakery.tool()
def stock(item: str) -> dict[str, str | int]:
    """How much of something is left."""
    return {"item": item, "left": 4}


async def main() -> None:
    openai = OpenAISimulator(
        Script(
            hear(),
            call_tool("bakery_price", {"item": "bread"}),
            expect_tool_result("3.20 EUR"),
            say("A bread is three twenty."),
        )
    )
    caller = MockRealtimeTransport()
    async with MCPTools.stdio(sys.executable, [__file__, "--serve"], prefix="bakery_", name="bakery") as tools:
        print("the agent has", ", ".join(tool.name for tool in tools))
        voice = RealtimeVoiceChannel(
            "voice",
            provider=OpenAIRealtimeProvider(api_key="sk-test", dial=openai.dial),
            transport=caller,
            tools=tools,
        )
        session = await voice.start_session("room-1", "ada")
        await caller.simulate_client_text(session, "What does a bread cost?")
        await asyncio.sleep(0.5)
        await voice.wait_idle("room-1")
        for message in caller.messages(session, "transcription"):
            if message["is_final"]:
                print(f"{message['role']}: {message['text']}")
        await voice.close()
    openai.assert_done()


if __name__ == "__main__":
    if "--serve" in sys.argv:
        bakery.run("stdio")
    else:
        asyncio.run(main())
