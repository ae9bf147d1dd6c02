"""When does a caller's turn begin and end? A pure policy over speech probabilities; time is what was fed.

Silence alone is a slow and a poor sign that somebody is finished. So the wait depends on what was understood: short
when the words are complete, long when they clearly are not ("what is the weather in ..."). Not in here: the VAD, the
recogniser, and who judges completeness (`Judge`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto


class Completeness(Enum):
    """Whether words could be all their speaker wants to say."""

    UNKNOWN = auto()
    INCOMPLETE = auto()
    COMPLETE = auto()


Judge = Callable[[str], Completeness]
"""Judges the words heard so far; pure and quick (it is asked on every block of a pause)."""


def judge_nothing(words: str) -> Completeness:
    """The judge that has no opinion: every pause is waited out for ``silence_ms``."""
    return Completeness.UNKNOWN


class Edge(Enum):
    """What a block of audio changed."""

    STARTED = auto()
    STOPPED = auto()


@dataclass(frozen=True, slots=True)
class EndpointingPolicy:
    """How speech and pauses are told apart.

    Attributes:
        speech_at: Probability from which a block counts as speech.
        silence_below: Probability below which it counts as silence; between the two nothing changes (hysteresis).
        start_ms: Speech on end that begins an utterance.
        silence_ms: Pause that ends one nobody has an opinion about.
        complete_ms: Pause that ends one whose words are complete.
        incomplete_ms: Pause that ends one whose words are not.
        longest_ms: An utterance is ended here, whatever is heard (noise that passes for speech never stops).
    """

    speech_at: float = 0.5
    silence_below: float = 0.35
    start_ms: float = 64
    silence_ms: float = 320
    complete_ms: float = 96
    incomplete_ms: float = 640
    longest_ms: float = 20_000

    def pause_ms(self, completeness: Completeness) -> float:
        """The pause that ends an utterance judged so."""
        match completeness:
            case Completeness.COMPLETE:
                return self.complete_ms
            case Completeness.INCOMPLETE:
                return self.incomplete_ms
            case Completeness.UNKNOWN:
                return self.silence_ms


class Endpointer:
    """Follows one caller's speech, block by block."""

    def __init__(self, policy: EndpointingPolicy) -> None:
        self._policy = policy
        self._speaking = False
        self._run_ms = 0.0  # speech on end while silent, silence on end while speaking
        self._utterance_ms = 0.0

    @property
    def is_speaking(self) -> bool:
        """Whether an utterance is open."""
        return self._speaking

    @property
    def pause_ms(self) -> float:
        """How long the open utterance has been silent; 0 outside one."""
        return self._run_ms if self._speaking else 0.0

    def feed(self, probability: float, duration_ms: float, completeness: Completeness) -> Edge | None:
        """Account for one block.

        Args:
            probability: Of speech, 0 to 1.
            duration_ms: The block's length.
            completeness: What is thought of the words so far; matters in a pause only.
        """
        if self._speaking:
            return self._feed_speech(probability, duration_ms, completeness)
        self._run_ms = self._run_ms + duration_ms if probability >= self._policy.speech_at else 0.0
        if self._run_ms < self._policy.start_ms:
            return None
        self._speaking, self._utterance_ms, self._run_ms = True, self._run_ms, 0.0
        return Edge.STARTED

    def _feed_speech(self, probability: float, duration_ms: float, completeness: Completeness) -> Edge | None:
        self._utterance_ms += duration_ms
        if probability < self._policy.silence_below:
            self._run_ms += duration_ms
        elif probability >= self._policy.speech_at:
            self._run_ms = 0.0
        pause_over = self._run_ms >= self._policy.pause_ms(completeness)
        if not pause_over and self._utterance_ms < self._policy.longest_ms:
            return None
        self.reset()
        return Edge.STOPPED

    def reset(self) -> None:
        """Nobody speaks, as far as we know."""
        self._speaking, self._run_ms, self._utterance_ms = False, 0.0, 0.0
