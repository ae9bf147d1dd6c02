"""What the xAI server remembers of its conversations, for clients that come back. Pure.

Text only, and only for those who opted in both times; forgotten half an hour after the client left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from roomkit.testing.simulators.openai.conversation import Event

MEMORY_MS: Final = 30 * 60 * 1000


@dataclass(slots=True)
class Past:
    """One conversation.

    Attributes:
        is_kept: The client opted in.
        seen_ms: Loop time at which its last connection still stood.
    """

    conversation_id: str
    items: list[Event] = field(default_factory=list)
    is_kept: bool = False
    seen_ms: float = 0.0
    _is_recalled: bool = False

    def arrive(self, now_ms: float) -> None:
        """A connection takes the conversation up."""
        self.seen_ms, self._is_recalled = now_ms, False

    def recalled(self) -> list[Event]:
        """The items to replay to a client that opts in: all that is known, the first time on a connection."""
        items = [] if self._is_recalled or not self.is_kept else [*self.items]
        self.is_kept = self._is_recalled = True
        return items

    def note(self, event: Event) -> None:
        """Remember what a server event (in OpenAI's words) says was said."""
        match event:
            case {"type": "conversation.item.input_audio_transcription.completed", "item_id": id_, "transcript": said}:
                self._add(id_, "user", said)
            case {"item": {"type": "message", "role": role, "id": id_, "content": [*parts]}} if parts:
                if words := " ".join(part.get("text") or part.get("transcript") or "" for part in parts).strip():
                    self._add(id_, role, words)

    def _add(self, item_id: str, role: str, text: str) -> None:
        self.items = [item for item in self.items if item["id"] != item_id]  # its last version counts
        part = {"type": "text" if role == "assistant" else "input_text", "text": text}
        item = {"id": item_id, "object": "realtime.item", "type": "message", "status": "completed", "role": role}
        self.items.append({**item, "content": [part]})


class Conversations:
    """All conversations of one server."""

    def __init__(self) -> None:
        self._pasts: dict[str, Past] = {}

    def open(self, conversation_id: str, now_ms: float, new_id: Callable[[str], str]) -> Past:
        """The conversation of that id, or a new one where it is not known (any more)."""
        past = self._pasts.get(conversation_id)
        if past is None or not past.is_kept or now_ms - past.seen_ms > MEMORY_MS:
            past = Past(new_id("conv"))
            self._pasts[past.conversation_id] = past
        past.arrive(now_ms)
        return past
