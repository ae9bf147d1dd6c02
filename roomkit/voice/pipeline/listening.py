"""The ear of a link: the caller's audio in, turns out. It joins a VAD, an endpointing policy and a recogniser.

Not in here: answering. Invariants: turns are delivered in the order in which they were spoken, each after the events
that announce it; every utterance opened at the recogniser is finished or abandoned.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from roomkit._aio import Supervisor
from roomkit.clock import Clock
from roomkit.errors import ProviderError
from roomkit.voice.realtime.provider_events import (
    InputCommitted,
    ProviderEvent,
    ProviderFault,
    SpeechStarted,
    SpeechStopped,
    Transcript,
    TranscriptFailed,
)
from roomkit.voice.stt.base import NOTHING_HEARD, Recognition, SpeechToText, Utterance, WorksAhead
from roomkit.voice.turn.endpointing import Completeness, Edge, Endpointer, EndpointingPolicy, Judge
from roomkit.voice.vad.base import BYTES_PER_SAMPLE, Blocks, Vad

LEAD_IN_MS = 512
"""Audio from before speech was noticed that the recogniser gets too: soft first consonants, and its noise estimate.

With 288 the "th" of "thank you" was cut off: a VAD is sure of a word only when its vowel is well under way."""

LONGEST_CHUNK_MS = 2_000
"""More audio than this at once is not live: judging it would stop the loop, so only its end is heard."""


class Listener(Protocol):
    """Who is told what the ear hears; on the loop, never waits."""

    def emit(self, event: ProviderEvent) -> None:
        """Speech and transcripts, for the session."""

    def on_speech(self) -> None:
        """The caller began to speak."""

    def on_turn(self, item_id: str, text: str) -> None:
        """The caller said this; ``""``: something that was not understood."""

    def on_quiet(self) -> None:
        """Nobody speaks and nothing is being recognised any more."""


class Ear:
    """Listens to one caller.

    Args:
        manual: Turns are begun and committed by hand; the VAD is not asked.
        tasks: Owns the recognitions under way.
    """

    def __init__(
        self, listener: Listener, *, vad: Vad, stt: SpeechToText, judge: Judge, policy: EndpointingPolicy,
        manual: bool, clock: Clock, tasks: Supervisor,
    ) -> None:  # fmt: skip
        self._listener = listener
        self._vad = vad
        self._stt = stt
        self._judge = judge
        self._endpointer = Endpointer(policy)
        self._manual = manual
        self._clock = clock
        self._tasks = tasks
        self._blocks = Blocks(vad.block_bytes)
        self._block_ms = vad.block_bytes / BYTES_PER_SAMPLE / vad.rate_hz * 1000
        self._longest_chunk_bytes = int(LONGEST_CHUNK_MS * vad.rate_hz / 1000) * BYTES_PER_SAMPLE
        self._lead_in: deque[bytes] = deque(maxlen=max(1, round(LEAD_IN_MS / self._block_ms)))
        self._utterance: Utterance | None = None
        self._works_ahead: WorksAhead | None = None  # the open utterance, if it can
        self._is_pausing = False
        self._item_id = ""
        self._shown = ""
        self._concluding = 0
        self._in_order = asyncio.Lock()

    @property
    def is_speaking(self) -> bool:
        """Whether the caller's turn is open."""
        return self._utterance is not None

    @property
    def is_concluding(self) -> bool:
        """Whether a finished turn is still being recognised."""
        return self._concluding > 0

    def feed(self, pcm: bytes) -> None:
        """The caller's next audio, any length."""
        if len(pcm) > self._longest_chunk_bytes:
            pcm = pcm[-self._longest_chunk_bytes :]
        for block in self._blocks.feed(pcm):
            if self._manual:
                self._take(block)
            else:
                self._follow(block)

    def begin(self) -> None:
        """Manual turns: the caller's turn begins. Again while one is open: that one goes on."""
        if self._utterance is None:
            self._open()

    def commit(self) -> None:
        """The caller's turn is over now, whatever was heard; nothing happens when none is open."""
        if self._utterance is None:
            return
        rest = self._blocks.flush()
        if rest:
            self._take(rest)
        self._endpointer.reset()
        self._close()

    def close(self) -> None:
        """Stop listening; an open utterance is abandoned."""
        if self._utterance is not None:
            self._utterance.abandon()
            self._utterance = self._works_ahead = None

    def _follow(self, block: bytes) -> None:
        probability = self._vad.speech_probability(block)
        self._take(block)
        match self._endpointer.feed(probability, self._block_ms, self._completeness()):
            case Edge.STARTED:
                self._open()
                self._listener.emit(SpeechStarted(self._item_id))
                self._listener.on_speech()
            case Edge.STOPPED:
                self._close()
            case None if self._utterance is not None:
                self._tell_of_pauses()
                self._show()

    def _take(self, block: bytes) -> None:
        if self._utterance is not None:
            self._utterance.feed(block)
        else:
            self._lead_in.append(block)

    def _tell_of_pauses(self) -> None:
        """Let the recogniser work while the pause is waited out: an answer comes sooner by what that takes."""
        is_pausing = self._endpointer.pause_ms > 0
        if self._works_ahead is None or is_pausing is self._is_pausing:
            return
        self._is_pausing = is_pausing
        if is_pausing:
            self._works_ahead.pause()
        else:
            self._works_ahead.resume()

    def _completeness(self) -> Completeness:
        if self._utterance is None or not self._endpointer.pause_ms:
            return Completeness.UNKNOWN
        words = self._utterance.so_far().text
        return self._judge(words) if words else Completeness.UNKNOWN

    def _show(self) -> None:
        guess = self._utterance.so_far().text if self._utterance is not None else None
        if guess and guess != self._shown:
            self._shown = guess
            self._listener.emit(Transcript("user", guess, is_final=False, item_id=self._item_id))

    def _open(self) -> None:
        self._item_id = self._clock.new_id("item")
        self._shown = ""
        self._utterance = self._stt.open()
        self._works_ahead = self._utterance if isinstance(self._utterance, WorksAhead) else None
        self._is_pausing = False
        self._utterance.feed(b"".join(self._lead_in))
        self._lead_in.clear()

    def _close(self) -> None:
        assert self._utterance is not None
        utterance, self._utterance, self._works_ahead = self._utterance, None, None
        announced = self._manual or bool(utterance.so_far().text)
        if announced and not self._manual:
            self._listener.emit(SpeechStopped(self._item_id))
        self._concluding += 1
        self._tasks.start(self._conclude(self._item_id, utterance, announced=announced), name=f"hear {self._item_id}")

    async def _conclude(self, item_id: str, utterance: Utterance, *, announced: bool) -> None:
        """Find out what it was; of an utterance without words so far, whether it was speech at all."""
        try:
            async with self._in_order:
                heard = await self._recognise(utterance)
                self._report(item_id, heard, announced=announced)
        finally:
            utterance.abandon()
            self._concluding -= 1
        if not self.is_concluding and not self.is_speaking:
            self._listener.on_quiet()

    async def _recognise(self, utterance: Utterance) -> Recognition:
        try:
            return await utterance.finish()
        except ProviderError as error:
            self._listener.emit(ProviderFault(error.code or "stt_failed", str(error), retryable=error.retryable))
            return NOTHING_HEARD

    def _report(self, item_id: str, heard: Recognition, *, announced: bool) -> None:
        if not announced:
            self._listener.emit(SpeechStopped(item_id, is_utterance=heard.text is not None))
            if heard.text is None:
                return
        self._listener.emit(InputCommitted(item_id))
        if heard.text:
            self._listener.emit(Transcript("user", heard.text, is_final=True, item_id=item_id))
        else:
            self._listener.emit(TranscriptFailed(item_id, "not understood"))
        self._listener.on_turn(item_id, heard.text or "")
