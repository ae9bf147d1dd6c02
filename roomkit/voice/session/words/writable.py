"""A vendor's words as text that can be stored and sent on. Pure.

Broken JSON can hold half an emoji (a lone surrogate), which is no UTF-8, and a NUL, which no PostgreSQL text holds.
"""

from __future__ import annotations

from dataclasses import replace

from roomkit.voice.realtime.provider_events import ProviderEvent, SpokenWords, Transcript


def writable(text: str) -> str:
    """The text with a question mark in place of each character that cannot be written down."""
    return text.replace("\x00", "?").encode(errors="replace").decode()


def with_writable_words(event: ProviderEvent) -> ProviderEvent:
    """A provider's event; itself, where its words can be written down or it has none."""
    if isinstance(event, Transcript | SpokenWords) and (text := writable(event.text)) != event.text:
        return replace(event, text=text)
    return event
