"""What the agent is told in words because the vendor has no message for it. Pure text, in English.

Silent context and typed turns are all there is: no roles, no tool results of another conversation, no "say this".
"""

from __future__ import annotations

import json
from typing import Final

from roomkit.voice.realtime.provider_events import Role

GO_ON: Final = "Please go on."
"""Asks for an answer that is owed, after a reconnect: only a turn of the user's is answered."""

EMPTY_RESULT: Final = "Done."
"""A result must not be empty."""

_SPEAKERS: Final[dict[Role, str]] = {"user": "The user said: ", "assistant": "You said: ", "system": ""}


def remembered(role: Role, text: str) -> str:
    """Words from before, as silent context."""
    return _SPEAKERS[role] + text


def recalled_call(name: str, arguments: str) -> str:
    """A tool call the agent made in an earlier conversation of the same call."""
    return f"You called the tool {name} with {arguments or 'no arguments'}."


def recalled_result(name: str, output: str) -> str:
    """What that call came to."""
    return f"The tool {name} returned: {output or EMPTY_RESULT}"


def say_exactly(text: str) -> str:
    """The request to say ``text`` word for word."""
    quoted = json.dumps(text, ensure_ascii=False)
    return f"Say exactly the following words, in their language, and nothing else: {quoted}"
