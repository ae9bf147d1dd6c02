"""What comes in as ``realtimeInput``: audio, marks around it, pictures; and the turns that follow. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from roomkit.testing.simulators.gemini.ear import Ear, Noticed
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


class Hearing:
    """The input of one connection.

    Attributes:
        settings: The set-up in force.
    """

    def __init__(self) -> None:
        self.settings = Settings({}, "")
        self._ear = Ear()
        self._is_in_turn = False

    def take(self, body: Mapping[str, Any]) -> tuple[bytes, list[Mark]]:
        """Take one ``realtimeInput``. Returns the audio in it, and the turns that began or ended with it.

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
                return self._audio(value)
            case "video" if value["mimeType"] not in _IMAGE_TYPES or not decode_base64(value["data"]):
                raise Refused("realtime_input.video must be an image in base64.")
            case "activityStart" | "activityEnd":
                return b"", self._marked(is_start=member == "activityStart")
            case "audioStreamEnd":
                if self.settings.is_manual:
                    raise Refused("audio_stream_end needs automatic activity detection.")
                return b"", [_mark(one) for one in self._ear.stream_ended()]
        return b"", []

    def _audio(self, blob: Mapping[str, str]) -> tuple[bytes, list[Mark]]:
        kind, pcm = _AUDIO_TYPE.fullmatch(blob["mimeType"]), decode_base64(blob["data"])
        if kind is None or pcm is None or len(pcm) % 2:
            raise Refused("realtime_input.audio must be whole samples of PCM16 in base64.")
        if self.settings.is_manual:
            return pcm, []
        rate_hz = int(kind[1] or DEFAULT_RATE_HZ)
        return pcm, [_mark(one) for one in self._ear.hear(pcm, rate_hz, self.settings.detection)]

    def _marked(self, *, is_start: bool) -> list[Mark]:
        if not self.settings.is_manual:
            raise Refused("Explicit activity control is not supported when automatic activity detection is enabled.")
        if is_start is self._is_in_turn:
            return []
        self._is_in_turn = is_start
        return [Mark(is_start, "commit")]


def _mark(noticed: Noticed) -> Mark:
    return Mark(noticed == "started", "speech")
