"""Expressive cues in what an agent says: ``[whisper]``, ``[long pause]``, ``<laugh>``, ``</soft>``. Pure.

Vendors' voices act them out, so they travel as they are and are one piece wherever a text is cut; a synthesiser that
knows none leaves them out (`spoken`). Invariant: a cue is one to three words of letters in brackets; anything else in
brackets is text (a Markdown link too).
"""

from __future__ import annotations

import re
from typing import Final

_WORDS: Final = r"[^\W\d_]{1,20}(?:[ -][^\W\d_]{1,20}){0,2}"
CUE: Final = rf"(?:\[/?{_WORDS}\](?!\()|</?{_WORDS} ?/?>)"
"""The pattern of one cue."""

_PAUSE: Final = re.compile(rf"\s*[\[<](?:{_WORDS}[ -])?(?:pause|break) ?/?[\]>]", re.IGNORECASE)
_ANY: Final = re.compile(rf"\s*{CUE}(?=[\s.,;:!?]|$)|{CUE}")


def spoken(text: str) -> str:
    """The text for a synthesiser that knows no cues: pauses as a comma makes them, all others left out."""
    return _ANY.sub("", _PAUSE.sub(",", text)).strip()
