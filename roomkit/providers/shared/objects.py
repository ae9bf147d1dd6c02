"""Reading messages that may be anything: JSON objects in, plain values out, never an exception but `WireError`.

A wrong type counts as absent. Not in here: what a message means (the vendors' `dialect`). Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from roomkit.errors import WireError
from roomkit.voice.wires.port import WireMessage

Json = Mapping[str, Any]
"""A JSON object as it came: only its being an object is known."""

_MAX_COUNT: Final = 1e15
"""No session counts that far; also keeps NaN, infinity and integers no float can hold out of our sums."""

_IDENTIFIER: Final = re.compile(r"[\w.\[\]-]{1,100}")


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


def count_of(event: Json, key: str) -> float | None:
    """The count at ``key``; ``None`` for what cannot be one."""
    value = event.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 <= value < _MAX_COUNT else None


def identifier(event: Json, key: str) -> str:
    """The vendor's code word at ``key``; ``""`` for anything that could be a sentence: those quote what was sent."""
    value = text_of(event, key)
    return value if _IDENTIFIER.fullmatch(value) else ""
