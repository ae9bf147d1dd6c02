"""How the simulated agent speaks: its text, then audio event by audio event, until the caller interrupts. Pure.

What is due later waits in one queue with its loop time. The server assumes that audio is played as it is sent, from
the first event on: so it knows, as the real one believes to, how much was heard when the caller interrupts.
"""

from __future__ import annotations

import base64
from typing import Any, Final, Protocol

from roomkit.testing.simulators.elevenlabs.agent import SimulatedAgent
from roomkit.testing.simulators.elevenlabs.sound import alignment_of, bytes_per_ms, in_format
from roomkit.testing.simulators.later import Later
from roomkit.testing.simulators.sound import tone
from roomkit.testing.simulators.speech import Speech

ANSWER_EVENTS: Final = frozenset({"agent_response", "audio", "agent_response_complete", "agent_chat_response_part"})
"""What an interruption takes back; a tool call or the caller's transcript still comes."""


class Emit(Protocol):
    def __call__(self, type_: str, /, **fields: Any) -> None: ...


class Voice:
    """The agent's answers, one at a time.

    Args:
        emit: Sends a server event.
        agent: Its formats and chunks.
        now_ms: Loop time of the connection.

    Attributes:
        event_id: The number of the newest turn, whoever took it.
    """

    def __init__(self, emit: Emit, agent: SimulatedAgent, now_ms: float) -> None:
        self._emit = emit
        self._agent = agent
        self._later: Later[tuple[str, dict[str, Any]]] = Later()
        self._sent_until_ms = self._played_until_ms = self._plays_from_ms = now_ms
        self._text = ""
        self._is_unfinished = False
        self.event_id = 1

    @property
    def due_ms(self) -> float | None:
        """Loop time of the next event."""
        return self._later.due_ms

    @property
    def plays_from_ms(self) -> float:
        """When the newest answer began to be heard, as the server believes."""
        return self._plays_from_ms

    @property
    def plays_until_ms(self) -> float:
        """When everything that was said was heard, as the server believes."""
        return self._played_until_ms

    def next_event(self) -> int:
        """The number of another turn."""
        self.event_id += 1
        return self.event_id

    def emit_at(self, due_ms: float, type_: str, **fields: Any) -> None:
        """Send an event at a time; events of one time in order."""
        self._later.put(due_ms, (type_, fields))

    def afterwards(self, type_: str, **fields: Any) -> None:
        """Send an event once the current answer was sent."""
        self.emit_at(self._sent_until_ms, type_, **fields)

    def wake(self, now_ms: float) -> None:
        """Send what is due."""
        self._sent_until_ms = max(self._sent_until_ms, now_ms)
        for type_, fields in self._later.due(now_ms):
            self._emit(type_, **fields)

    def speak(self, speech: Speech, now_ms: float) -> None:
        """Say it: all at once, or each chunk when the one before it is heard."""
        event_id = self.next_event()
        audio = in_format(tone(speech.spoken_ms) if speech.pcm is None else speech.pcm, self._agent.output_format)
        begin_ms = max(now_ms, self._sent_until_ms)
        self._text = speech.text
        self._plays_from_ms = begin_ms if begin_ms >= self._played_until_ms else self._played_until_ms
        length_ms = len(audio) / bytes_per_ms(self._agent.output_format)
        self._played_until_ms = self._plays_from_ms + length_ms
        if speech.text:
            self.emit_at(begin_ms, "agent_response", agent_response=speech.text, event_id=event_id)
        at_ms = begin_ms
        for offset_ms, chunk in self._chunks(audio):
            at_ms = begin_ms + offset_ms if speech.is_realtime else begin_ms
            self.emit_at(at_ms, "audio", **self._audio(speech.text, chunk, offset_ms, length_ms))
        self._sent_until_ms = at_ms
        self.emit_at(at_ms, "agent_response_complete", event_id=event_id)

    # --- an answer that comes sentence by sentence (live mode) ------------------------------------------------------

    def begin(self, now_ms: float) -> None:
        """An answer begins; nothing is said yet."""
        self.next_event()
        self._text, self._is_unfinished = "", True
        self._plays_from_ms = self._played_until_ms = max(now_ms, self._played_until_ms)

    def sentence(self, text: str, audio: bytes, now_ms: float) -> None:
        """Say the next sentence, at once; ``audio`` in the agent's format."""
        self._text = f"{self._text} {text}".strip()
        length_ms = len(audio) / bytes_per_ms(self._agent.output_format)
        self._played_until_ms = max(now_ms, self._played_until_ms) + length_ms
        for offset_ms, chunk in self._chunks(audio):
            self._emit("audio", **self._audio(text, chunk, offset_ms, length_ms))

    def finish(self) -> None:
        """All was said: only now is its text known whole."""
        if self._text and self._is_unfinished:
            self._emit("agent_response", agent_response=self._text, event_id=self.event_id)
            self._emit("agent_response_complete", event_id=self.event_id)
        self._is_unfinished = False

    def write(self, text: str) -> None:
        """A text-only answer."""
        event_id = self.next_event()
        half = len(text) // 2
        for kind, part in (("start", ""), ("delta", text[:half]), ("delta", text[half:]), ("stop", "")):
            self.afterwards("agent_chat_response_part", text=part, type=kind, event_id=event_id)
        self.afterwards("agent_response", agent_response=text, event_id=event_id)

    def finish_playing(self) -> None:
        """Take what was sent for heard: a test has no patience for playback that nobody hears."""
        self._played_until_ms = self._sent_until_ms

    def interrupt(self, now_ms: float) -> None:
        """The caller speaks: stop, and say how much was heard, as far as the server believes."""
        if now_ms >= self._played_until_ms:
            return
        self._later.drop(lambda event: event[0] in ANSWER_EVENTS)
        length_ms = self._played_until_ms - self._plays_from_ms
        heard = max(0.0, now_ms - self._plays_from_ms) / length_ms if length_ms else 0.0
        self._sent_until_ms = self._played_until_ms = now_ms
        if self._is_unfinished and self._text:
            self._emit("agent_response", agent_response=self._text, event_id=self.event_id)
        self._is_unfinished = False
        self._emit("interruption", event_id=self.event_id)
        if self._text:
            words = self._text.split()
            corrected = " ".join(words[: round(len(words) * heard)])
            fields = {"original_agent_response": self._text, "corrected_agent_response": corrected}
            self._emit("agent_response_correction", **fields, event_id=self.event_id)

    def _chunks(self, audio: bytes) -> list[tuple[float, bytes]]:
        size_bytes = int(self._agent.chunk_ms * bytes_per_ms(self._agent.output_format)) // 2 * 2
        starts = range(0, len(audio), size_bytes)
        return [(at / bytes_per_ms(self._agent.output_format), audio[at : at + size_bytes]) for at in starts]

    def _audio(self, text: str, chunk: bytes, offset_ms: float, length_ms: float) -> dict[str, Any]:
        fields: dict[str, Any] = {"audio_base_64": base64.b64encode(chunk).decode(), "event_id": self.event_id}
        if self._agent.aligns:
            duration_ms = len(chunk) / bytes_per_ms(self._agent.output_format)
            end = (offset_ms + duration_ms) / length_ms
            fields["alignment"] = alignment_of(text, offset_ms / length_ms, end, duration_ms)
        return fields
