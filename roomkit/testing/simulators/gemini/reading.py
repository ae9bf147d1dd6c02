"""What a client's message is, before anything is done about it: JSON, one known member, well formed.

Names are taken in lowerCamel and snake_case at every level, as the service takes them (the vendor's own SDK mixes
them in one message), and come out as lowerCamel; what is the user's (schemas, arguments, results) is left as it is.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from roomkit.testing.simulators.gemini.tables import CLIENT_MESSAGES
from roomkit.testing.simulators.rules import Refusal, check

Json = dict[str, Any]

USERS_OWN: Final = frozenset({"parametersJsonSchema", "parameters", "response", "args", "labels"})
"""Keys whose values are not the service's."""

_HUMP: Final = re.compile(r"_([a-z0-9])")


@dataclass(frozen=True, slots=True)
class Reading:
    """A message as it was understood.

    Attributes:
        kind: Its member: ``setup``, ``clientContent``, ``realtimeInput``, ``toolResponse`` or ``contextUpdate``.
        body: What is in it; empty if there was none.
        refusal: Why it cannot be taken, in the words of a close frame; empty if it can.
    """

    kind: str
    body: Json
    refusal: str = ""

    @property
    def event(self) -> Json:
        """As the record and `expect` see it."""
        return {"type": self.kind, **self.body} if self.kind else {}


def read(message: str | bytes) -> Reading:
    """Read one message of the client; never raises."""
    try:
        parsed: Any = json.loads(message)
    except (ValueError, RecursionError):
        return Reading("", {}, "Invalid JSON payload received.")
    if not isinstance(parsed, dict):
        return Reading("", {}, "Invalid JSON payload received. An object was expected.")
    event = _camel(parsed)
    if len(event) != 1:
        return Reading("", {}, "Invalid JSON payload received. A message holds exactly one member.")
    ((kind, body),) = event.items()
    if kind not in CLIENT_MESSAGES:
        return Reading("", {}, _unknown(kind))
    refusal = check(CLIENT_MESSAGES[kind], body, kind)
    return Reading(kind, body if isinstance(body, dict) else {}, _worded(refusal) if refusal is not None else "")


def decode_base64(data: str) -> bytes | None:
    """Bytes of standard or URL-safe base64, padded or not; `None` if it is neither."""
    standard = data.translate(str.maketrans("-_", "+/")).rstrip("=")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _camel(value: Any) -> Any:
    if isinstance(value, Mapping):
        named = ((_HUMP.sub(lambda hump: hump[1].upper(), str(key)), one) for key, one in value.items())
        return {key: one if key in USERS_OWN else _camel(one) for key, one in named}
    return [_camel(one) for one in value] if isinstance(value, list) else value


def _worded(refusal: Refusal) -> str:
    path = refusal.param or ""
    if refusal.code == "unknown_parameter":
        return _unknown(path)
    return f"Invalid value at '{path}'" if path else "Request contains an invalid argument."


def _unknown(path: str) -> str:
    where, _, name = path.rpartition(".")
    at = f" at '{where}'" if where else ""
    return f'Invalid JSON payload received. Unknown name "{name}"{at}: Cannot find field.'
