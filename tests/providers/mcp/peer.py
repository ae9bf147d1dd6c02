"""A server made with the official SDK, for the tests: over stdio, or with a port as argument over HTTP."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import uvicorn
from mcp.server.mcpserver import Context, Image, MCPServer

server = MCPServer("peer", log_level="CRITICAL")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def greet(name: str) -> str:
    """Say hello."""
    return f"Hello {name}, I am {os.environ.get('PEER_NAME', 'nobody')}."


@server.tool()
def order(number: int) -> dict[str, Any]:
    """Look an order up."""
    return {"number": number, "status": "sent"}


@server.tool()
def fail() -> str:
    """Never works."""
    raise ValueError("the oven is cold")


@server.tool()
def picture() -> Image:
    """A picture."""
    return Image(data=PNG, format="png")


@server.tool()
async def slow() -> str:
    """Takes its time."""
    await asyncio.sleep(30)
    return "done"


@server.tool()
def die() -> str:
    """The server ends in the middle of the call."""
    os._exit(1)


@server.tool()
async def grow(context: Context[Any]) -> str:
    """From now on there is one more tool."""
    server.add_tool(lambda: "hi", name="late", description="Came later.")
    await context.notify_tools_changed()
    return "grown"


def main() -> None:
    if len(sys.argv) > 1:
        uvicorn.run(server.streamable_http_app(), host="127.0.0.1", port=int(sys.argv[1]), log_level="critical")
    else:
        server.run("stdio")


if __name__ == "__main__":
    main()
