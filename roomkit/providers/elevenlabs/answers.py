"""The agent's answers, told apart: the vendor neither numbers them nor says when one is over. Pure, without a clock.

An answer begins with its text (``agent_response``) or its first audio. It is over when

- ``agent_response_complete`` says so (an event the agent may be set to send),
- the aligned characters of its audio cover its text,
- the caller's next turn is transcribed, or the next answer's text comes,
- the caller interrupts it,
- two pings in a row found no audio of it: the server's heartbeat stands in for a clock.

All but the interruption are inferences, so they can be taken back: audio that still comes reopens the answer under its
id. The text is a partial transcript until then, so that an interruption can cut it to what was heard. Invariant: at
most one answer is open; every `ResponseStarted` is followed by one `ResponseDone`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from roomkit.providers.elevenlabs.alignment import Timed, WordClock
from roomkit.providers.elevenlabs.audio import NO_ID
from roomkit.providers.shared.memory import longer
from roomkit.voice.realtime.provider_events import (
    Audio,
    Interrupted,
    ProviderEvent,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    Transcript,
)

QUIET_PINGS: Final = 2
"""One ping may fall between the text and its audio, or between two chunks."""


@dataclass(slots=True)
class Answer:
    """One answer.

    Attributes:
        size_bytes: Of its audio so far, as PCM16.
        half: The half of a sample that its last chunk ended with.
    """

    id: str
    words: WordClock = field(init=False)
    text: str = ""
    event_id: int = NO_ID
    size_bytes: int = 0
    half: bytes = b""
    uncovered_chars: int = 0
    quiet_pings: int = 0
    bytes_at_ping: int = 0
    is_open: bool = True
    is_final: bool = False
    is_text_whole: bool = False
    is_cancelled: bool = False
    is_before_turn: bool = False
    """The caller took a turn since; what the agent says next is another answer."""

    def __post_init__(self) -> None:
        self.words = WordClock(self.id, self.id)


class Answers:
    """The answers of one conversation, one after the other.

    Attributes:
        prefix: Starts every id: answers of two conversations of one call must not be taken for the same.
        text_only: No audio follows the words, so an answer is over with its text.
        ms_per_byte: Of the agent's audio as PCM16.
        flowing: The answer of which comes what comes next without a word. A chunk of whole samples, without characters
            and not taken back by an interruption, is the usual case and decides nothing: whoever has one may add its
            size to this answer instead of calling `heard`.
        skips_opening: What the agent says first, unasked, was heard in an earlier conversation of the call: it is
            thrown away. The vendor cannot be told, unless the agent's first message is overridden anyway.
    """

    def __init__(self) -> None:
        self.prefix = ""
        self.text_only = False
        self.skips_opening = False
        self._opening: int | None = None
        self.ms_per_byte = 500.0 / 16_000
        self.flowing: Answer | None = None
        self._count = 0
        self._answer: Answer | None = None
        self._interrupted: Answer | None = None
        self._interrupted_to = NO_ID

    @property
    def is_open(self) -> bool:
        """Whether an answer is being made, as far as is known."""
        return self._answer is not None and self._answer.is_open

    def said(self, text: str, event_id: int) -> list[ProviderEvent]:
        """The whole text of an answer came."""
        if self._is_of_the_opening(event_id):
            return []
        if self._is_of_the_interrupted(text, event_id):
            return self._said_late(text)
        answer = self._answer
        events: list[ProviderEvent] = []
        if answer is not None and answer.is_text_whole and (answer.text, answer.event_id) == (text, event_id):
            return []
        if answer is None or answer.is_text_whole or (answer.is_before_turn and answer.event_id != event_id):
            answer, events = self._next(event_id)
        answer.text, answer.is_text_whole = text, True
        answer.event_id = event_id if answer.event_id == NO_ID else answer.event_id
        answer.uncovered_chars += _weight(text)
        events.append(Transcript("assistant", text, is_final=False, item_id=answer.id, response_id=answer.id))
        is_over = self.text_only or (answer.size_bytes and answer.uncovered_chars <= 0)
        return events + self._done() if is_over else events

    def part(self, text: str, kind: str, event_id: int) -> list[ProviderEvent]:
        """A piece of a text that is streamed (``kind``: start, delta or stop)."""
        if self._is_of_the_opening(event_id):
            return []
        answer = self._answer
        events: list[ProviderEvent] = []
        if kind == "start" or answer is None or (answer.is_text_whole and not answer.is_open):
            if answer is not None and answer.is_text_whole and answer.event_id == event_id:
                return []  # its whole text has come already
            answer, events = self._next(event_id)
        if answer.is_text_whole:
            return events
        if text:
            answer.text = longer(answer.text, text)
            events.append(
                Transcript("assistant", answer.text, is_final=False, item_id=answer.id, response_id=answer.id)
            )
        if kind == "stop" and self.text_only:
            answer.is_text_whole = True
            events += self._done()
        return events

    def heard(self, pcm: bytes, event_id: int, chars: Timed) -> list[ProviderEvent]:
        """A chunk of the agent's voice came (PCM16 LE mono; it may end inside a sample)."""
        if 0 <= event_id <= self._interrupted_to:
            return []  # the vendor's own rule: it was on its way when the caller interrupted
        if self._is_of_the_opening(event_id):
            return []
        answer = self._answer
        events: list[ProviderEvent] = []
        if answer is None or (answer.is_before_turn and answer.event_id != event_id):
            answer, events = self._next(event_id)
        elif not answer.is_open:
            answer.is_open = True
            events = [ResponseStarted(answer.id)]
        answer.quiet_pings = 0
        if answer.event_id == NO_ID:
            answer.event_id = event_id
        if answer.is_cancelled:
            return events
        pcm = answer.half + pcm
        whole_bytes = len(pcm) & ~1
        pcm, answer.half = pcm[:whole_bytes], pcm[whole_bytes:]
        if pcm:
            events.append(Audio(pcm, answer.id, answer.id))
        if chars[0]:
            events += answer.words.feed(chars, answer.size_bytes * self.ms_per_byte)
            answer.uncovered_chars -= _weight(chars[0])
        answer.size_bytes += whole_bytes
        self.flowing = None if answer.is_before_turn or answer.half else answer
        if chars[0] and answer.is_text_whole and answer.uncovered_chars <= 0:
            events += self._done()
        return events

    def interrupted(self, event_id: int) -> list[ProviderEvent]:
        """The caller interrupted; audio up to ``event_id`` is not to be heard."""
        self._interrupted_to = max(self._interrupted_to, event_id)
        answer, self._answer, self.flowing = self._answer, None, None
        self._interrupted = answer
        if answer is None:
            return [Interrupted()]
        events: list[ProviderEvent] = [*answer.words.flush(), Interrupted(answer.id)]
        if answer.is_open:
            events.append(ResponseDone(answer.id, "cancelled", reason="turn_detected"))
        return events

    def caller_took_turn(self) -> list[ProviderEvent]:
        """The caller's words are final: what the agent says from here on is another answer."""
        self.was_asked()
        events = self._done()
        if self._answer is not None:
            self._answer.is_before_turn = True
        return events

    def was_asked(self) -> None:
        """Somebody spoke to the agent: what it begins from here on is an answer, and no opening."""
        if self._opening in (None, NO_ID):
            self.skips_opening = False

    def completed(self) -> list[ProviderEvent]:
        """The vendor says the answer is over."""
        return self._done()

    def pinged(self) -> list[ProviderEvent]:
        """The server's heartbeat."""
        answer = self._answer
        if answer is None or not answer.is_open:
            return []
        if answer.bytes_at_ping != answer.size_bytes:
            answer.bytes_at_ping, answer.quiet_pings = answer.size_bytes, 0
        answer.quiet_pings += 1
        return self._done() if answer.quiet_pings >= QUIET_PINGS else []

    def cancel(self) -> None:
        """What still comes of the open answer is not wanted. The vendor cannot be told, so it is thrown away here."""
        if self._answer is not None and self._answer.is_open:
            self._answer.is_cancelled = True
            self.flowing = None

    def _is_of_the_opening(self, event_id: int) -> bool:
        """Whether this is a piece of the opening, and that is not to be heard."""
        if not self.skips_opening:
            return False
        if self._opening is None:
            self._opening = event_id
        self.skips_opening = self._opening == event_id
        return self.skips_opening

    def _next(self, event_id: int) -> tuple[Answer, list[ProviderEvent]]:
        events = self._done()
        self._count += 1
        self._answer = answer = Answer(f"{self.prefix}answer-{self._count}", event_id=event_id)
        self._interrupted = None
        events.append(ResponseStarted(answer.id))
        return answer, events

    def _done(self) -> list[ProviderEvent]:
        answer = self._answer
        if answer is None or not answer.is_open:
            return []
        answer.is_open, answer.quiet_pings, self.flowing = False, 0, None
        events: list[ProviderEvent] = [*answer.words.flush()]
        if answer.text and not answer.is_final:
            answer.is_final = True
            events.append(Transcript("assistant", answer.text, is_final=True, item_id=answer.id, response_id=answer.id))
        status: ResponseStatus = "cancelled" if answer.is_cancelled else "completed"
        return [*events, ResponseDone(answer.id, status)]

    def _is_of_the_interrupted(self, text: str, event_id: int) -> bool:
        cut = self._interrupted
        return cut is not None and 0 <= event_id <= self._interrupted_to and (not cut.is_text_whole or cut.text == text)

    def _said_late(self, text: str) -> list[ProviderEvent]:
        cut, self._interrupted = self._interrupted, None
        if cut is None or cut.is_text_whole:
            return []
        return [Transcript("assistant", text, is_final=True, item_id=cut.id, response_id=cut.id)]


def _weight(text: str) -> int:
    """How many characters are spoken."""
    return len("".join(text.split()))
