"""What a channel cannot show, as something it can: rich text as plain, media as a link, long text in pieces. Pure.

Not in here: who asks for it (`delivery`, once per event and binding) and how a channel then shows what it is given.
Invariants: what comes out holds only kinds the channel declared, and text, which every channel shows; several contents
come as one `CompositeContent`, so one event stays one delivery; no text is longer than the channel's bound; nothing
that was private in the content (a tool's arguments, a reason) becomes text.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final, get_args

from roomkit.models.channel import ChannelCapabilities
from roomkit.models.content import (
    MAX_PARTS,
    MAX_TEXT_CHARS,
    AudioContent,
    CompositeContent,
    DeleteContent,
    EditContent,
    EventContent,
    LocationContent,
    MediaContent,
    RichContent,
    SystemContent,
    TemplateContent,
    TextContent,
    ToolCallContent,
    VideoContent,
)
from roomkit.models.event import RoomEvent

EVERYTHING: Final = ChannelCapabilities(
    content_types=tuple(kind.model_fields["type"].default for kind in get_args(get_args(EventContent)[0]))
)
"""A channel that takes any content as it is: programs, models, browsers with a client of their own."""

MAX_SHOWN_BUTTONS: Final = 20
_SPACE: Final = re.compile(r"\s+")


def for_channel(event: RoomEvent, capabilities: ChannelCapabilities) -> RoomEvent:
    """``event`` with content a channel with ``capabilities`` can show; the same object if it can as it is."""
    shown = transcode(event.content, capabilities)
    return event if shown is event.content else event.model_copy(update={"content": shown})


def transcode(content: EventContent, capabilities: ChannelCapabilities) -> EventContent:
    """``content`` as a channel with ``capabilities`` can show it; the same object if it can as it is.

    Returns:
        One content of a declared kind, a `TextContent`, or a `CompositeContent` of such, not nested. At most
        `MAX_PARTS` of them, for one event carries no more; of what needs more the end is left out, and ``…`` says so.
    """
    if _fits(content, capabilities):
        return content
    merged = _merged(_pieces(content, capabilities), capabilities.max_text_chars)
    pieces = list(islice(merged, MAX_PARTS + 1)) or [TextContent(body="")]
    if len(pieces) > MAX_PARTS:
        pieces[MAX_PARTS - 1 :] = [TextContent(body="…")]
    return pieces[0] if len(pieces) == 1 else CompositeContent(parts=tuple(pieces))


def contents(content: EventContent) -> Iterator[EventContent]:
    """The single contents of ``content`` in order, for a channel that sends one message for each."""
    if isinstance(content, CompositeContent):
        for part in content.parts:
            yield from contents(part)
    else:
        yield content


def split_text(text: str, max_chars: int) -> Iterator[str]:
    """``text`` in pieces of at most ``max_chars``, cut at a line's end if that is near, else between words.

    A word that is longer than a piece is cut wherever the piece ends. Of the white space at a cut nothing is kept.

    Raises:
        ValueError: ``max_chars`` is not positive.
    """
    if max_chars <= 0:
        raise ValueError(f"a piece holds at least one character, not {max_chars}")
    start = 0
    while len(text) - start > max_chars:
        end = _cut(text, start, start + max_chars)
        if piece := text[start:end].rstrip():
            yield piece
        start = end
        while start < len(text) and text[start].isspace():
            start += 1
    if start == 0:
        yield text
    elif rest := text[start:].rstrip():
        yield rest


def as_text(content: EventContent) -> str:
    """``content`` for whoever can only read: words first, then where to find the rest."""
    match content:
        case TextContent() | SystemContent():
            return content.body
        case RichContent():
            return _rich_text(content)
        case TemplateContent():
            return content.body or f"[{content.template_id}]"
        case CompositeContent():
            return _lines(*map(as_text, content.parts))
        case EditContent():
            return f"Edited: {as_text(content.new_content)}"
        case DeleteContent():
            return "A message was deleted."
        case ToolCallContent():
            return f"[{content.name}]"
        case _:
            return _linked(content)


def _linked(content: MediaContent | AudioContent | VideoContent | LocationContent) -> str:
    match content:
        case MediaContent():
            return _lines(content.caption, _link(content.url, content.filename or content.mime_type))
        case AudioContent():
            return _lines(content.transcript, _link(content.url, "audio"))
        case VideoContent():
            return _link(content.url, "video")
        case LocationContent():
            return _lines(content.label, content.address, _map_link(content))


def _fits(content: EventContent, capabilities: ChannelCapabilities) -> bool:
    kinds, limit = capabilities.content_types, capabilities.max_text_chars
    if content.type != "text" and content.type not in kinds:
        return False
    match content:
        case CompositeContent():
            return all(_fits(part, capabilities) for part in content.parts)
        case EditContent():
            return _fits(content.new_content, capabilities)
        case TextContent() | RichContent() | SystemContent() | TemplateContent():
            return limit is None or len(content.body or "") <= limit
        case MediaContent():
            return limit is None or len(content.caption or "") <= limit
        case _:
            return True


def _pieces(content: EventContent, capabilities: ChannelCapabilities) -> Iterator[EventContent]:
    """What the channel can show of ``content``, each text as long as it comes."""
    if _fits(content, capabilities) and not isinstance(content, CompositeContent):
        yield content
        return
    match content:
        case CompositeContent():
            for part in content.parts:
                yield from _pieces(part, capabilities)
        case MediaContent() if content.type in capabilities.content_types:  # only its caption is too long
            yield TextContent(body=content.caption or "")
            yield content.model_copy(update={"caption": None})
        case TextContent():
            yield content
        case _:
            yield TextContent(body=as_text(content)[:MAX_TEXT_CHARS])


def _merged(pieces: Iterable[EventContent], limit: int | None) -> Iterator[EventContent]:
    """Texts that follow one another as one, then cut to the channel's bound."""
    texts: list[TextContent] = []
    for piece in pieces:
        if isinstance(piece, TextContent):
            texts.append(piece)
            continue
        yield from _cut_to(texts, limit)
        texts = []
        yield piece
    yield from _cut_to(texts, limit)


