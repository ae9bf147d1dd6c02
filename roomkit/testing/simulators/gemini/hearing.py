"""What comes in as ``realtimeInput``: audio, marks around it, pictures; and the turns that follow. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from roomkit.testing.simulators.gemini.ear import FRAME_MS, Ear, Level, Noticed
from roomkit.testing.simulators.gemini.reading import decode_base64
from roomkit.testing.simulators.gemini.settings import Refused, Settings
from roomkit.testing.simulators.steps import Turn

DEFAULT_RATE_HZ: Final = 16_000
_AUDIO_TYPE: Final = re.compile(r"audio/pcm(?:;\s*rate=(\d{4,6}))?")
_IMAGE_TYPES: Final = ("image/jpeg", "image/png", "image/webp")


@dataclass(frozen=True, slots=True)
class Mark:
    """The caller began or ended a turn, by voice or by hand."""

    is_start: bool
    turn: Turn


@dataclass(frozen=True, slots=True)
class Piece:
    """Audio as it came: PCM16 LE mono."""

    pcm: bytes = field(repr=False)
    rate_hz: int


class Listener(Protocol):
    """Who hears the caller and not only that they spoke: the agent of live mode. Told in the order of the audio."""

    def level(self, frame: bytes, rate_hz: int) -> float:
        """What takes the place of loudness."""

    def on_audio(self, pcm: bytes, rate_hz: int) -> None:
        """The caller's next audio."""

    def on_mark(self, *, is_start: bool) -> None:
        """A turn began or ended."""


class Hearing:
    """The input of one connection.

    Attributes:
        settings: The set-up in force.
        level: Takes the place of loudness, if there is something better.
    """

    def __init__(self) -> None:
        self.settings = Settings({}, "")
        self.level: Level | None = None
        self._ear = Ear()
        self._is_in_turn = False

    def take(self, body: Mapping[str, Any]) -> Iterator[Piece | Mark]:
        """Take one ``realtimeInput``: the audio in it, with marks where turns began or ended; take them all.

        Raises:
            Refused: It holds not exactly one member, or one that may not come now.
        """
        if "mediaChunks" in body:
            raise Refused("realtime_input.media_chunks is deprecated. Use audio, video, or text instead.")
        if len(body) != 1:
            raise Refused("realtime_input must hold exactly one of audio, video, text and the activity signals.")
        ((member, value),) = body.items()
        match member:
            case "audio":
                yield from self._audio(value)
            case "video" if value["mimeType"] not in _IMAGE_TYPES or not decode_base64(value["data"]):
                raise Refused("realtime_input.video must be an image in base64.")
            case "activityStart" | "activityEnd":
                yield from self._marked(is_start=member == "activityStart")
            case "audioStreamEnd":
                if self.settings.is_manual:
                    raise Refused("audio_stream_end needs automatic activity detection.")
                yield from (_mark(one) for one in self._ear.stream_ended())

    def _audio(self, blob: Mapping[str, str]) -> Iterator[Piece | Mark]:
        kind, pcm = _AUDIO_TYPE.fullmatch(blob["mimeType"]), decode_base64(blob["data"])
        if kind is None or pcm is None or len(pcm) % 2:
            raise Refused("realtime_input.audio must be whole samples of PCM16 in base64.")
        rate_hz = int(kind[1] or DEFAULT_RATE_HZ)
        if self.settings.is_manual:
            yield Piece(pcm, rate_hz)
            return
        size_bytes = FRAME_MS * rate_hz // 1000 * 2
        for at in range(0, len(pcm), size_bytes):
            piece = pcm[at : at + size_bytes]
            yield Piece(piece, rate_hz)
            yield from (_mark(one) for one in self._ear.hear(piece, rate_hz, self.settings.detection, self.level))

    def _marked(self, *, is_start: bool) -> Iterator[Mark]:
        if not self.settings.is_manual:
            raise Refused("Explicit activity control is not supported when automatic activity detection is enabled.")
        if is_start is not self._is_in_turn:
            self._is_in_turn = is_start
            yield Mark(is_start, "commit")


def _mark(noticed: Noticed) -> Mark:
    return Mark(noticed == "started", "speech")
