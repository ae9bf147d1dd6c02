"""The cascade as a provider like any other: recogniser, text model and synthesiser joined into links.

What is one caller's lives in `CascadeLink` (`link`); this file holds what all callers share. Invariant: it holds
engines and configuration, never a session's state.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from roomkit.clock import SYSTEM_CLOCK, Clock
from roomkit.errors import ConfigError
from roomkit.voice.pipeline.link import CascadeLink, Parts
from roomkit.voice.pipeline.model import TextModel
from roomkit.voice.pipeline.settings import turn_settings
from roomkit.voice.realtime.commands import LinkConfig
from roomkit.voice.realtime.profile import Profile, TurnPolicy
from roomkit.voice.realtime.provider import ProviderLink, ProviderSink, RealtimeVoiceProvider
from roomkit.voice.realtime.provider_events import LinkReady
from roomkit.voice.stt.base import SpeechToText
from roomkit.voice.tts.base import TextToSpeech
from roomkit.voice.turn.endpointing import EndpointingPolicy, Judge, judge_nothing
from roomkit.voice.vad.base import Vad


class CascadeProvider(RealtimeVoiceProvider):
    """Speech to text, a text model, text to speech.

    Args:
        stt: Recognises; at the same rate as the VAD listens.
        tts: Speaks.
        model: Thinks.
        vad: Makes a fresh `Vad` for each caller.
        judge: Says whether words are complete, which shortens or lengthens the pause that ends a turn.
        endpointing: How speech and pauses are told apart.
        name: For logs, pages and metrics.

    Raises:
        ConfigError: VAD and recogniser want different rates.
    """

    def __init__(
        self,
        *,
        stt: SpeechToText,
        tts: TextToSpeech,
        model: TextModel,
        vad: Callable[[], Vad],
        judge: Judge = judge_nothing,
        endpointing: EndpointingPolicy | None = None,
        name: str = "cascade",
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._parts = Parts(stt=stt, tts=tts, model=model, vad=vad, judge=judge, clock=clock)
        self._endpointing = endpointing or EndpointingPolicy()
        self._profile = Profile(
            name=name,
            reconfigures=frozenset({"instructions", "voice", "tools"}),
            truncates=True,
            deletes_items=True,
            cancels=True,
            manual_turns=True,
            images=False,
            temperature=False,
            transcribes_input=True,
            tells_speech=True,
            holds_answers=True,
        )

    @property
    def profile(self) -> Profile:
        return self._profile

    def turn_policy(self, config: LinkConfig) -> TurnPolicy:
        settings = turn_settings(config, self._endpointing)
        return TurnPolicy(
            interrupts=settings.interrupts,
            manual=settings.manual,
            silence_ms=0,  # `InputPaused` ends an utterance by itself
            answers_by_itself=settings.answers,
        )

    def new_vad(self) -> Vad:
        """A fresh detector of the kind its links have, for who takes turns by hand.

        Raises:
            MissingExtraError: It is not installed.
        """
        return self._parts.vad()

    async def warm(self) -> None:
        """Load the engines, off the loop, so that the first caller need not wait for them. Idempotent."""
        await asyncio.gather(self._parts.stt.warm(), self._parts.tts.warm())

    async def open_link(self, config: LinkConfig, sink: ProviderSink) -> ProviderLink:
        """See `RealtimeVoiceProvider.open_link`; opens in a few milliseconds once the engines are warm."""
        settings = turn_settings(config, self._endpointing)
        await self.warm()
        vad = self._parts.vad()
        if vad.rate_hz != self._parts.stt.rate_hz:
            raise ConfigError(f"the VAD listens at {vad.rate_hz} Hz, the recogniser at {self._parts.stt.rate_hz} Hz")
        link = CascadeLink(self._parts, config, settings, vad, sink)
        sink.on_event(LinkReady(vad.rate_hz, self._parts.tts.rate_hz, self._parts.clock.new_id("link")))
        return link

    async def close(self) -> None:
        await asyncio.gather(self._parts.stt.close(), self._parts.tts.close(), self._parts.model.close())
