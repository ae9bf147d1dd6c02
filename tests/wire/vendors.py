"""The four dialects side by side, for what must hold for all of them: a fresh one each, and what its server says.

Not in here: what only one vendor does; that is in ``tests/providers/<vendor>``.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Final, NamedTuple

from roomkit.providers.elevenlabs.dialect import ElevenLabsDialect
from roomkit.providers.gemini.dialect import GeminiDialect
from roomkit.providers.openai.dialect import OpenAIDialect
from roomkit.providers.xai.dialect import XAIDialect
from roomkit.voice.realtime.dialect import Dialect
from roomkit.voice.wires.port import WireMessage
from tests.wire.replay import lines_of, recordings


class Vendor(NamedTuple):
    """One vendor's dialect and wire.

    Attributes:
        ready: What its server says first, so that the link is up.
        is_binary: Its server's messages are binary.
    """

    name: str
    dialect: Callable[[], Dialect]
    ready: str
    is_binary: bool = False

    def framed(self, text: str) -> WireMessage:
        """A message as it arrives."""
        return text.encode("utf-8", "replace") if self.is_binary else text

    def heard(self) -> list[WireMessage]:
        """What its servers said in the recordings, compact as they write it."""
        return [self.framed(_dumps(line["got"])) for line in self._lines() if "got" in line]

    def told(self) -> list[str]:
        """What was said to its servers in the recordings."""
        return [_dumps(line["sent"]) for line in self._lines() if "sent" in line]

    def _lines(self) -> list[dict[str, object]]:
        return [*itertools.chain.from_iterable(map(lines_of, recordings(self.name)))]


def _dumps(message: object) -> str:
    return json.dumps(message, separators=(",", ":"))


VENDORS: Final = {
    vendor.name: vendor
    for vendor in (
        Vendor("openai", OpenAIDialect, '{"type":"session.updated","session":{"id":"sess_1"}}'),
        Vendor(
            "gemini",
            lambda: GeminiDialect("gemini-2.5-flash-native-audio-preview-12-2025"),
            '{"setupComplete":{}}',
            is_binary=True,
        ),
        Vendor("xai", XAIDialect, '{"type":"session.updated","session":{"id":"sess_1"}}'),
        Vendor(
            "elevenlabs",
            ElevenLabsDialect,
            '{"type":"conversation_initiation_metadata","conversation_initiation_metadata_event":{"conversation_id":"c",'
            '"agent_output_audio_format":"pcm_16000","user_input_audio_format":"pcm_16000"}}',
        ),
    )
}
