"""What an event can carry: one class a kind, told apart by ``type``.

Not in here: how a channel shows it (the channel's business). Invariant: a URL is http, https or data, text is bounded,
and composites nest at most `MAX_NESTING` deep, so content from anywhere can be stored and shown without a second look.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator

from roomkit.models._base import Model

MAX_TEXT_CHARS = 1_000_000
"""A novel fits; a memory exhaustion does not."""
MAX_URL_CHARS = 10_000_000
"""Ordinary URLs are short; a ``data:`` URL holds a whole picture."""
MAX_PARTS = 100
MAX_NESTING = 5


def _safe_url(url: str) -> str:
    scheme = urlsplit(url).scheme.lower()
    if scheme not in ("http", "https", "data"):
        raise ValueError(f"a URL in content is http, https or data, not {scheme or 'relative'}")
    if any(ord(char) < 0x20 for char in url):
        raise ValueError("a URL holds no control characters")
    if scheme != "data" and not urlsplit(url).hostname:
        raise ValueError("an http URL names a host")
    return url


Text = Annotated[str, Field(max_length=MAX_TEXT_CHARS)]
Url = Annotated[str, Field(max_length=MAX_URL_CHARS), AfterValidator(_safe_url)]
DurationS = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class TextContent(Model):
    """Plain text."""

    type: Literal["text"] = "text"
    body: Text
    language: str | None = None


class RichContent(Model):
    """Formatted text with what one can press; ``plain_text`` is for channels that show neither."""

    type: Literal["rich"] = "rich"
    body: Text
    format: Literal["markdown", "html"] = "markdown"
    plain_text: Text | None = None
    buttons: tuple[dict[str, Any], ...] = ()
    cards: tuple[dict[str, Any], ...] = ()
    quick_replies: tuple[str, ...] = ()


class MediaContent(Model):
    """A file or picture by URL."""

    type: Literal["media"] = "media"
    url: Url
    mime_type: str
    filename: str | None = None
    size_bytes: int | None = Field(default=None, ge=0)
    caption: Text | None = None


class AudioContent(Model):
    """A recording by URL; live speech is never content."""

    type: Literal["audio"] = "audio"
    url: Url
    mime_type: str = "audio/ogg"
    duration_seconds: DurationS | None = None
    transcript: Text | None = None


class VideoContent(Model):
    """A film by URL."""

    type: Literal["video"] = "video"
    url: Url
    mime_type: str = "video/mp4"
    duration_seconds: DurationS | None = None
    thumbnail_url: Url | None = None


class LocationContent(Model):
    """A place on earth, WGS 84 degrees."""

    type: Literal["location"] = "location"
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    label: str | None = None
    address: str | None = None


class CompositeContent(Model):
    """Several contents shown as one message."""

    type: Literal["composite"] = "composite"
    parts: tuple[EventContent, ...] = Field(min_length=1, max_length=MAX_PARTS)

    @field_validator("parts")
    @classmethod
    def _bounded(cls, parts: tuple[EventContent, ...]) -> tuple[EventContent, ...]:
        if 1 + max(_nesting(part) for part in parts) > MAX_NESTING:
            raise ValueError(f"composite content nests at most {MAX_NESTING} deep")
        return parts


class SystemContent(Model):
    """What the room itself says ("Ada joined"), with a code for programs."""

    type: Literal["system"] = "system"
    body: Text
    code: str | None = None
    data: dict[str, Any] = Field(default_factory=dict)


class TemplateContent(Model):
    """A message template approved elsewhere (SMS, WhatsApp) and its parameters; ``body`` is the rendered text."""

    type: Literal["template"] = "template"
    template_id: str
    language: str = "en"
    parameters: dict[str, Any] = Field(default_factory=dict)
    body: Text | None = None


class EditContent(Model):
    """New content for an earlier event of the same room."""

    type: Literal["edit"] = "edit"
    target_event_id: str
    new_content: EventContent
    edit_source: str | None = None


class DeleteContent(Model):
    """An earlier event of the same room is taken back."""

    type: Literal["delete"] = "delete"
    target_event_id: str
    delete_type: str = "sender"
    reason: str | None = None


class ToolCallContent(Model):
    """A tool an agent called, and what came of it."""

    type: Literal["tool_call"] = "tool_call"
    name: str
    tool_call_id: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    result: Any = None


EventContent = Annotated[
    TextContent
    | RichContent
    | MediaContent
    | AudioContent
    | VideoContent
    | LocationContent
    | CompositeContent
    | SystemContent
    | TemplateContent
    | EditContent
    | DeleteContent
    | ToolCallContent,
    Field(discriminator="type"),
]
"""Anything an event can carry, told apart by ``type``."""


def _nesting(content: Any) -> int:
    if isinstance(content, CompositeContent):
        return 1 + max(_nesting(part) for part in content.parts)
    if isinstance(content, EditContent):
        return 1 + _nesting(content.new_content)
    return 0


def plain_text(content: EventContent) -> str:
    """The words of ``content`` for whoever can only read; empty if there are none."""
    match content:
        case TextContent() | SystemContent():
            return content.body
        case RichContent():
            return content.plain_text or content.body
        case TemplateContent():
            return content.body or ""
        case MediaContent():
            return content.caption or content.filename or ""
        case AudioContent():
            return content.transcript or ""
        case LocationContent():
            return content.label or content.address or f"{content.latitude}, {content.longitude}"
        case CompositeContent():
            return "\n".join(filter(None, map(plain_text, content.parts)))
        case EditContent():
            return plain_text(content.new_content)
        case _:
            return ""


CompositeContent.model_rebuild()
EditContent.model_rebuild()
