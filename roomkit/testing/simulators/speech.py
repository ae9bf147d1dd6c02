"""What an answer consists of, whoever's protocol it is given in: words, their sound, calls of functions. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from roomkit.testing.simulators.sound import bytes_per_ms, encode, tone
from roomkit.testing.simulators.steps import CallTool, Say

REALTIME_CHUNK_MS: Final = 20
FAST_CHUNK_MS: Final = 100
WORD_MS: Final = 300


@dataclass(frozen=True, slots=True)
class Speech:
    """Something to say.

    Attributes:
        pcm: How it sounds: PCM16 LE mono at 24 kHz; by default a tone.
        tone_ms: How long that tone is; by default 300 ms a word.
        is_realtime: It is sent as fast as it is spoken, and not all at once.
    """

    text: str
    pcm: bytes | None = field(default=None, repr=False)
    tone_ms: int | None = None
    is_realtime: bool = False

    @property
    def spoken_ms(self) -> int:
        """The length of the tone."""
        return WORD_MS * max(1, len(self.text.split())) if self.tone_ms is None else self.tone_ms


@dataclass(frozen=True, slots=True)
class Call:
    """A function to call; ``arguments`` is JSON. By default the server makes up an id."""

    name: str
    arguments: str
    call_id: str = ""


def speech_of(step: Say) -> Speech:
    """What a script's step says."""
    return Speech(step.text, step.pcm, round(step.seconds * 1000), step.pace == "realtime")


def part_of(step: Say | CallTool) -> Speech | Call:
    """A script's step as a part of an answer."""
    return speech_of(step) if isinstance(step, Say) else Call(step.name, json.dumps(step.arguments))


def chunks_of(speech: Speech, audio_type: str) -> Sequence[tuple[str, float]]:
    """The sound in base64, with each chunk's duration in ms.

    A tone is made of one chunk over and over, so a half-hour answer costs one string.
    """
    chunk_ms = REALTIME_CHUNK_MS if speech.is_realtime else FAST_CHUNK_MS
    if speech.pcm is None:
        whole, rest_ms = divmod(speech.spoken_ms, chunk_ms)
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


@cache
def _tone_chunk(duration_ms: int, audio_type: str) -> str:
    return _base64(encode(tone(duration_ms), audio_type))


def _base64(audio: bytes) -> str:
    return base64.b64encode(audio).decode("ascii")
