"""What holds for every dialect, whatever its server says and whatever it is told meanwhile.

`Conversation` feeds a dialect one step after the other, a server's message or one of our `COMMANDS`, and checks each:
no exception but ours, no meaning in what is no JSON, events whose fields are of the types they declare, messages of
ours that are JSON objects. `held_bytes` is what the dialect keeps. Used by the tests here and by the coverage-guided
runs (`fuzz`); nothing here is random.
"""

from __future__ import annotations

import gc
import json
import math
import sys
import types
from collections.abc import Iterable, Mapping
from typing import Any, Final, get_args, get_type_hints

from pydantic import TypeAdapter

from roomkit.errors import ConfigError, WireError
from roomkit.voice.realtime.commands import (
    AskForResponse,
    BeginInput,
    CancelResponse,
    Command,
    CommitInput,
    DeleteItem,
    InjectImage,
    InjectText,
    InputPaused,
    LinkConfig,
    RecallToolCall,
    SendAudio,
    Speak,
    ToolResult,
    ToolSpec,
    TruncateOutput,
    UpdateSession,
)
from roomkit.voice.realtime.dialect import Decoded
from roomkit.voice.realtime.provider_events import Audio, LinkLost, ProviderEvent, Transcript
from roomkit.voice.wires.port import WireMessage
from tests.wire.vendors import Vendor

CONFIG: Final = LinkConfig("s", instructions="Be brief.", tools=(ToolSpec("get_slot", "Finds a slot.", {}),))

COMMANDS: Final[Mapping[str, Command]] = {
    "audio": SendAudio(bytes(960)),
    "much-audio": SendAudio(bytes(9_600)),
    "paused": InputPaused(),
    "begin": BeginInput(),
    "commit": CommitInput(),
    "ask": AskForResponse(),
    "ask-so": AskForResponse("In French."),
    "cancel": CancelResponse(),
    "cancel-one": CancelResponse("resp_1"),
    "truncate": TruncateOutput("item_2", 40),
    "delete": DeleteItem("item_2"),
    "remember": InjectText("Earlier words.", "assistant", silent=True),
    "type": InjectText("Half a pair: \ud83d."),
    "note": InjectText("The caller is in a hurry.", "system", silent=True),
    "image": InjectImage(b"\xff\xd8\xff", "image/jpeg"),
    "odd-image": InjectImage(b"", "image/webp", silent=True),
    "speak": Speak('Say "this".'),
    "recall": RecallToolCall("call_0", "get_slot", "{"),
    "result": ToolResult("call_1", "get_slot", '{"at": "ten"}'),
    "late-result": ToolResult("call_0", "get_slot", '{"error": "gone"}', asks=False),
    "update": UpdateSession(LinkConfig("s", instructions="Be long.", voice="sage", temperature=0.7)),
    "same": UpdateSession(CONFIG),
    "hold": UpdateSession(LinkConfig("s", hold_answers=True, tools=CONFIG.tools)),
}
"""Everything a session can say, by a name that fits in a line. The ids are those of the recordings, or nobody's."""

MAX_EVENTS: Final = 64
"""Of one message that is not itself long: a server's few words mean a few things."""


_FIELDS: Final = {
    kind: tuple((name, TypeAdapter[Any](hint)) for name, hint in get_type_hints(kind).items())
    for kind in get_args(ProviderEvent)
}


class Conversation:
    """One socket's worth of a dialect, checked step by step.

    Attributes:
        dialect: The one that is fed.
        unreadable_count: How many messages were a `WireError`.
        event_count: How many events the others meant.
    """

    def __init__(self, vendor: Vendor) -> None:
        self.dialect = vendor.dialect()
        self.unreadable_count = self.event_count = 0
        check_sent(self.dialect.open(CONFIG))
        self.hears(vendor.framed(vendor.ready))

    def hears(self, message: WireMessage) -> Decoded:
        """The server says something."""
        try:
            decoded = self.dialect.decode(message)
        except WireError as error:
            assert len(str(error)) < 200, "an error that quotes the message"
            self.unreadable_count += 1
            return Decoded()
        if not is_object(message):  # the short cuts past JSON look at what they report, and at nothing else
            heard = [event for event in decoded.events if isinstance(event, Audio)]
            assert (*heard,) == decoded.events
            assert all((audio.response_id + audio.item_id).isprintable() for audio in heard)
        assert len(decoded.events) <= max(MAX_EVENTS, len(message))
        for event in decoded.events:
            check_event(event)
        check_sent(decoded.replies)
        self.event_count += len(decoded.events)
        return decoded

    def is_told(self, name: str) -> list[WireMessage]:
        """We say something: a command by its name."""
        try:
            sent = self.dialect.encode(COMMANDS[name])
        except ConfigError:
            assert "image" in name, "the one thing that some vendors cannot do at all"
            return []
        check_sent(sent)
        return sent


def is_object(message: WireMessage) -> bool:
    """Whether JSON sees an object in it."""
    try:
        return isinstance(json.loads(message), dict)
    except (ValueError, RecursionError):
        return False


def check_sent(messages: Iterable[WireMessage]) -> None:
    """Each is a JSON object that any wire takes."""
    for message in messages:
        raw = message if isinstance(message, bytes) else message.encode("utf-8")  # half a surrogate pair fails here
        assert isinstance(json.loads(raw), dict)


def check_event(event: ProviderEvent) -> None:
    """Its fields are of the types they declare, its numbers finite, its audio whole samples."""
    assert not isinstance(event, LinkLost), "only the wire engine says so"
    for name, adapter in _FIELDS[type(event)]:
        value = getattr(event, name)
        if not (isinstance(event, Transcript | Audio) and isinstance(value, str)):  # long, and checked right below
            adapter.validate_python(value, strict=True)
        for number in value.values() if isinstance(value, Mapping) else (value,):
            assert not isinstance(number, float | int) or (math.isfinite(number) and number >= 0)
    if isinstance(event, Audio):
        assert type(event.pcm) is bytes
        assert len(event.pcm) % 2 == 0
    elif isinstance(event, Transcript):
        assert {type(text) for text in (event.text, event.item_id, event.response_id)} == {str}


def held_bytes(root: object) -> int:
    """What an object and all that it alone refers to weigh; code is not counted."""
    seen, pending, total_bytes = {id(root)}, [root], 0
    while pending:
        each = pending.pop()
        total_bytes += sys.getsizeof(each)
        for inside in gc.get_referents(each):
            if id(inside) not in seen and not isinstance(inside, type | types.ModuleType | types.FunctionType):
                seen.add(id(inside))
                pending.append(inside)
    return total_bytes
