"""Recognition of a grammar's phrases with pocketsphinx: small, quick, offline, and deaf to anything else.

The acoustic model and the dictionary ship in the wheel. Each utterance is looked at twice: along with the speech, with
a junk loop beside the grammar, which shows partials and says when words are complete; and as a whole in the pause after
it (`second_look`), which has the final word. Open dictation with these models is not usable, and noise 10 dB below the
voice breaks it.

Invariant: decoders are touched by the engine's one thread only; an utterance has one to itself from begin to end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from roomkit._extras import require
from roomkit.errors import ProviderError
from roomkit.voice.stt.base import NOTHING_HEARD, Recognition
from roomkit.voice.stt.sphinx_decoders import Decoders, Language
from roomkit.voice.stt.sphinx_grammar import Grammar

logger = logging.getLogger(__name__)

RATE_HZ = 16_000
WARM_DECODERS = 2
"""Decoders loaded before they are needed (0.15 s and some 35 MB each): two callers may speak at once without a wait."""


class PocketSphinx:
    """A `SpeechToText` for the phrases of one grammar.

    Args:
        grammar: A network or JSGF text; every word of it must be in the dictionary (CMUdict) or in ``pronunciations``.
        phrases: The phrases without junk, for the second look; ``None``: the first look is the final word.
        junk: Words that only the grammar's junk rule uses: a result made of them is "not understood".
        written: Turns recognised words into text as one would write it.
        pronunciations: Words the dictionary lacks, or more ways to say one (``"help(2)"``), as ARPAbet phones.

    Raises:
        MissingExtraError: pocketsphinx is not installed.
    """

    def __init__(
        self,
        grammar: Grammar,
        *,
        phrases: Grammar | None = None,
        junk: frozenset[str] = frozenset(),
        written: Callable[[str], str] = str,
        pronunciations: dict[str, str] | None = None,
    ) -> None:
        module = require("pocketsphinx", extra="local", why="the local voice stack")
        self.looks_again = phrases is not None
        self.decoders = Decoders(module, Language(grammar, phrases, junk, written, dict(pronunciations or {})))
        self._is_warm = False
        self._thread: ThreadPoolExecutor | None = None

    @property
    def rate_hz(self) -> int:
        return RATE_HZ

    async def warm(self) -> None:
        """Load decoders on the engine's thread; at once when that was done.

        Raises:
            ConfigError: A grammar cannot be read, or has a word nobody told how to pronounce.
        """
        if self._is_warm:
            return
        await asyncio.get_running_loop().run_in_executor(self.thread, self._load_what_is_needed)
        if not self._is_warm:
            self._is_warm = True
            # Before any utterance, but nobody waits for it.
            self.release(lambda: self.decoders.load_until(WARM_DECODERS))

    def _load_what_is_needed(self) -> None:
        self.decoders.load_until(1)
        self.decoders.load_second_look()

    def open(self) -> SphinxUtterance:
        return SphinxUtterance(self)

    async def close(self) -> None:
        """Stop the thread once what runs is done; `open` and `warm` start it anew."""
        thread, self._thread, self._is_warm = self._thread, None, False
        self.decoders.clear()
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
        return self.decoders.idle


class _Ahead:
    """A second look worked out in a pause; the engine's thread writes `word`, the loop reads it."""

    def __init__(self) -> None:
        self.is_wanted = True
        self.word: Recognition | None = None


class SphinxUtterance:
    """One utterance; audio is decoded in the background as it comes, whatever waits in one go."""

    def __init__(self, engine: PocketSphinx) -> None:
        self._engine = engine
        self._decoders = engine.decoders
        self._decoder: Any = None
        self._heard = bytearray()  # for the second look
        self._waiting: list[bytes] = []
        self._decoding: asyncio.Future[Recognition] | None = None
        self._newest = NOTHING_HEARD
        self._ahead: _Ahead | None = None
        self._is_over = False

    def feed(self, pcm: bytes) -> None:
        if self._is_over or not pcm:
            return
        self._waiting.append(pcm)
        if self._engine.looks_again:
            self._heard += pcm
        if self._decoding is None:
            self._start()

    def so_far(self) -> Recognition:
        if self._ahead is not None and self._ahead.word is not None:
            return self._ahead.word
        return self._newest

    def pause(self) -> None:
        """See `WorksAhead.pause`."""
        self.resume()
        if self._is_over or not self._engine.looks_again:
            return
        ahead, pcm = _Ahead(), bytes(self._heard)
        self._ahead = ahead
        self._engine.release(lambda: self._look_ahead(ahead, pcm))

    def resume(self) -> None:
        """See `WorksAhead.resume`."""
        if self._ahead is not None:
            self._ahead.is_wanted = False
            self._ahead = None

    async def finish(self) -> Recognition:
        """The final word: decodes what waits, then looks again at the whole utterance unless a pause gave time to.

        Raises:
            ProviderError: The decoder failed, or the engine was closed meanwhile.
        """
        if self._is_over:
            return self._newest
        self._is_over = True
        if self._ahead is not None and self._ahead.word is not None:
            self._newest = self._ahead.word
            self._engine.release(self._release)
            return self._newest
        try:
            self._newest = await self._on_thread(self._conclude, self._take_waiting())
        except asyncio.CancelledError:
            self.resume()
            self._engine.release(self._release)
            raise
        return self._newest

    def abandon(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        self.resume()
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
            self._decoder = self._decoders.lease()
        self._decoder.process_raw(pcm)
        return self._decoders.read(self._decoders.words(self._decoder))

    def _look_ahead(self, ahead: _Ahead, pcm: bytes) -> None:
        if ahead.is_wanted and self._decoder is not None:
            heard = self._decoders.heard(self._decoder)
            ahead.word = self._decoders.look_again(pcm, heard, lambda: ahead.is_wanted)

    def _conclude(self, pcm: bytes) -> Recognition:
        if self._ahead is not None and self._ahead.word is not None:  # it was under way, and came before this
            self._release()
            return self._ahead.word
        if pcm:
            self._decode(pcm)
        if self._decoder is None:
            return NOTHING_HEARD
        self._decoder.end_utt()
        heard = self._decoders.heard(self._decoder)
        decoder, self._decoder = self._decoder, None
        self._decoders.give_back(decoder)
        return self._decoders.look_again(bytes(self._heard), heard, lambda: True) or NOTHING_HEARD

    def _release(self) -> None:
        if self._decoder is not None:
            decoder, self._decoder = self._decoder, None
            decoder.end_utt()
            self._decoders.give_back(decoder)
