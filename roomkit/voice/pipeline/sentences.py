"""Cuts text that arrives in pieces into what a synthesiser can say in one go. Pure.

Invariant: the sentences given out, put together, are the text that went in, but for spaces and control characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST = 300
"""Characters given to the synthesiser at once: about 20 s of speech, so that text without an end is still spoken."""

_END = re.compile(r"[.!?…]+[\"')\]]*\s+|\n+")
_UNSPEAKABLE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\ufeff\ufffd]+|[\ud800-\udfff]")


class Sentences:
    """Collects pieces of text and gives out sentences as soon as they are complete."""

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, piece: str) -> Iterator[str]:
        """The sentences that are complete with this piece; exhaust it before the next feed."""
        self._rest += _UNSPEAKABLE.sub(" ", piece)
        while (cut := self._next_cut()) is not None:
            sentence, self._rest = self._rest[:cut].strip(), self._rest[cut:]
            if sentence:
                yield sentence

    def flush(self) -> Iterator[str]:
        """What is left when the text is over."""
        rest, self._rest = self._rest.strip(), ""
        if rest:
            yield rest

    def _next_cut(self) -> int | None:
        end = _END.search(self._rest)
        if end is not None and end.end() <= LONGEST:
            return end.end()
        if len(self._rest) <= LONGEST:
            return None
        space = self._rest.rfind(" ", 1, LONGEST)
        return space if space > 0 else LONGEST
