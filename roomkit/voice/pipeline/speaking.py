"""The voice of a link: one answer, sentence by sentence, as events. It joins a synthesiser and the time line.

Not in here: what is said. Invariant: an answer's text never runs ahead of its audio by more than one sentence, nor its
audio ahead of real time by more than `MOST_AHEAD_MS`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from roomkit.clock import Clock
from roomkit.voice.pipeline.history import History
from roomkit.voice.realtime.provider import SpeechGate
from roomkit.voice.realtime.provider_events import Audio, ProviderEvent, Transcript
from roomkit.voice.tts.base import TextToSpeech
from roomkit.voice.vad.base import BYTES_PER_SAMPLE

MOST_AHEAD_MS = 10_000
"""An engine says an hour in seconds; what an interruption would throw away need not be made."""


class Voice:
    """Says one answer.

    Args:
        emit: Takes the events.
        history: Holds what was said.
        gate: Judges each sentence before it is spoken; ``None``: that was done.
    """

    def __init__(
        self, emit: Callable[[ProviderEvent], None], history: History, *, tts: TextToSpeech, clock: Clock,
        response_id: str, item_id: str, gate: SpeechGate | None = None,
    ) -> None:  # fmt: skip
        self._emit = emit
        self._history = history
        self._tts = tts
        self._clock = clock
        self._response_id = response_id
        self._item_id = item_id
        self._gate = gate
        self._spoken = history.speak(item_id)
        self._began_ms: float | None = None

    async def say(self, sentence: str, *, voice: str | None, rate: float) -> None:
        """Say one sentence, if it may be said; returns when it was handed over, which is long before it was heard.

        Raises:
            ProviderError: The engine failed.
        """
        if self._gate is not None:
            if (verdict := self._gate.before_speech(sentence, voice)) is not None:
                if (allowed := await verdict) is None:
                    return
                sentence = allowed
            self._gate.speech_begins(sentence, voice, self._response_id, self._item_id, self._spoken.duration_ms)
        self._spoken.begin(sentence)
        self._history.refresh(self._item_id)
        self._transcript(is_final=False)
        async with contextlib.aclosing(self._tts.synthesize(sentence, voice=voice, rate=rate)) as chunks:
            async for pcm in chunks:
                self._spoken.extend(len(pcm) / BYTES_PER_SAMPLE / self._tts.rate_hz * 1000)
                self._emit(Audio(pcm, self._response_id, self._item_id))
                await self._keep_pace()

    def finish(self) -> None:
        """No more will be said: the final transcript, if there was anything."""
        if self._spoken.text:
            self._transcript(is_final=True)

    def _transcript(self, *, is_final: bool) -> None:
        self._emit(Transcript("assistant", self._spoken.text, is_final, self._item_id, self._response_id))

    async def _keep_pace(self) -> None:
        now_ms = self._clock.now_ms()
        self._began_ms = now_ms if self._began_ms is None else self._began_ms
        ahead_ms = self._spoken.duration_ms - (now_ms - self._began_ms)
        if ahead_ms > MOST_AHEAD_MS:
            await asyncio.sleep((ahead_ms - MOST_AHEAD_MS) / 1000)
