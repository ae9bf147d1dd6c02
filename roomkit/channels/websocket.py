"""Text chat to whoever is connected: each event of a room is handed to the send functions of its connections.

A connection is the application's own (`register_connection`) or a client of the chat protocol (`asgi`). Not in here:
that protocol (`websocket_door`, `websocket_client`). Invariant: a slow or broken connection delays and fails nobody
else's; a connection sees its own room only.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from roomkit.channels.base import ChannelBase
from roomkit.channels.websocket_client import ChatClient
from roomkit.channels.websocket_door import Authenticate, ChatDoor
from roomkit.errors import ClientGoneError, ConfigError
from roomkit.models.channel import ChannelBinding, ChannelOutput
from roomkit.models.context import RoomContext
from roomkit.models.enums import ChannelType
from roomkit.models.event import RoomEvent
from roomkit.models.generation import PartialReply

logger = logging.getLogger(__name__)

SendFunction = Callable[[str, RoomEvent], Awaitable[None] | None]
"""Called with the connection's id and the event, sync or async."""
SendPartialFunction = Callable[[str, PartialReply], Awaitable[None] | None]
"""Called with the connection's id and a reply so far, sync or async."""


@dataclass(frozen=True, slots=True)
class _Connection:
    id: str
    send: SendFunction
    participant_id: str | None
    send_partial: SendPartialFunction | None = None
    sees_own: bool = False


class WebSocketChannel(ChannelBase):
    """A channel of any number of live connections.

    Args:
        channel_id: Unique in its kit.
        send_timeout: Seconds one connection may take for one event; then it is dropped.
        authenticate: For `asgi`: called with the upgrade request (path, query, headers), returns the `ChatIdentity` of
            who may come in, or ``None``; sync or async.
    """

    default_type = ChannelType.WEBSOCKET

    def __init__(self, channel_id: str, *, send_timeout: float = 5.0, authenticate: Authenticate | None = None) -> None:
        super().__init__(channel_id)
        if send_timeout <= 0:
            raise ConfigError(f"send_timeout is positive, not {send_timeout}")
        self._send_timeout_s = send_timeout
        self._by_room: dict[str, dict[str, _Connection]] = {}
        self._room_of: dict[str, str] = {}
        self._door = None if authenticate is None else ChatDoor(self, authenticate)

    @property
    def asgi(self) -> ChatDoor:
        """An ASGI application that speaks the chat protocol (``docs/chat-protocol.md``): mount it, or serve it.

        Raises:
            ConfigError: The channel was made without ``authenticate``.
        """
        if self._door is None:
            raise ConfigError(f"channel {self.channel_id!r} cannot tell its clients apart: pass authenticate=")
        return self._door

    def register_client(self, client: ChatClient) -> None:
        """Show a room to a client of the chat protocol, what it says itself included."""
        identity = client.identity
        self.register_connection(
            client.id,
            client.show,
            room_id=identity.room_id,
            participant_id=identity.participant_id,
            send_partial_fn=client.show_partial,
        )
        connections = self._by_room[identity.room_id]
        connections[client.id] = replace(connections[client.id], sees_own=True)

    def register_connection(
        self,
        connection_id: str,
        send_fn: SendFunction,
        *,
        room_id: str,
        participant_id: str | None = None,
        send_partial_fn: SendPartialFunction | None = None,
    ) -> None:
        """Hand a room's events to ``send_fn(connection_id, event)`` from now on.

        Args:
            connection_id: Unique in the channel; registering it again replaces the earlier connection.
            send_fn: Sync or async.
            room_id: The one room it sees.
            participant_id: Who is behind it. Known, it also sees what others say on this same channel; else only what
                comes from other channels, for it could not be told from the sender.
            send_partial_fn: Takes agents' replies while they grow, sync or async: ``(connection_id, PartialReply)``.
                Each holds the whole reply so far; the event with its ``event_id`` replaces it.
        """
        self.unregister_connection(connection_id)
        # Only people who can be told apart can be shown what another of them said (R-0002-7).
        self.is_shared = self.is_shared or participant_id is not None
        self._room_of[connection_id] = room_id
        self._by_room.setdefault(room_id, {})[connection_id] = _Connection(
            connection_id, send_fn, participant_id, send_partial_fn
        )

    def unregister_connection(self, connection_id: str) -> bool:
        """Forget a connection; whether there was one."""
        room_id = self._room_of.pop(connection_id, None)
        if room_id is None:
            return False
        connections = self._by_room[room_id]
        del connections[connection_id]
        if not connections:
            del self._by_room[room_id]
        return True

    async def on_event(self, event: RoomEvent, binding: ChannelBinding, context: RoomContext) -> ChannelOutput | None:
        """Hand an event to every connection of its room, all at once.

        Raises:
            ClientGoneError: There were connections, and none took it.
        """
        connections = [each for each in self._by_room.get(event.room_id, {}).values() if self._shows(event, each)]
        if not connections:
            return None
        late: list[tuple[_Connection, Awaitable[None]]] = []
        taken = 0
        for connection in connections:
            try:
                result = connection.send(connection.id, event)
            except Exception:  # noqa: BLE001 -- the application's function: a broken connection
                self._drop(connection, "failed")
                continue
            if inspect.isawaitable(result):
                late.append((connection, result))
            else:
                taken += 1
        taken += sum(await asyncio.gather(*(self._finish(connection, sending) for connection, sending in late)))
        if not taken:
            raise ClientGoneError(f"none of the {len(connections)} connections of room {event.room_id} took an event")
        return None

    async def on_partial(self, partial: PartialReply, binding: ChannelBinding) -> None:
        """Hand a growing reply to the connections that take such; one that fails is dropped, the others go on."""
        connections = self._by_room.get(partial.room_id, {}).values()
        late: list[tuple[_Connection, Awaitable[None]]] = []
        for connection in list(connections):
            if connection.send_partial is None:
                continue
            try:
                result = connection.send_partial(connection.id, partial)
            except Exception:  # noqa: BLE001 -- the application's function: a broken connection
                self._drop(connection, "failed")
                continue
            if inspect.isawaitable(result):
                late.append((connection, result))
        await asyncio.gather(*(self._finish(connection, sending) for connection, sending in late))

    def on_binding_changed(self, room_id: str, binding: ChannelBinding | None) -> None:
        """Send a room's clients away when the channel is out of it."""
        if binding is None and self._door is not None:
            self._door.send_away(room_id)

    async def close(self) -> None:
        """Send the clients of `asgi` away and forget every connection; other sockets are the application's to close."""
        if self._door is not None:
            await self._door.close()
        self._by_room.clear()
        self._room_of.clear()

    def _shows(self, event: RoomEvent, connection: _Connection) -> bool:
        if connection.sees_own or event.source.channel_id != self.channel_id:
            return True
        return connection.participant_id is not None and connection.participant_id != event.source.participant_id

    async def _finish(self, connection: _Connection, sending: Awaitable[None]) -> bool:
        try:
            async with asyncio.timeout(self._send_timeout_s):
                await sending
        except TimeoutError:
            self._drop(connection, "took too long")
            return False
        except Exception:  # noqa: BLE001 -- the application's function: a broken connection
            self._drop(connection, "failed")
            return False
        return True

    def _drop(self, connection: _Connection, why: str) -> None:
        logger.warning("connection %s of channel %s %s: dropped", connection.id, self.channel_id, why, exc_info=True)
        room_id = self._room_of.get(connection.id)
        if room_id is not None and self._by_room[room_id].get(connection.id) is connection:
            self.unregister_connection(connection.id)
