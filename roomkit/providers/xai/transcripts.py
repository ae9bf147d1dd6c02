"""What the caller said, by snapshots: xAI sends the whole utterance again and again, the last time as final. Pure.

A snapshot may call itself completed and still be in progress; only ``status: "completed"`` ends an item. Where that
never comes, the answer to the turn does: it was made from those words. Invariant: an item is final once. The agent's
words come in pieces: of them, only when each is spoken (`start_ms_of`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from roomkit.providers.shared.memory import remember
from roomkit.providers.shared.objects import Json
from roomkit.voice.realtime.provider_events import Transcript

_MAX_OPEN: Final = 64
"""Items that wait for their final; a caller has one or two at a time."""

_MAX_START_S: Final = 86_400
"""No answer lasts a day; also keeps NaN and infinity out."""


@dataclass(slots=True)
class _Snapshot:
    text: str = ""
    is_whole: bool = False
    is_turn: bool = False
    is_answered: bool = False


class CallerTranscripts:
    """The caller's items whose words may still change, and the ids of those that are final."""

    def __init__(self) -> None:
        self._open: dict[str, _Snapshot] = {}
        self._finished: dict[str, None] = {}  # a dict for its order: the oldest is forgotten first

    def snapshot(self, item_id: str, text: str, *, is_whole: bool = False) -> Transcript | None:
        """The item's words so far, or whole and maybe still to be corrected; ``None``: no news, or final already."""
        if item_id in self._finished:
            return None
        heard = self._opened(item_id)
        heard.is_whole |= is_whole
        if not text or text == heard.text:
            return None
        heard.text = text
        return Transcript("user", text, is_final=False, item_id=item_id)

    def committed(self, item_id: str) -> None:
        """The item became a turn of the conversation: an answer may follow."""
        if item_id not in self._finished:
            self._opened(item_id).is_turn = True

    def finished(self, item_id: str, text: str) -> Transcript | None:
        """The item's final words; ``None`` when they had come before."""
        if item_id in self._finished:
            return None
        self._open.pop(item_id, None)
        remember(self._finished, item_id, None)
        return Transcript("user", text, is_final=True, item_id=item_id)

    def answer_began(self) -> list[Transcript]:
        """An answer is made to the turns so far; finals for those whose words were whole."""
        for heard in self._open.values():
            heard.is_answered |= heard.is_turn
        return self._finals(lambda heard: heard.is_answered and heard.is_whole)

    def answer_ended(self) -> list[Transcript]:
        """An answer is over; finals for the turns that had one and whose own never came."""
        return self._finals(lambda heard: heard.is_answered)

    def abandoned(self, item_id: str) -> None:
        """The item will have no (more) words."""
        self._open.pop(item_id, None)

    def _finals(self, is_due: Callable[[_Snapshot], bool]) -> list[Transcript]:
        due = [(item_id, heard.text) for item_id, heard in self._open.items() if heard.text and is_due(heard)]
        finals = [self.finished(item_id, text) for item_id, text in due]
        return [final for final in finals if final is not None]

    def _opened(self, item_id: str) -> _Snapshot:
        if item_id not in self._open:
            remember(self._open, item_id, _Snapshot(), _MAX_OPEN)
        return self._open[item_id]


def start_ms_of(delta: Json) -> float | None:
    """When in its item's audio a piece of the agent's transcript begins, where the server says so."""
    start_s = delta.get("start_time")
    if isinstance(start_s, bool) or not isinstance(start_s, int | float) or not 0 <= start_s <= _MAX_START_S:
        return None
    return start_s * 1000.0
