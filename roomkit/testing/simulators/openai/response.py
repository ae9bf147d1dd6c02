"""One response of the simulated server as a value: what it is to say, how far it is, how the wire shows it."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Literal

from roomkit.testing.simulators.openai.conversation import Item
from roomkit.testing.simulators.sound import PCM_RATE_HZ

Status = Literal["in_progress", "completed", "cancelled", "failed", "incomplete"]


@dataclass(slots=True)
class Response:
    """One response: ``due_ms`` is when it has something to send next, `None` while it thinks.

    Attributes:
        verbatim: What the client wants to hear, word for word, if it said so.
        steps: Its speaking; `None` while it thinks.
    """

    id: str
    in_conversation: bool
    modality: str
    audio_type: str
    voice: Any
    max_output_tokens: Any
    metadata: Any
    instructions: str | None = None
    verbatim: str | None = None
    status: Status = "in_progress"
    status_details: dict[str, Any] | None = None
    output: list[Item] = field(default_factory=list)
    steps: Iterator[float] | None = None
    due_ms: float | None = None
    open_part: str | None = None
    spoken_text: str = ""
    spoken_ms: float = 0.0

    def shown(self, conversation_id: str) -> dict[str, Any]:
        """The response as ``response.created`` and ``response.done`` carry it."""
        is_over = self.status != "in_progress"
        audio_format: dict[str, Any] = {"type": self.audio_type}
        if self.audio_type == "audio/pcm":
            audio_format["rate"] = PCM_RATE_HZ
        return {
            "id": self.id,
            "object": "realtime.response",
            "status": self.status,
            "status_details": self.status_details,
            "output": [deepcopy(item.body) for item in self.output] if is_over else [],
            "conversation_id": conversation_id if self.in_conversation else None,
            "output_modalities": [self.modality],
            "max_output_tokens": self.max_output_tokens,
            "audio": {"output": {"format": audio_format, "voice": self.voice}},
            "metadata": self.metadata,
            "usage": self._usage() if is_over else None,
        }

    def _usage(self) -> dict[str, Any]:
        """Invented but steady: 50 tokens went in, 20 a second of audio and 4 an item came out."""
        audio, text = round(self.spoken_ms / 50), 4 * len(self.output)
        cached = {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0}
        return {
            "total_tokens": 50 + audio + text,
            "input_tokens": 50,
            "output_tokens": audio + text,
            "input_token_details": {
                "text_tokens": 50,
                "audio_tokens": 0,
                "image_tokens": 0,
                "cached_tokens": 0,
                "cached_tokens_details": cached,
            },
            "output_token_details": {"text_tokens": text, "audio_tokens": audio},
        }


def part_of(kind: str, text: str) -> dict[str, Any]:
    """A content part, which keeps the short type names of the beta (items have the long ones)."""
    return {"type": "audio", "transcript": text} if kind == "audio" else {"type": "text", "text": text}
