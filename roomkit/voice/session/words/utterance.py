"""One item of what the agent says until its words are final, and what is known of one that was stopped. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from roomkit.core.ports import Verdict
from roomkit.models.voice import TranscriptionEvent
from roomkit.voice.audio.playback import HeardItem


@dataclass(slots=True)
class Utterance:
    """The agent's words of one item, until they are final.

    Attributes:
        cut: What was heard of the item when it was interrupted; its words are measured when all of them are known.
        is_read: The caller has no speaker: what was shown of it when it was interrupted is what they know of it.
        allowed_text: Of an item that was stopped while it was being said, the words that had been allowed.
    """

    key: str
    item_id: str
    response_id: str
    text: str = ""
    was_asked: bool = False
    cut: HeardItem | None = None
    is_read: bool = False
    allowed_text: str | None = None


@dataclass(frozen=True, slots=True)
class Blocked:
    """An item that was stopped while it was being said: what was allowed of it, and the verdict that stopped it."""

    item_id: str
    response_id: str
    allowed_text: str
    verdict: Verdict[TranscriptionEvent]

    @property
    def key(self) -> str:
        """As in `Utterance`."""
        return self.item_id or self.response_id
