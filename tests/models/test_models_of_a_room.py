"""What the models take and what they refuse (RFC 0001)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from roomkit.models.content import (
    MAX_TEXT_CHARS,
    CompositeContent,
    EditContent,
    EventContent,
    MediaContent,
    TextContent,
    plain_text,
)
from roomkit.models.enums import HookTrigger
from roomkit.models.event import EventSource, RoomEvent
from roomkit.models.hook import HookResult
from roomkit.models.session import VoiceSession
from roomkit.models.tool_call import Tool
from roomkit.models.voice import DtmfEvent, SpeechEvent, TranscriptionEvent

CONTENT: TypeAdapter[Any] = TypeAdapter(EventContent)
SESSION = VoiceSession("s", "room", "ada", "voice", datetime(2026, 1, 1, tzinfo=UTC))

EVERY_KIND: list[tuple[dict[str, Any], str]] = [
    ({"type": "text", "body": "hi"}, "hi"),
    ({"type": "rich", "body": "*hi*", "plain_text": "hi", "buttons": [{"title": "x"}]}, "hi"),
    ({"type": "media", "url": "https://x.example/a.png", "mime_type": "image/png", "caption": "hi"}, "hi"),
    ({"type": "audio", "url": "data:audio/ogg;base64,AA==", "transcript": "hi"}, "hi"),
    ({"type": "video", "url": "http://x.example/v"}, ""),
    ({"type": "location", "latitude": 48.2, "longitude": 16.4, "label": "hi"}, "hi"),
    ({"type": "composite", "parts": [{"type": "text", "body": "h"}, {"type": "text", "body": "i"}]}, "h\ni"),
    ({"type": "system", "body": "hi", "code": "joined"}, "hi"),
    ({"type": "template", "template_id": "t", "body": "hi"}, "hi"),
    ({"type": "edit", "target_event_id": "e", "new_content": {"type": "text", "body": "hi"}}, "hi"),
    ({"type": "delete", "target_event_id": "e"}, ""),
    ({"type": "tool_call", "name": "n", "tool_call_id": "1", "result": [1]}, ""),
]


@pytest.mark.parametrize(("data", "text"), EVERY_KIND, ids=[str(data["type"]) for data, _ in EVERY_KIND])
def test_every_kind_of_content_survives_json_and_has_its_words(data: dict[str, Any], text: str) -> None:
    """R-0001-11."""
    content = CONTENT.validate_python(data)

    assert CONTENT.validate_json(CONTENT.dump_json(content)) == content
    assert plain_text(content) == text


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JAVASCRIPT:alert(1)",
        "java\nscript:alert(1)",
        "file:///etc/passwd",
        "ftp://x.example",
        "/relative",
        "",
        "https://",
        "http:///path",
        "https://x.example/\r\nSet-Cookie: a=b",
        "vbscript:x",
        "https://[broken",
    ],
)
def test_hostile_urls_are_refused(url: str) -> None:
    """R-0001-12."""
    with pytest.raises(ValidationError):
        MediaContent(url=url, mime_type="image/png")


@pytest.mark.parametrize(
    "data",
    [
        {"type": "text"},
        {"type": "text", "body": "x", "colour": "red"},
        {"type": "hologram", "body": "x"},
        {"body": "no type"},
        {"type": "location", "latitude": 91, "longitude": 0},
        {"type": "location", "latitude": float("nan"), "longitude": 0},
        {"type": "audio", "url": "https://x.example", "duration_seconds": -1},
        {"type": "media", "url": "https://x.example", "mime_type": "image/png", "size_bytes": -1},
        {"type": "composite", "parts": []},
        "text",
        None,
    ],
)
def test_content_that_is_none_is_refused(data: object) -> None:
    """R-0001-11."""
    with pytest.raises(ValidationError):
        CONTENT.validate_python(data)


def test_text_has_a_bound() -> None:
    """R-0001-13."""
    assert TextContent(body="x" * MAX_TEXT_CHARS)
    with pytest.raises(ValidationError):
        TextContent(body="x" * (MAX_TEXT_CHARS + 1))


def test_composites_have_bounds() -> None:
    """R-0001-13."""
    content: Any = TextContent(body="x")
    for _ in range(5):
        content = CompositeContent(parts=(content,))
    with pytest.raises(ValidationError, match="5 deep"):
        CompositeContent(parts=(content,))
    with pytest.raises(ValidationError, match="5 deep"):
        CompositeContent(parts=(EditContent(target_event_id="e", new_content=content),))
    with pytest.raises(ValidationError):
        CompositeContent(parts=(TextContent(body="x"),) * 101)


def test_an_event_cannot_be_changed_in_place() -> None:
    event = RoomEvent(room_id="r", source=EventSource(channel_id="c"), content=TextContent(body="x"))

    with pytest.raises(ValidationError, match="frozen"):
        event.index = 3


def test_a_list_of_channels_is_a_visibility() -> None:
    """R-0003-5."""
    listed: Any = ["a", "b"]

    event = RoomEvent(room_id="r", source=EventSource(channel_id="c"), content=TextContent(body="x"), visibility=listed)

    assert event.visibility == "a,b"


def transcript() -> TranscriptionEvent:
    return TranscriptionEvent(
        room_id="r",
        source=EventSource(channel_id="c", participant_id="ada"),
        content=TextContent(body="hello", language="en"),
        session=SESSION,
        is_final=False,
        metadata={"role": "user"},
    )


def test_a_transcript_reads_both_ways() -> None:
    event = transcript()

    assert (event.text, event.content.body) == ("hello", "hello")
    assert (event.role, event.metadata["role"]) == ("user", "user")
    assert (event.is_final, event.channel_id, event.participant_id) == (False, "c", "ada")


def test_a_transcript_changes_both_ways_and_stays_a_transcript() -> None:
    event = transcript()

    changed = [
        event.with_text("bye"),
        event.model_copy(update={"text": "bye"}),
        event.model_copy(update={"content": TextContent(body="bye")}),
    ]

    assert [(type(each), each.text, each.content.body) for each in changed] == [(TranscriptionEvent, "bye", "bye")] * 3
    assert changed[0].content.language == "en"
    assert changed[0].session is SESSION


def test_what_is_stored_of_a_transcript_holds_no_session() -> None:
    stored = transcript().to_room_event()

    assert type(stored) is RoomEvent
    assert RoomEvent.model_validate_json(stored.model_dump_json()) == stored
    assert "session" not in transcript().model_dump()


def test_voice_payloads_name_their_room_channel_and_caller() -> None:
    event = SpeechEvent(session=SESSION)

    assert (event.room_id, event.channel_id, event.participant_id) == ("room", "voice", "ada")
    assert event.session is SESSION
    assert "session" not in event.model_dump()
    with pytest.raises(ValidationError):
        DtmfEvent(session=SESSION, digit="12")


def test_hook_results_are_made_by_name() -> None:
    event = transcript()

    assert HookResult.allow().action == "allow"
    assert HookResult.block("why").reason == "why"
    assert HookResult.modify(event).event is event
    with pytest.raises(ValidationError):
        HookResult(action="maybe")  # type: ignore[arg-type]  # rubbish on purpose


def test_every_trigger_is_its_own_name_in_lower_case() -> None:
    assert [trigger.value for trigger in HookTrigger] == [trigger.name.lower() for trigger in HookTrigger]


def test_a_tool_describes_itself() -> None:
    assert Tool("add", "Adds.", {"type": "object"}).definition == {
        "type": "function",
        "name": "add",
        "description": "Adds.",
        "parameters": {"type": "object"},
    }
