"""A second look at an utterance: which phrase fits the whole of it best, and does that fit well enough to be it?

The first look goes along with the speech and must guess how this microphone sounds. This one has the whole utterance:
it evens out the microphone (with the mean of the cepstra, which the first look added up), lets a grammar without junk
choose the nearest phrase, and then compares that phrase, word by word, with what free phones make of the same frames.
A phrase that was said is nearly as likely as free phones are; one that merely came nearest has a word, or a whole, that
is far less so.

Not in here: when to look, and the first look (`roomkit.voice.stt.pocketsphinx`). Invariant: used from one thread.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from roomkit.voice.stt.sphinx_grammar import Grammar, add_grammar

CHUNK_BYTES = 3_200
"""Decoded at a time, 100 ms: the library holds the GIL while it decodes, and between chunks a look can be given up."""

USUAL_MEAN = (49.5, 2.5, 3.5, 18.5, -3.5, 0.5, 1.0, -6.0, -1.5, -3.5, 4.5, -1.0, 1.0)
"""Cepstral mean of clear speech, over ten synthetic voices (theirs differ by 4 in the first value, 10 in the rest).

The model's own default starts at 40, 3, -1, 0, ...: a short utterance was then heard through the wrong microphone."""

USUAL_MEAN_FRAMES = 60
"""Weight of the usual mean against the utterance's own: half of it at 0.6 s. The mean of one word is more that word
than the microphone."""

_LIBRARY_MEAN_FRAMES = 500  # weight the library gives to the mean it started with

_LOG_UNIT = 1e-4  # the library's scores are logarithms to the base 1.0001

_SHORT_WORD_FRAMES = 10
"""Added to a word's length when it is judged alone: three bad frames of "a" are not yet a wrong word."""


@dataclass(frozen=True, slots=True)
class Span:
    """A word or phone, the frames it was found in (first and last) and how well it fits them (log units, at most 0)."""

    name: str
    first: int
    last: int
    score: float

    @property
    def frames(self) -> int:
        return self.last - self.first + 1

    @property
    def is_speech(self) -> bool:
        """Not silence, breath or noise, which the library writes in brackets or as +NSN+."""
        return self.name[0] not in "<([+" and self.name != "SIL"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a second look came to.

    Attributes:
        words: The nearest phrase; empty when there was no speech.
        whole: How much less likely it is than free phones, in the library's log units a 10 ms frame.
        worst: The same of its worst word, with a little allowance for short ones.
    """

    words: str
    whole: float = 0.0
    worst: float = 0.0


NOTHING_SEEN = Seen("")


@dataclass(frozen=True, slots=True)
class Margin:
    """How far behind free phones a phrase may be; see `Seen`."""

    whole: float
    worst: float

    def allows(self, seen: Seen) -> bool:
        return bool(seen.words) and seen.whole <= self.whole and seen.worst <= self.worst


class SecondLook:
    """Looks again at whole utterances.

    Args:
        decoder: A pocketsphinx decoder of its own.
        phrases: The phrases alone.

    Raises:
        ConfigError: The grammar cannot be used.
    """

    def __init__(self, decoder: Any, *, phrases: Grammar) -> None:
        self._decoder = decoder
        add_grammar(decoder, "phrases", phrases)
        decoder.add_allphone_file("phones", None)

    def look(self, pcm: bytes, mean: Iterable[float], is_wanted: Callable[[], bool]) -> Seen | None:
        """Judge an utterance; ``None`` when it was given up half-way.

        Args:
            pcm: PCM16 LE mono at 16 kHz.
            mean: The utterance's cepstral mean.
            is_wanted: Asked again and again, from the same thread.
        """
        written = written_mean(mean)
        words = self._decode("phrases", pcm, written, is_wanted)
        if words is None:
            return None
        phones = self._decode("phones", pcm, written, is_wanted)
        return compared(words, phones) if phones is not None else None

    def _decode(self, search: str, pcm: bytes, mean: str, is_wanted: Callable[[], bool]) -> list[Span] | None:
        decoder = self._decoder
        decoder.activate_search(search)
        decoder.reinit_feat()
        decoder.set_cmn(mean)
        decoder.start_utt()
        for start in range(0, len(pcm), CHUNK_BYTES):
            if not is_wanted():
                decoder.end_utt()
                return None
            decoder.process_raw(pcm[start : start + CHUNK_BYTES])
        decoder.end_utt()
        return list(_spans(decoder))


def compared(spans: list[Span], phones: list[Span]) -> Seen:
    """How far the words are behind free phones on the same frames, as a whole and the worst of them for itself."""
    words = [span for span in spans if span.is_speech]
    if not words:
        return NOTHING_SEEN
    free = _by_frame(phones)
    behind = [sum(free.get(frame, 0.0) for frame in range(w.first, w.last + 1)) - w.score for w in words]
    whole = sum(behind) / sum(word.frames for word in words)
    worst = max(points / (word.frames + _SHORT_WORD_FRAMES) for points, word in zip(behind, words, strict=True))
    return Seen(" ".join(_plain(word.name) for word in words), whole, worst)


def reweighed(mixed: Iterable[float], frames: float) -> tuple[float, ...]:
    """A mean mixed as the library mixes it (much of the usual one), mixed anew as `USUAL_MEAN_FRAMES` has it."""
    return tuple(
        (value * (_LIBRARY_MEAN_FRAMES + frames) - (_LIBRARY_MEAN_FRAMES - USUAL_MEAN_FRAMES) * usual)
        / (USUAL_MEAN_FRAMES + frames)
        for value, usual in zip(mixed, USUAL_MEAN, strict=True)
    )


def _by_frame(spans: Iterable[Span]) -> dict[int, float]:
    return {frame: span.score / span.frames for span in spans for frame in range(span.first, span.last + 1)}


def _spans(decoder: Any) -> Iterator[Span]:
    for segment in decoder.seg() or ():
        if segment.end_frame >= segment.start_frame >= 0:
            score = math.log(max(segment.ascore, 1e-300)) / _LOG_UNIT
            yield Span(segment.word, segment.start_frame, segment.end_frame, score)


def _plain(word: str) -> str:
    """The word without the number of the pronunciation it was heard in."""
    return word.partition("(")[0]


def written_mean(mean: Iterable[float]) -> str:
    """A cepstral mean as the library reads it."""
    return ",".join(f"{value:.3f}" for value in mean)
