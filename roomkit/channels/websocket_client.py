"""One client of the chat protocol: what it says goes into its room, what it may see comes back, in order.

Not in here: the socket (`voice.wires`), who the client is (`websocket_door`) and the words (`websocket_protocol`).
Invariants: nothing reaches a client before its ``hello``; its events come by rising index, each at most once a hello;
permissions are asked when something is shown, not when it was said.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import ValidationError

from roomkit.channels.websocket_protocol import (
    VERSION,
    Command,
    Delete,
    Edit,
    Hello,
    Ping,
    Presence,
    Read,
    Say,
    Typing,
    UnreadableError,
    event_told,
    partial_told,
    read,
    told,
)
from roomkit.core.ports import ChannelHost
from roomkit.errors import AccessDeniedError, NotFoundError, RoomKitError, SessionStateError, StoreError
from roomkit.models.content import DeleteContent, EditContent, EventContent, TextContent
from roomkit.models.delivery import InboundMessage
from roomkit.models.enums import EventType
from roomkit.models.event import RoomEvent
from roomkit.models.framework import EphemeralEvent
from roomkit.models.generation import PartialReply
from roomkit.voice.wires.port import WireClosed, WireMessage, WirePort

logger = logging.getLogger(__name__)

GOING_AWAY, UNWELCOME, SLOW, OUT = 1001, 1008, 1013, 4001
"""Close codes: we shut down; rubbish or a flood; did not keep up; the channel left the room, or the room closed."""

MAX_WAITING = 64
"""Messages a client may be ahead of us; a person types slower."""
MAX_MISTAKES = 10
"""Unreadable messages in a row; a client that sends more has a defect and would go on for ever."""
BACKLOG_EVENTS = 500
"""Events of one answer to ``hello``; the client asks for more when it has taken these."""
MAX_HELD = 1_000
"""Live events kept while a backlog is read."""
HELLO_TIMEOUT_S = 10.0
"""A client connects in order to say hello; one that does not only holds a socket."""


@dataclass(frozen=True, slots=True)
class ChatIdentity:
    """Who a client is and which room it may join: what ``authenticate`` returns."""

    participant_id: str
    room_id: str


class ChatClient:
    """One connection; its commands are done one after the other by `serve`."""

    def __init__(
        self,
        client_id: str,
        identity: ChatIdentity,
        wire: WirePort,
        host: ChannelHost,
        *,
        joined: Callable[[ChatClient], None],
        encode: Callable[[RoomEvent], str] = event_told,
    ) -> None:
        self.id = client_id
        self.identity = identity
        self.has_joined = False
        self._wire = wire
        self._host = host
        self._joined = joined
        self._encode = encode
        self._inbox: asyncio.Queue[WireMessage | None] = asyncio.Queue()
        self._mistakes = 0
        self._shown_index = -1
        self._held: list[RoomEvent] | None = None

    async def serve(self) -> None:
        """Do what the client says until it is gone."""
        self._wire.start(self._received, self._gone)
        self._tell("welcome", protocol=VERSION, room_id=self._room_id, participant_id=self.identity.participant_id)
        hello_timer = asyncio.get_running_loop().call_later(HELLO_TIMEOUT_S, self._no_hello)
        try:
            while (message := await self._inbox.get()) is not None:
                await self._handle(message)
        finally:
            hello_timer.cancel()
            self.close(GOING_AWAY, "")

    def close(self, code: int, reason: str) -> None:
        """Send the client away."""
        self._wire.close(code, reason)
        self._inbox.put_nowait(None)

    # --- what is shown ----------------------------------------------------------------------------------------------

    def show(self, _: str, event: RoomEvent) -> None:
        """Show a live event; while a backlog is being read it waits its turn."""
        if self._held is None:
            self._show(event)
        elif len(self._held) < MAX_HELD:
            self._held.append(event)
        else:
            self.close(SLOW, "the room is busier than the backlog can be read")

    def show_partial(self, _: str, partial: PartialReply) -> None:
        """Show an agent's reply so far; a client that is still reading the past gets the whole of it later."""
        if self._held is None:
            self._wire.send(partial_told(partial))

    def show_ephemeral(self, event: EphemeralEvent, message: str) -> None:
        """Show typing, presence and the like, unless it is the client's own or its channel may not read."""
        binding = self._host.binding(self._room_id)
        if event.user_id != self.identity.participant_id and binding is not None and binding.can_read:
            self._wire.send(message)

    def _show(self, event: RoomEvent) -> None:
        if event.index is None or event.index <= self._shown_index:
            return
        self._shown_index = event.index
        self._wire.send(self._encode(event))

    # --- what it says -----------------------------------------------------------------------------------------------

    def _received(self, message: WireMessage) -> None:
        if self._inbox.qsize() >= MAX_WAITING:
            self.close(UNWELCOME, "too many messages at once")
        else:
            self._inbox.put_nowait(message)

    def _gone(self, _: WireClosed) -> None:
        self._inbox.put_nowait(None)

    def _no_hello(self) -> None:
        if not self.has_joined:
            self.close(UNWELCOME, "no hello")

    async def _handle(self, message: WireMessage) -> None:
        try:
            command = read(message)
        except UnreadableError as error:
            self._mistakes += 1
            self._tell("error", code="unreadable", message=str(error))
            if self._mistakes >= MAX_MISTAKES:
                self.close(UNWELCOME, "too many unreadable messages")
            return
        self._mistakes = 0
        try:
            await self._do(command)
        except (RoomKitError, ValidationError) as error:
            self._tell("error", command.ref, code=_code_of(error), message=_sentence(error))

    async def _do(self, command: Command) -> None:
        match command:
            case Ping():
                self._tell("pong", command.ref)
            case Hello():
                await self._hello(command)
            case _ if not self.has_joined:
                self._tell("error", command.ref, code="hello_first", message="say hello before anything else")
            case Say():
                content = command.content or TextContent(body=command.text or "")
                await self._enter(command, EventType.MESSAGE, content, said=command)
            case Edit() | Delete():
                await self._change(command)
            case Typing():
                await self._publish("typing", is_typing=command.is_typing)
            case Presence():
                await self._publish("presence", status=command.status)
            case Read():
                await self._host.mark_read(self._room_id, command.index, participant_id=self.identity.participant_id)
                await self._publish("receipt", index=command.index)

    async def _hello(self, command: Hello) -> None:
        is_first = not self.has_joined
        self.has_joined = True
        self._held = []
        if is_first:
            self._joined(self)
        try:
            has_more = await self._replay(command.after_index)
            self._tell("backlog_end", command.ref, index=self._shown_index, has_more=has_more)
        finally:  # also when the past cannot be read: the present goes on
            held, self._held = self._held, None
            for event in held:
                self._show(event)
        if is_first:
            await self._publish("presence", status="online")

    async def _replay(self, after_index: int | None) -> bool:
        """Show what came after an index; whether there is more than one answer holds."""
        if after_index is None:
            return False
        self._shown_index = after_index
        backlog = await self._host.since(self._room_id, after_index=after_index, limit=BACKLOG_EVENTS + 1)
        for event in backlog[:BACKLOG_EVENTS]:
            self._show(event)
        return len(backlog) > BACKLOG_EVENTS

    async def _change(self, command: Edit | Delete) -> None:
        """Edit or delete, but only what this participant said on this channel."""
        found = await self._host.since(self._room_id, after_index=command.index - 1, limit=1)
        target = found[0] if found and found[0].index == command.index else None
        binding = self._host.binding(self._room_id)
        if target is None or binding is None:
            raise NotFoundError(f"there is no event {command.index} you may see")
        if (target.source.channel_id, target.source.participant_id) != (
            binding.channel_id,
            self.identity.participant_id,
        ):
            raise AccessDeniedError("only who said something may change it")
        if isinstance(command, Edit):
            changed = EditContent(target_event_id=target.id, new_content=TextContent(body=command.text))
            await self._enter(command, EventType.EDIT, changed, visibility=target.visibility)
        else:
            taken_back = DeleteContent(target_event_id=target.id)
            await self._enter(command, EventType.DELETE, taken_back, visibility=target.visibility)

    async def _enter(
        self,
        command: Command,
        event_type: EventType,
        content: EventContent,
        *,
        said: Say | None = None,
        visibility: str = "all",
    ) -> None:
        message = InboundMessage(
            channel_id="the channel's own",  # the host puts it in
            sender_id=self.identity.participant_id,
            content=content,
            event_type=event_type,
            visibility=visibility if said is None else said.visibility,
            idempotency_key=None if said is None else said.idempotency_key,
            addressed_to=None if said is None else said.addressed_to,
            parent_event_id=None if said is None else said.parent_event_id,
        )
        result = await self._host.receive(message, room_id=self._room_id, waits=False)
        if result.error is not None:
            self._tell("error", command.ref, code="try_again", message="not stored: the room took too long")
        elif result.blocked or result.event is None:
            self._tell("error", command.ref, code="blocked", message=result.reason or "blocked")
        else:
            self._tell("ack", command.ref, event_id=result.event.id, index=result.event.index)

    async def _publish(self, kind: str, **payload: str | int | bool) -> None:
        binding = self._host.binding(self._room_id)
        if binding is None or not binding.can_write:
            return  # who may not speak is not seen typing either
        event = EphemeralEvent.model_validate(
            {"type": kind, "room_id": self._room_id, "user_id": self.identity.participant_id, "data": payload}
        )
        await self._host.publish_ephemeral(event)

    @property
    def _room_id(self) -> str:
        return self.identity.room_id

    def _tell(self, message_type: str, ref: str | None = None, **fields: object) -> None:
        self._wire.send(told(message_type, ref, **fields))


def _code_of(error: Exception) -> str:
    match error:
        case NotFoundError():
            return "not_found"
        case AccessDeniedError():
            return "not_allowed"
        case StoreError():
            return "try_again"
        case SessionStateError():
            return "closing"
        case _:
            return "refused"


def _sentence(error: Exception) -> str:
    """What a client is told; a store's own words are for the log."""
    if isinstance(error, StoreError):
        logger.warning("a chat client was told to try again: %s", error)
        return "the store could not be used: try again"
    if isinstance(error, ValidationError):
        return "a field has a value it cannot take"
    return str(error)
