"""Recognition of a grammar's phrases with pocketsphinx: small, quick, offline, and deaf to anything else.

The acoustic model and the dictionary ship in the wheel. A junk loop beside the grammar catches what is not in it, so
that a wrong phrase becomes "not understood" and not the nearest right one. Open dictation with these models is not
usable, and noise 10 dB below the voice breaks it.

Invariant: a decoder is touched by the engine's one thread only; an utterance has it to itself from begin to end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from roomkit._extras import require
from roomkit.errors import ConfigError, ProviderError
from roomkit.voice.stt.base import NOTHING_HEARD, Recognition

logger = logging.getLogger(__name__)

RATE_HZ = 16_000
WARM_DECODERS = 2
"""Decoders loaded before they are needed (0.15 s and some 35 MB each): two callers may speak at once without a wait."""

MOST_IDLE_DECODERS = 8
"""Kept after a moment when many spoke at once; more would only be memory."""


class PocketSphinx:
    """A `SpeechToText` for the phrases of one JSGF grammar.

    Args:
        grammar: JSGF text; every word of it must be in the dictionary (CMUdict) or in ``pronunciations``.
        junk: Words that only the grammar's junk rule uses: a result made of them is "not understood".
        written: Turns recognised words into text as one would write it.
        pronunciations: Words the dictionary lacks, as ARPAbet phones.

    Raises:
        MissingExtraError: pocketsphinx is not installed.
    """

    def __init__(
        self,
        grammar: str,
        *,
        junk: frozenset[str] = frozenset(),
        written: Callable[[str], str] = str,
        pronunciations: dict[str, str] | None = None,
    ) -> None:
        self._module: Any = require("pocketsphinx", extra="local", why="the local voice stack")
        self._grammar = grammar
        self._junk = junk
        self._written = written
        self._pronunciations = dict(pronunciations or {})
        self._free: list[Any] = []
        self._is_warm = False
        self._thread: ThreadPoolExecutor | None = None

    @property
    def rate_hz(self) -> int:
        return RATE_HZ

    async def warm(self) -> None:
        """Load decoders on the engine's thread; at once when that was done.

        Raises:
            ConfigError: The grammar cannot be read, or has a word nobody told how to pronounce.
        """
        if self._is_warm:
            return
        await asyncio.get_running_loop().run_in_executor(self.thread, self._load_until, 1)
        if not self._is_warm:
            self._is_warm = True
            self.release(lambda: self._load_until(WARM_DECODERS))  # before any utterance, but nobody waits for it

    def _load_until(self, count: int) -> None:
        while len(self._free) < count:
            self._free.append(self._load())

    def open(self) -> SphinxUtterance:
        return SphinxUtterance(self)

    async def close(self) -> None:
        """Stop the thread once what runs is done; `open` and `warm` start it anew."""
        thread, self._thread, self._is_warm = self._thread, None, False
        self._free.clear()
        if thread is not None:
            thread.shutdown(wait=False, cancel_futures=True)

    @property
    def thread(self) -> Executor:
        """The one thread decoders live on. More would not be faster: the library holds the GIL while it decodes."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="roomkit-stt")
        return self._thread

    def release(self, work: Callable[[], None]) -> None:
        """Run the clean-up of an utterance on the engine's thread; needless once that is gone."""
        if self._thread is not None:
            self._thread.submit(work)

    @property
    def idle_decoders(self) -> int:
        """Decoders that wait for an utterance."""
        return len(self._free)

    # --- on the engine's thread -------------------------------------------------------------------------------------

    def lease(self) -> Any:
        """A decoder that listens from now on."""
        decoder = self._free.pop() if self._free else self._load()
        decoder.start_utt()
        return decoder

    def give_back(self, decoder: Any) -> None:
        """The decoder is idle again; it forgets this caller's room and microphone."""
        if len(self._free) < MOST_IDLE_DECODERS:
            decoder.reinit_feat()
            self._free.append(decoder)

    def read(self, decoder: Any) -> Recognition:
        """What the decoder makes of it so far."""
        hypothesis = decoder.hyp()
        words = hypothesis.hypstr.split() if hypothesis is not None else []
        if not words:
            return NOTHING_HEARD
        if any(word in self._junk for word in words):
            return Recognition("")
        # The search yields no posterior without a lattice, which would cost most of the latency there is: in the
        # grammar counts as sure.
        return Recognition(self._written(" ".join(words)), 1.0)

    def _load(self) -> Any:
        model = Path(str(self._module.get_model_path())) / "en-us"
        decoder = self._module.Decoder(
            hmm=str(model / "en-us"), dict=str(model / "cmudict-en-us.dict"), lm=None, bestpath=False, loglevel="FATAL"
        )
        for word, phones in self._pronunciations.items():
            decoder.add_word(word, phones, update=False)
        try:
            decoder.add_jsgf_string("turn", self._grammar)
            decoder.activate_search("turn")
        except (RuntimeError, ValueError) as error:
            raise ConfigError("the recogniser cannot use this grammar: bad JSGF, or a word not in CMUdict") from error
        return decoder


