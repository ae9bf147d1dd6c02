"""One response of the simulated server as a value: what it is to say, how far it is, how the wire shows it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Literal

from roomkit.testing.simulators.openai.conversation import Item
from roomkit.testing.simulators.sound import PCM_RATE_HZ, bytes_per_ms, encode, tone

REALTIME_CHUNK_MS: Final = 20
FAST_CHUNK_MS: Final = 100

Status = Literal["in_progress", "completed", "cancelled", "failed", "incomplete"]


@dataclass(frozen=True, slots=True)
class Speech:
    """Something to say: the words, and the sound as PCM16 at 24 kHz or as the length of a tone."""

    text: str
    pcm: bytes | None = field(repr=False)
    tone_ms: int
    realtime: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A function to call; ``arguments`` is JSON. By default the server makes up an id."""

    name: str
    arguments: str
    call_id: str = ""


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


def chunks_of(speech: Speech, audio_type: str) -> Sequence[tuple[str, float]]:
    """The sound in base64, with each chunk's duration in ms.

    A tone is made of one chunk over and over, so a half-hour answer costs one string.
    """
    chunk_ms = REALTIME_CHUNK_MS if speech.realtime else FAST_CHUNK_MS
    if speech.pcm is None:
        whole, rest_ms = divmod(speech.tone_ms, chunk_ms)
        sizes_ms = [chunk_ms] * whole + [rest_ms] * (rest_ms > 0)
        return [(_tone_chunk(size_ms, audio_type), float(size_ms)) for size_ms in sizes_ms]
    audio = encode(speech.pcm, audio_type)
    a_ms = bytes_per_ms(audio_type)
    pieces = (audio[at : at + chunk_ms * a_ms] for at in range(0, len(audio), chunk_ms * a_ms))
    return [(_base64(piece), len(piece) / a_ms) for piece in pieces]


def words_of(text: str) -> list[str]:
    """The deltas of a text: a word each, with the space before it."""
    first, *others = text.split() or [""]
    return [first, *(f" {word}" for word in others)] if first else []


def words_before(words: Sequence[str], index: int, count: int) -> Sequence[str]:
    """The words sent before audio chunk ``index`` of ``count``: they lead the sound, and are all out half-way."""
    start, end = (min(len(words), -(-2 * at * len(words) // count)) for at in (index, index + 1))
    return words[start:end]


def part_of(kind: str, text: str) -> dict[str, Any]:
    """A content part, which keeps the short type names of the beta (items have the long ones)."""
    return {"type": "audio", "transcript": text} if kind == "audio" else {"type": "text", "text": text}


@cache
def _tone_chunk(duration_ms: int, audio_type: str) -> str:
    return _base64(encode(tone(duration_ms), audio_type))


def _base64(audio: bytes) -> str:
    return base64.b64encode(audio).decode("ascii")
