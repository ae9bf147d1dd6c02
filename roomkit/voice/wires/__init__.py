"""WebSockets behind one port: `port.py` is the contract, each other file one host. `connect` dials with the best one.

Nothing optional is loaded until it is needed.
"""

from __future__ import annotations

from roomkit._extras import installed
from roomkit.voice.wires.port import Endpoint, WirePort

__all__ = ["connect"]


async def connect(endpoint: Endpoint) -> WirePort:
    """Dial ``endpoint`` (a `Dialler`): with picows where it is installed, else with `websockets`.

    Cancelling leaves no socket and no task behind. Set your own `asyncio.timeout` around it.

    Raises:
        WireRefused: The peer said no, or nobody is there.
    """
    if installed("picows"):
        from roomkit.voice.wires import picows

        return await picows.dial(endpoint)
    from roomkit.voice.wires import websockets

    return await websockets.dial(endpoint)
