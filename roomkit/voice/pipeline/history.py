"""The conversation as heard: what was said by whom, with the agent's words cut where the caller stopped hearing them.

Pure. Not in here: who speaks next. Invariant: entries stand in the order in which they were added, and an item named
by `truncate` or `delete` keeps its place or goes, nothing else moves.
"""

from __future__ import annotations

from dataclasses import replace

from roomkit.voice.pipeline.model import Conversation, Entry, Said

MOST_ENTRIES = 400
"""A call that never ends must not grow for ever; what is this old no model looks at."""


class Spoken:
    """How an item of the agent's lies on the time line: which text had been said after how many milliseconds."""

    def __init__(self) -> None:
        self._marks: list[tuple[float, str]] = []
        self.duration_ms = 0.0

    @property
    def text(self) -> str:
        """All of it."""
        return " ".join(sentence for _, sentence in self._marks)

    def begin(self, sentence: str) -> None:
        """From here on ``sentence`` is being said."""
        self._marks.append((self.duration_ms, sentence))

    def extend(self, duration_ms: float) -> None:
        """So much audio of the current sentence was made."""
        self.duration_ms += duration_ms

    def heard(self, audio_end_ms: float) -> str:
        """The words said by then: whole sentences, and of the one that was cut the share of its words that fits."""
        words: list[str] = []
        ends = [start for start, _ in self._marks[1:]] + [self.duration_ms]
        for (start, sentence), end in zip(self._marks, ends, strict=True):
            if start >= audio_end_ms:
                break
            share = min(1.0, (audio_end_ms - start) / max(1.0, end - start))
            parts = sentence.split()
            words += parts[: round(share * len(parts))]
        return " ".join(words)


class History:
    """What was said, for a model to answer."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._spoken: dict[str, Spoken] = {}

    def conversation(self, instructions: str | None) -> Conversation:
        """All of it, frozen; the words of an item that is still being spoken as far as they go."""
        return Conversation(tuple(entry for entry in self._entries if not _is_unsaid(entry)), instructions)

    def add(self, entry: Entry) -> None:
        """Append an entry; the oldest goes when there are too many."""
        self._entries.append(entry)
        while len(self._entries) > MOST_ENTRIES:
            oldest = self._entries.pop(0)
            if isinstance(oldest, Said):
                self._spoken.pop(oldest.item_id, None)

    def speak(self, item_id: str) -> Spoken:
        """Open an item of the agent's; `refresh` it as it grows."""
        self._spoken[item_id] = Spoken()
        self.add(Said("assistant", "", item_id))
        return self._spoken[item_id]

    def refresh(self, item_id: str) -> None:
        """Take over what was spoken of an item so far."""
        if item_id in self._spoken:
            self._say(item_id, self._spoken[item_id].text)

    def truncate(self, item_id: str, audio_end_ms: float) -> None:
        """The caller heard no more of this item; an unknown item is nobody's mistake (it may have been deleted)."""
        if item_id in self._spoken:
            self._say(item_id, self._spoken.pop(item_id).heard(audio_end_ms))

    def delete(self, item_id: str) -> None:
        """Forget an item; unknown ones are forgotten already."""
        self._spoken.pop(item_id, None)
        self._entries = [e for e in self._entries if not (isinstance(e, Said) and e.item_id == item_id)]

    def _say(self, item_id: str, text: str) -> None:
        self._entries = [
            replace(e, text=text) if isinstance(e, Said) and e.item_id == item_id else e for e in self._entries
        ]


def _is_unsaid(entry: Entry) -> bool:
    return isinstance(entry, Said) and entry.role == "assistant" and not entry.text
