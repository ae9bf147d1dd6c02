"""Makes a wire of whatever WebSocket object an application's own endpoint holds."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from roomkit._aio import Supervisor
from roomkit.errors import ClientGoneError, ConfigError
from roomkit.voice.wires import asgi
from roomkit.voice.wires.listener import UpgradeRequest
from roomkit.voice.wires.port import WirePort

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection


async def open_foreign(connection: Any, tasks: Supervisor, max_message_bytes: int) -> tuple[WirePort, UpgradeRequest]:
    """A wire over ``connection``, and how its client came.

    Raises:
        ConfigError: It is no WebSocket we know.
        ClientGoneError: It went away while being accepted.
    """
    if _is_starlette(connection):
        await _accept(connection)
        wire = asgi.wrap(connection.receive, connection.send, tasks, max_message_bytes)
        return wire, asgi.upgrade_request(connection.scope)
    if _is_websockets(connection):
        from roomkit.voice.wires import websockets

        return websockets.wrap(connection, tasks, max_message_bytes), websockets.upgrade_request(connection)
    if all(hasattr(connection, name) for name in ("start", "send_audio", "clear_audio", "buffered_bytes")):
        return connection, UpgradeRequest("/")
    raise ConfigError(
        f"a {type(connection).__name__} cannot carry a session: pass a Starlette or FastAPI WebSocket, "
        "a websockets connection, or what on_client_connected was given"
    )


def _is_starlette(connection: Any) -> bool:
    return all(hasattr(connection, name) for name in ("scope", "receive", "send", "accept", "application_state"))


def _is_websockets(connection: Any) -> bool:
    module = sys.modules.get("websockets.asyncio.server")
    if module is None:  # nobody has such an object then
        return False
    kind: type[ServerConnection] = module.ServerConnection
    return isinstance(connection, kind)


async def _accept(websocket: Any) -> None:
    state = websocket.application_state.name
    if state == "CONNECTING":
        try:
            await websocket.accept()
        except Exception as error:  # the framework's own exceptions for a client that has gone
            raise ClientGoneError("the client left before it was accepted") from error
    elif state != "CONNECTED":
        raise ClientGoneError("the client left before its session began")
