"""What an answer cost, in xAI's words and in ours. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from roomkit.providers.shared.objects import Json, count_of, object_of

_NAMES: Final[tuple[tuple[str, str, str], ...]] = (
    ("input_token_details", "text_tokens", "input_text_tokens"),
    ("input_token_details", "audio_tokens", "input_audio_tokens"),
    ("output_token_details", "text_tokens", "output_text_tokens"),
    ("output_token_details", "audio_tokens", "output_audio_tokens"),
    ("", "total_tokens", "total_tokens"),
    ("", "billable_audio_seconds", "billable_s"),
)
"""Where it stands, what it is called there, what it is called in `ResponseDone.usage`."""


def usage_of(event: Json) -> dict[str, float]:
    """The counts of a ``response.done``: beside its response, or inside as other servers have it."""
    usage = object_of(event, "usage") or object_of(object_of(event, "response"), "usage")
    return dict(_counts(usage))


def _counts(usage: Json) -> Iterator[tuple[str, float]]:
    for group, key, name in _NAMES:
        if (count := count_of(object_of(usage, group) if group else usage, key)) is not None:
            yield name, count
