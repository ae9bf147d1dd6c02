"""The chat protocol's words: what a client may say, read from JSON, and what it is told, written as JSON. Pure.

Not in here: who may do what (`websocket_client` asks the room). Invariant: what `read` returns is bounded and typed;
whatever else a client sends raises `UnreadableError` with a sentence that helps whoever writes the client.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from roomkit.models.content import (
    AudioContent,
    LocationContent,
    MediaContent,
    RichContent,
    TextContent,
    VideoContent,
)
from roomkit.models.event import RoomEvent
from roomkit.models.framework import EphemeralEvent
from roomkit.models.generation import PartialReply

VERSION = 1
MAX_REF_CHARS = 128
MAX_INDEX = 2**53
"""The largest whole number a JavaScript client can count to."""
MAX_PROBLEMS_TOLD = 3
"""A message can be wrong in a thousand places; the first few help."""


class UnreadableError(Exception):
    """A message that is none; says what is wrong with it, without repeating it."""


class _Words(BaseModel):
    """What all messages of a client have in common; fields we do not know are ignored.

    Attributes:
        ref: The client's own name for the message; comes back in the answer to it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    ref: str | None = Field(default=None, max_length=MAX_REF_CHARS)


Index = Annotated[int, Field(ge=0, le=MAX_INDEX)]
Id = Annotated[str, Field(min_length=1, max_length=512)]
ShownContent = Annotated[
    TextContent | RichContent | MediaContent | AudioContent | VideoContent | LocationContent,
    Field(discriminator="type"),
]
"""What a person may say; what the room itself says (system, tool calls ...) is not among it."""


class Hello(_Words):
    """Show me the room; with ``after_index`` also what came after that event (-1: everything)."""

    type: Literal["hello"]
    after_index: int | None = Field(default=None, ge=-1, le=MAX_INDEX)


class Say(_Words):
    """Say something: ``text``, or any ``content``."""

    type: Literal["message"]
    text: str | None = None
    content: ShownContent | None = None
    idempotency_key: str | None = Field(default=None, max_length=256)
    visibility: Annotated[str, Field(min_length=1, max_length=4096)] = "all"
    addressed_to: tuple[Id, ...] | None = Field(default=None, max_length=100)
    parent_event_id: Id | None = None


class Edit(_Words):
    """Say something else in place of what I said."""

    type: Literal["edit"]
    index: Index
    text: str


class Delete(_Words):
    """Take back what I said."""

    type: Literal["delete"]
    index: Index


class Typing(_Words):
    """I am typing, or stopped."""

    type: Literal["typing"]
    is_typing: bool = True


class Presence(_Words):
    """How available I am."""

    type: Literal["presence"]
    status: Literal["online", "away", "busy"]


class Read(_Words):
    """I have read everything up to here."""

    type: Literal["read"]
    index: Index


class Ping(_Words):
    """Are you there?"""

    type: Literal["ping"]


Command = Hello | Say | Edit | Delete | Typing | Presence | Read | Ping
_COMMANDS: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="type")])


def read(message: str | bytes) -> Command:
    """What a client said.

    Raises:
        UnreadableError: It is not JSON, not a known message, or a field is wrong.
    """
    if isinstance(message, bytes):
        raise UnreadableError("messages are JSON in text, not binary")
    try:
        command = _COMMANDS.validate_json(message)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=False)[:MAX_PROBLEMS_TOLD]
        told = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}".lstrip(": ") for each in problems)
        raise UnreadableError(told[:500]) from None
    except (ValueError, RecursionError) as error:  # a lone surrogate, JSON nested too deep for a validator
        raise UnreadableError(f"not a message: {type(error).__name__}") from None
    if isinstance(command, Say) and (command.text is None) == (command.content is None):
        raise UnreadableError("a message has either text or content")
    return command


def told(message_type: str, ref: str | None = None, **fields: Any) -> str:
    """A message to a client; fields that are ``None`` are left out."""
    message = {"type": message_type, "ref": ref, **fields}
    return json.dumps({name: value for name, value in message.items() if value is not None})


def event_told(event: RoomEvent) -> str:
    """A room event as a client sees it: what was said by whom, and nothing the room keeps for itself."""
    shown = {
        "id": event.id,
        "index": event.index,
        "type": event.type,
        "channel_id": event.source.channel_id,
        "participant_id": event.source.participant_id,
        "content": event.content.model_dump(mode="json", exclude_none=True),
        "text": event.text,
        "parent_event_id": event.parent_event_id,
        "created_at": event.created_at.isoformat(),
    }
    return told("event", event=shown)


def partial_told(partial: PartialReply) -> str:
    """An agent's reply so far; the event with its ``event_id`` replaces it."""
    return told(
        "partial",
        event_id=partial.event_id,
        channel_id=partial.channel_id,
        text=partial.text,
        is_withdrawn=partial.is_withdrawn,
    )


def ephemeral_told(event: EphemeralEvent) -> str:
    """Typing, presence, a reaction or a receipt of somebody."""
    return told(event.type, participant_id=event.user_id, **{str(key): value for key, value in event.data.items()})
