"""Reading server events that may be anything: JSON objects in, plain values out, never an exception but `WireError`.

A wrong type counts as absent. Not in here: what an event means (`dialect`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from roomkit.errors import WireError
from roomkit.voice.realtime.provider_events import ResponseStatus
from roomkit.voice.wires.port import WireMessage

Json = Mapping[str, Any]
"""A JSON object as it came: only its being an object is known."""

_STATUSES: dict[str, ResponseStatus] = {
    "completed": "completed",
    "cancelled": "cancelled",
    "failed": "failed",
    "incomplete": "incomplete",
}
_USAGE_NAMES = {
    "input_token_details.text_tokens": "input_text_tokens",
    "input_token_details.audio_tokens": "input_audio_tokens",
    "input_token_details.image_tokens": "input_image_tokens",
    "input_token_details.cached_tokens_details.text_tokens": "cached_text_tokens",
    "input_token_details.cached_tokens_details.audio_tokens": "cached_audio_tokens",
    "output_token_details.text_tokens": "output_text_tokens",
    "output_token_details.audio_tokens": "output_audio_tokens",
    "total_tokens": "total_tokens",
}
"""Where a count stands in a response's usage, and its portable name. Cached image tokens have none."""

_MAX_COUNT = 1e15
"""No session counts that far; also keeps NaN, infinity and integers no float can hold out of our sums."""


def parse(message: WireMessage) -> Json:
    """The event in a wire message.

    Raises:
        WireError: It is no JSON object.
    """
    try:
        event = json.loads(message)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise WireError(f"a message of {len(message)} characters is not JSON", code="not_json") from error
    if not isinstance(event, dict):
        raise WireError(f"a message of {len(message)} characters is no JSON object", code="not_an_object")
    return event


def text_of(event: Json, key: str) -> str:
    """The string at ``key``, or ``""``."""
    value = event.get(key)
    return value if isinstance(value, str) else ""


def object_of(event: Json, key: str) -> Json:
    """The object at ``key``, or an empty one."""
    value = event.get(key)
    return value if isinstance(value, dict) else {}


def objects_of(event: Json, key: str) -> list[Json]:
    """The objects in the list at ``key``."""
    value = event.get(key)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def status_of(response: Json) -> ResponseStatus:
    """How a finished response ended; whatever is not known counts as completed."""
    return _STATUSES.get(text_of(response, "status"), "completed")


def usage_of(response: Json) -> dict[str, float]:
    """The counts of a response by the names of `ResponseDone.usage`; what is no count is left out."""
    return dict(_counts(object_of(response, "usage")))


def _counts(usage: Json) -> Iterator[tuple[str, float]]:
    for path, name in _USAGE_NAMES.items():
        *groups, key = path.split(".")
        counts = usage
        for group in groups:
            counts = object_of(counts, group)
        count = counts.get(key)
        if isinstance(count, int | float) and not isinstance(count, bool) and 0 <= count < _MAX_COUNT:
            yield name, count