def _cut_to(texts: list[TextContent], limit: int | None) -> Iterator[TextContent]:
    if not texts:
        return
    body = _lines(*(text.body for text in texts))
    for piece in (body,) if limit is None else split_text(body, limit):
        yield texts[0].model_copy(update={"body": piece})


def _cut(text: str, start: int, full: int) -> int:
    """Where to end a piece: after a line that fills half of it, else after a word, else where it is full."""
    line_end = text.rfind("\n", (start + full) // 2, full + 1)
    if line_end > start:
        return line_end
    return next((end for end in range(full, start, -1) if text[end].isspace()), full)


def _rich_text(content: RichContent) -> str:
    body = content.plain_text or (_stripped(content.body) if content.format == "html" else content.body)
    cards = (_first(card, "title", "text") for card in content.cards[:MAX_SHOWN_BUTTONS])
    buttons = (_button(button) for button in content.buttons[:MAX_SHOWN_BUTTONS])
    replies = (f"- {reply}" for reply in content.quick_replies[:MAX_SHOWN_BUTTONS])
    return _lines(body, *cards, *buttons, *replies)


def _button(button: dict[str, Any]) -> str:
    label, url = _first(button, "label", "title", "text"), button.get("url")
    if isinstance(url, str) and url.startswith(("https://", "http://")):
        return f"- {label}: {url}" if label else f"- {url}"
    return f"- {label}" if label else ""


def _first(fields: dict[str, Any], *names: str) -> str:
    """The first of some fields that holds words: cards and buttons are the application's own."""
    return next((value for name in names if isinstance(value := fields.get(name), str) and value), "")


def _link(url: str, name: str) -> str:
    """A picture inside its own URL cannot be followed: then its name has to do."""
    return f"[{name}]" if url.startswith("data:") else f"{name}: {url}"


def _map_link(place: LocationContent) -> str:
    at = f"{place.latitude:.6f}/{place.longitude:.6f}"
    return f"https://www.openstreetmap.org/?mlat={place.latitude:.6f}&mlon={place.longitude:.6f}#map=16/{at}"


def _lines(*lines: str | None) -> str:
    return "\n".join(line for line in lines if line)


_TAG: Final = re.compile(r"<(?:(/?)([a-zA-Z][a-zA-Z0-9]*+)|[!?])[^<>]*+>")
"""Stops at the next bracket and never goes back, so that a hostile text is read in time linear in its length."""
_BLOCKS: Final = frozenset("p div br li tr h1 h2 h3 h4 h5 h6 ul ol table blockquote pre".split())  # noqa: SIM905 -- a list to read
_UNREAD: Final = frozenset({"script", "style", "head", "template"})


def _stripped(source: str) -> str:
    """The words of an HTML text: a line for each block, nothing of scripts and styles."""
    words: list[str] = []
    unread_until, end = "", 0
    for tag in _TAG.finditer(source):
        is_closing, name = bool(tag[1]), (tag[2] or "").lower()
        if not unread_until:
            words.append(_SPACE.sub(" ", source[end : tag.start()]))
            words.append("\n" if name in _BLOCKS else "")
            unread_until = name if name in _UNREAD and not is_closing else ""
        elif is_closing and name == unread_until:
            unread_until = ""
        end = tag.end()
    if not unread_until:
        words.append(_SPACE.sub(" ", source[end:]))
    return _lines(*(line.strip() for line in html.unescape("".join(words)).split("\n")))
