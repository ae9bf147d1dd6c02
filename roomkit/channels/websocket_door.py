"""Where chat clients come in: an ASGI application that lets them in, and the room's clients, told together.

Not in here: what one client says (`websocket_client`). Invariants: nobody is let in unauthenticated; an event is
encoded once, however many see it; when the channel leaves a room, that room's clients are sent away at once.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from roomkit._aio import Supervisor
from roomkit.channels.websocket_client import GOING_AWAY, OUT, ChatClient, ChatIdentity
from roomkit.channels.websocket_protocol import ephemeral_told, event_told
from roomkit.clock import SYSTEM_CLOCK
from roomkit.core.ports import ChannelHost
from roomkit.errors import RoomKitError
from roomkit.models.event import RoomEvent
from roomkit.models.framework import EphemeralEvent
from roomkit.voice.wires import asgi as asgi_wire
from roomkit.voice.wires.listener import Refusal, UpgradeRequest

if TYPE_CHECKING:
    from roomkit.channels.websocket import WebSocketChannel

logger = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 256 * 1024
"""Larger ones close the connection with 1009; a picture travels as a URL."""

Authenticate = Callable[[UpgradeRequest], Awaitable[ChatIdentity | None] | ChatIdentity | None]
"""Who asks to come in, from path, query and headers; ``None`` refuses with 401."""


class ChatDoor:
    """The ASGI application of one channel, and who came in by it."""

    def __init__(self, channel: WebSocketChannel, authenticate: Authenticate) -> None:
        self._channel = channel
        self._authenticate = authenticate
        self._tasks = Supervisor(f"chat:{channel.channel_id}")
        self._clients: dict[str, dict[str, ChatClient]] = {}
        self._watching: dict[str, str] = {}
        self._encoded: tuple[RoomEvent | None, str] = (None, "")

    async def __call__(self, scope: Mapping[str, Any], receive: asgi_wire.Receive, send: asgi_wire.Send) -> None:
        """Serve one connection from its first message to its last."""
        if scope["type"] != "websocket":
            await self._not_a_socket(scope, receive, send)
            return
        await receive()  # websocket.connect
        identity = await self._admit(asgi_wire.upgrade_request(scope))
        host = self._channel.host
        if isinstance(identity, Refusal) or host is None:
            refusal = identity if isinstance(identity, Refusal) else Refusal(503, "not in service")
            await asgi_wire.refuse(scope, send, refusal)
            return
        await send({"type": "websocket.accept"})
        wire = asgi_wire.wrap(receive, send, self._tasks, MAX_MESSAGE_BYTES)
        client = ChatClient(SYSTEM_CLOCK.new_id("chat"), identity, wire, host, joined=self._joined, encode=self._encode)
        clients = self._clients.setdefault(identity.room_id, {})
        clients[client.id] = client
        try:
            await self._watch(host, identity.room_id)
            await client.serve()
            await wire.wait_closed()
        finally:
            await self._left(host, client)

    def clients(self, room_id: str) -> list[ChatClient]:
        """Who is connected to a room, with or without having said hello."""
        return list(self._clients.get(room_id, {}).values())

    def send_away(self, room_id: str) -> None:
        """The channel is not in a room any more: nor are its clients."""
        for client in self.clients(room_id):
            client.close(OUT, "the room is closed, or not open to this channel")

    async def close(self) -> None:
        """Send everybody away and wait until they are gone."""
        for clients in list(self._clients.values()):
            for client in list(clients.values()):
                client.close(GOING_AWAY, "the server shuts down")
        await self._tasks.idle()

    async def _admit(self, request: UpgradeRequest) -> ChatIdentity | Refusal:
        try:
            answer = self._authenticate(request)
            identity = await answer if inspect.isawaitable(answer) else answer
        except Exception:  # the application's function: whatever fails, nobody gets in by it
            logger.warning("authenticate of channel %s failed", self._channel.channel_id, exc_info=True)
            return Refusal(500, "could not tell who you are")
        if identity is None:
            return Refusal(401, "not let in")
        host = self._channel.host
        if host is not None and await self._has_no_place(host, identity.room_id):
            return Refusal(403, "this room is not open to this channel")
        return identity

    @staticmethod
    async def _has_no_place(host: ChannelHost, room_id: str) -> bool:
        try:
            await host.since(room_id, after_index=0, limit=0)  # reads the room, if it is not in memory
        except RoomKitError:
            return True
        return host.binding(room_id) is None

    def _joined(self, client: ChatClient) -> None:
        self._channel.register_client(client)

    async def _left(self, host: ChannelHost, client: ChatClient) -> None:
        identity = client.identity
        self._channel.unregister_connection(client.id)
        clients = self._clients[identity.room_id]
        del clients[client.id]
        is_last = all(each.identity.participant_id != identity.participant_id for each in clients.values())
        if not clients:
            del self._clients[identity.room_id]
            await host.unwatch(self._watching.pop(identity.room_id, ""))
        if client.has_joined and is_last and host.binding(identity.room_id) is not None:
            gone = EphemeralEvent(
                type="presence", room_id=identity.room_id, user_id=identity.participant_id, data={"status": "offline"}
            )
            try:
                await host.publish_ephemeral(gone)
            except RoomKitError:  # the kit closes: nobody is left to be told
                logger.debug("presence of a client of channel %s was not told", self._channel.channel_id)

    async def _watch(self, host: ChannelHost, room_id: str) -> None:
        if room_id not in self._watching:
            self._watching[room_id] = ""  # taken, before anything is waited for
            self._watching[room_id] = await host.watch(room_id, self._show_ephemeral)

    def _show_ephemeral(self, event: EphemeralEvent) -> None:
        message = ephemeral_told(event)
        for client in self.clients(event.room_id):
            if client.has_joined:
                client.show_ephemeral(event, message)

    def _encode(self, event: RoomEvent) -> str:
        if self._encoded[0] is not event:
            self._encoded = (event, event_told(event))
        return self._encoded[1]

    async def _not_a_socket(self, scope: Mapping[str, Any], receive: asgi_wire.Receive, send: asgi_wire.Send) -> None:
        if scope["type"] == "http":
            await asgi_wire.respond(send, Refusal(426, "this address speaks WebSocket"))
            return
        while (event := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{event['type']}.complete"})
        await self.close()
        await send({"type": "lifespan.shutdown.complete"})
