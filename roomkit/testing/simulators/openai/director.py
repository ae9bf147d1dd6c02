"""The director of the simulated OpenAI server: plays a script on one session. Pure, like the session.

What playing means is `roomkit.testing.simulators.playing`; here is what it means on this wire.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from roomkit.testing.simulators.connection import Output
from roomkit.testing.simulators.openai.answers import Answers
from roomkit.testing.simulators.openai.conversation import Conversation, Event
from roomkit.testing.simulators.openai.hearing import Heard
from roomkit.testing.simulators.openai.reading import Reading, read
from roomkit.testing.simulators.openai.tables import CLIENT_EVENTS
from roomkit.testing.simulators.playing import ScriptPlayer
from roomkit.testing.simulators.rules import Record as Rules
from roomkit.testing.simulators.rules import Refusal
from roomkit.testing.simulators.script import Script
from roomkit.testing.simulators.speech import Call, Speech, part_of, words_of
from roomkit.testing.simulators.steps import CallTool, Fault, Say, Transcribe, Turn


class Stage(Protocol):
    """What a session must be to be directed; see `OpenAISimulatorSession` for what each does."""

    is_over: bool
    conversation: Conversation
    answers: Answers

    @property
    def heard(self) -> deque[Heard]: ...
    @property
    def id(self) -> str: ...
    @property
    def due_ms(self) -> float | None: ...
    @property
    def transcriber(self) -> str | None: ...
    def receive(self, reading: Reading) -> bool: ...
    def wake(self, now_ms: float) -> None: ...
    def take(self) -> Sequence[Output]: ...
    def emit(self, type: str, /, **fields: Any) -> None: ...  # noqa: A002 -- the wire's own word
    def emit_at(self, at_ms: float, type: str, /, **fields: Any) -> None: ...  # noqa: A002 -- the wire's own word
    def send_raw(self, message: Mapping[str, Any] | str | bytes) -> None: ...
    def refuse(self, refusal: Refusal, event_id: str | None = None) -> None: ...
    def close(self, code: int, reason: str = "") -> None: ...
    def answer(self, parts: Sequence[Speech | Call], now_ms: float) -> None: ...


class OpenAIDirector(ScriptPlayer[Stage]):
    """Plays ``script`` on ``session``."""

    def __init__(
        self, session: Stage, script: Script, now_ms: float, events: Mapping[str, Rules] = CLIENT_EVENTS
    ) -> None:
        super().__init__(session, script, now_ms)
        self._events = events
        self._last_audio_item_id = ""
        self._play()

    def receive(self, message: str | bytes, now_ms: float) -> Event:
        """See `roomkit.testing.simulators.connection.Director`."""
        reading = read(message, self._events)
        self._now_ms = now_ms
        is_accepted = self.session.receive(reading)
        is_audio = reading.event.get("type") == "input_audio_buffer.append"
        self._received(reading.event, is_accepted=is_accepted, is_audio=is_audio)
        return reading.event

    def _next_turn(self) -> Turn:
        heard = self.session.heard.popleft()
        if heard.turn != "text":
            self._last_audio_item_id = heard.item_id
        return heard.turn

    def _answer(self, step: Say | CallTool) -> bool:
        if self.session.answers.thinking is None:
            return False
        parts = [part_of(one) for one in self._answer_steps()]
        self._unclaimed.clear()
        self.session.answer(parts, self._now_ms)
        return True

    def _tool_output(self, name: str) -> tuple[Any] | None:
        for event in self._unclaimed:
            item = event.get("item", {})
            if item.get("type") != "function_call_output":
                continue
            if name in ("", self.session.conversation.call_name(item["call_id"])):
                self._unclaimed.remove(event)
                return (item["output"],)
        return None

    def _left_script(self) -> None:
        self.session.refuse(Refusal("simulator_script_failed", self.script.failure, type="simulator_error"))
        super()._left_script()

    def _fail(self, fault: Fault) -> None:
        self.session.refuse(Refusal(fault.code, fault.message))
        if fault.fatal:
            self.session.close(1011, fault.message)

    def _transcribe(self, step: Transcribe) -> None:
        model = self.session.transcriber
        if model is None or not self._last_audio_item_id:
            return
        at_ms = self._now_ms + step.after_ms
        for type_, fields in transcription(step, model, self._last_audio_item_id):
            if step.after_ms:
                self.session.emit_at(at_ms, type_, **fields)
            else:
                self.session.emit(type_, **fields)

    def _improvise(self) -> None:
        while self.script.current is None and self.session.heard:
            self._typed_words = self._note(self.session.heard.popleft())
        while self.session.answers.thinking is not None:
            self.session.answer([self._default_answer()], self._now_ms)

    def _note(self, heard: Heard) -> str:
        if heard.turn == "text":
            content = self.session.conversation.show(heard.item_id)["content"]
            return " ".join(part["text"] for part in content if "text" in part)
        self._last_audio_item_id = heard.item_id
        self._transcribe(Transcribe("(speech)"))
        return ""


def transcription(step: Transcribe, model: str, item_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The events that deliver a transcript, as types and fields."""
    prefix = "conversation.item.input_audio_transcription"
    where = {"item_id": item_id, "content_index": 0}
    if step.fails:
        inside = {"type": "transcription_error", "code": "audio_unintelligible", "param": None}
        yield f"{prefix}.failed", {**where, "error": {**inside, "message": "The audio could not be transcribed."}}
        return
    words = words_of(step.text)
    for word in words:
        yield f"{prefix}.delta", {**where, "delta": word, "obfuscation": "0" * (16 - min(15, len(word)))}
    usage: dict[str, Any] = {"type": "duration", "seconds": float(len(words))}
    if model != "whisper-1":
        counts = {"input_tokens": 10 * len(words), "output_tokens": len(words), "total_tokens": 11 * len(words)}
        usage = {"type": "tokens", **counts}
    yield f"{prefix}.completed", {**where, "transcript": step.text, "usage": usage}
