"""The local voice agent as a provider: the cascade with parts that ship inside packages and a shop's rule book.

It understands the phrases of its phrase book, nothing else; for open conversation use a provider with a model.
"""

from __future__ import annotations

from roomkit.clock import SYSTEM_CLOCK, Clock
from roomkit.providers.local.brain import ShopBrain
from roomkit.providers.local.config import LocalRealtimeConfig
from roomkit.providers.local.grammar import judge, junk_words, network, phrase_network, pronunciations, written
from roomkit.voice.pipeline.provider import CascadeProvider
from roomkit.voice.stt.pocketsphinx import PocketSphinx
from roomkit.voice.tts.espeak import EspeakTts
from roomkit.voice.turn.endpointing import EndpointingPolicy
from roomkit.voice.vad.silero import SileroVad


def shop_recogniser() -> PocketSphinx:
    """A recogniser of the shop's phrases.

    Raises:
        MissingExtraError: The extra ``local`` is not installed.
    """
    return PocketSphinx(
        network(), phrases=phrase_network(), junk=junk_words(), written=written, pronunciations=pronunciations()
    )


class LocalRealtimeProvider(CascadeProvider):
    """A voice agent that needs no key, no network and no download.

    Args:
        config: How it listens and speaks.

    Raises:
        MissingExtraError: The extras ``local`` and ``espeak`` are not installed.
    """

    def __init__(self, config: LocalRealtimeConfig | None = None, *, clock: Clock = SYSTEM_CLOCK) -> None:
        config = config or LocalRealtimeConfig()
        super().__init__(
            stt=shop_recogniser(),
            tts=EspeakTts(config.voice),
            model=ShopBrain(clock),
            vad=SileroVad,
            judge=judge,
            endpointing=EndpointingPolicy(
                speech_at=config.vad_threshold,
                silence_below=config.vad_threshold * 0.7,
                silence_ms=config.silence_duration_ms,
                complete_ms=config.complete_ms,
                incomplete_ms=config.incomplete_ms,
            ),
            name="local",
            clock=clock,
        )
