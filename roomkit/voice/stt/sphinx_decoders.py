"""The decoders behind a `PocketSphinx` engine: loaded once, lent to one utterance at a time.

Not in here: threads and the event loop. Invariant: everything in this file runs on the engine's one thread, and a
decoder is either free or lent to exactly one utterance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from roomkit.voice.stt.base import NOTHING_HEARD, Recognition
from roomkit.voice.stt.second_look import USUAL_MEAN, Margin, SecondLook, reweighed, written_mean
from roomkit.voice.stt.sphinx_grammar import Grammar, add_grammar

MOST_IDLE_DECODERS: Final = 8
"""Kept after a moment when many spoke at once; more would only be memory."""

AGREED: Final = Margin(whole=22.0, worst=28.0)
"""How far behind free phones a phrase may be that both looks heard. Calibrated: see docs/local-stack.md."""

ALONE: Final = Margin(whole=18.0, worst=22.0)
"""The same where only the second look heard it: the first chose junk, or another phrase."""


@dataclass(frozen=True, slots=True)
class Language:
    """What can be said; see `PocketSphinx` for the fields."""

    grammar: Grammar
    phrases: Grammar | None = None
    junk: frozenset[str] = frozenset()
    written: Callable[[str], str] = str
    pronunciations: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Heard:
    """What the first look came to so far.

    Attributes:
        words: As the decoder spells them; empty for none.
        mean: Of the utterance's cepstra, with some of the usual one.
    """

    words: str
    mean: tuple[float, ...]


class Decoders:
    """Decoders of one language.

    Args:
        module: The package ``pocketsphinx``.
    """

    def __init__(self, module: Any, language: Language) -> None:
        self._module = module
        self._language = language
        self._free: list[Any] = []
        self._second: SecondLook | None = None

    @property
    def idle(self) -> int:
        """Decoders that wait for an utterance."""
        return len(self._free)

    def load_until(self, count: int) -> None:
        """Have ``count`` decoders free.

        Raises:
            ConfigError: The grammar cannot be read, or has a word nobody told how to pronounce.
        """
        while len(self._free) < count:
            self._free.append(self._load())

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

    def clear(self) -> None:
        """Let go of all that is free."""
        self._free.clear()
        self._second = None

    def words(self, decoder: Any) -> str:
        """The words the decoder hears so far."""
        hypothesis = decoder.hyp()
        return str(hypothesis.hypstr) if hypothesis is not None else ""

    def heard(self, decoder: Any) -> Heard:
        """What a second look needs of the first. The decoder goes on with the mean it has by now."""
        mixed = [float(value) for value in decoder.get_cmn(True).split(",")]
        return Heard(self.words(decoder), reweighed(mixed, decoder.n_frames()))

    def read(self, words: str) -> Recognition:
        """What such words are worth."""
        if not words:
            return NOTHING_HEARD
        if not self._language.junk.isdisjoint(words.split()):
            return Recognition("")
        # The search yields no posterior without a lattice, which would cost most of the latency there is: in the
        # grammar counts as sure.
        return Recognition(self._language.written(words), 1.0)

    def load_second_look(self) -> None:
        """Have the decoder for second looks, where the language asks for them; raises as `load_until` does."""
        if self._second is None and self._language.phrases is not None:
            decoder = self._new_decoder()
            self._second = SecondLook(decoder, phrases=self._language.phrases)

    def look_again(self, pcm: bytes, heard: Heard, is_wanted: Callable[[], bool]) -> Recognition | None:
        """What a second look at the whole utterance makes of it; ``None`` when it was given up.

        Args:
            pcm: PCM16 LE mono at 16 kHz.
            heard: What the first look came to; the word of both counts for more.
            is_wanted: Asked again and again whether to go on.

        Raises:
            RuntimeError: The decoder failed.
        """
        self.load_second_look()
        first = self.read(heard.words)
        if self._second is None:
            return first
        try:
            seen = self._second.look(pcm, heard.mean, is_wanted)
        except RuntimeError:
            self._second = None  # it stands in the middle of an utterance: the next look gets a new one
            raise
        if seen is None:
            return None
        margin = AGREED if seen.words == heard.words else ALONE
        if margin.allows(seen):
            return self.read(seen.words)
        return NOTHING_HEARD if first.text is None else Recognition("")

    def _load(self) -> Any:
        decoder = self._new_decoder()
        add_grammar(decoder, "turn", self._language.grammar)
        decoder.activate_search("turn")
        return decoder

    def _new_decoder(self) -> Any:
        model = Path(str(self._module.get_model_path())) / "en-us"
        decoder = self._module.Decoder(
            hmm=str(model / "en-us"), dict=str(model / "cmudict-en-us.dict"), lm=None, bestpath=False,
            cmninit=written_mean(USUAL_MEAN), loglevel="FATAL",
        )  # fmt: skip
        for word, phones in self._language.pronunciations.items():
            decoder.add_word(word, phones, update=False)
        return decoder