class SphinxUtterance:
    """One utterance; audio is decoded in the background as it comes, whatever waits in one go."""

    def __init__(self, engine: PocketSphinx) -> None:
        self._engine = engine
        self._decoder: Any = None
        self._waiting: list[bytes] = []
        self._decoding: asyncio.Future[Recognition] | None = None
        self._newest = NOTHING_HEARD
        self._is_over = False

    def feed(self, pcm: bytes) -> None:
        if self._is_over or not pcm:
            return
        self._waiting.append(pcm)
        if self._decoding is None:
            self._start()

    def so_far(self) -> Recognition:
        return self._newest

    async def finish(self) -> Recognition:
        """The final word: decodes what waits, then lets the decoder look back over the whole utterance.

        Raises:
            ProviderError: The decoder failed, or the engine was closed meanwhile.
        """
        if self._is_over:
            return self._newest
        self._is_over = True
        pcm = self._take_waiting()
        try:
            self._newest = await self._on_thread(self._conclude, pcm)
        except asyncio.CancelledError:
            self._engine.release(self._release)
            raise
        return self._newest

    def abandon(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._waiting.clear()
        self._engine.release(self._release)

    async def _on_thread(self, work: Callable[[bytes], Recognition], pcm: bytes) -> Recognition:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._engine.thread, work, pcm)
        except RuntimeError as error:
            raise ProviderError("the recogniser failed on an utterance", code="stt_failed") from error

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        self._decoding = loop.run_in_executor(self._engine.thread, self._decode, self._take_waiting())
        self._decoding.add_done_callback(self._decoded)

    def _take_waiting(self) -> bytes:
        pcm = b"".join(self._waiting)
        self._waiting.clear()
        return pcm

    def _decoded(self, decoding: asyncio.Future[Recognition]) -> None:
        self._decoding = None
        if decoding.cancelled() or (error := decoding.exception()) is not None:
            logger.debug("a piece of speech was not decoded: %s", "cancelled" if decoding.cancelled() else error)
            return
        if not self._is_over:
            self._newest = decoding.result()
            if self._waiting:
                self._start()

    # --- on the engine's thread -------------------------------------------------------------------------------------

    def _decode(self, pcm: bytes) -> Recognition:
        if self._decoder is None:
            self._decoder = self._engine.lease()
        self._decoder.process_raw(pcm)
        return self._engine.read(self._decoder)

    def _conclude(self, pcm: bytes) -> Recognition:
        if pcm:
            self._decode(pcm)
        if self._decoder is None:
            return NOTHING_HEARD
        self._decoder.end_utt()
        heard = self._engine.read(self._decoder)
        decoder, self._decoder = self._decoder, None
        self._engine.give_back(decoder)
        return heard

    def _release(self) -> None:
        if self._decoder is not None:
            decoder, self._decoder = self._decoder, None
            decoder.end_utt()
            self._engine.give_back(decoder)
