"""The director of the simulated OpenAI server: walks a script and makes one session play it. Pure, like the session.

Same surface as the session (`receive`, `wake`, `due_ms`, `take`), one storey higher. Turns no step provides for get
the default answer, so that any client can talk to it.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from roomkit.testing.simulators.openai.answers import Answers
from roomkit.testing.simulators.openai.conversation import Conversation, Event
from roomkit.testing.simulators.openai.reading import Reading, read
from roomkit.testing.simulators.openai.response import Call, Speech, words_of
from roomkit.testing.simulators.openai.rules import Record as Rules
from roomkit.testing.simulators.openai.rules import Refusal
from roomkit.testing.simulators.openai.session import Heard, Output
from roomkit.testing.simulators.openai.tables import CLIENT_EVENTS
from roomkit.testing.simulators.script import Script, differences
from roomkit.testing.simulators.steps import (
    CallTool,
    Drop,
    Expect,
    ExpectToolResult,
    Fault,
    Hear,
    Loop,
    Raw,
    Say,
    Stall,
    Step,
    Transcribe,
    Wait,
)

DEFAULT_TONE_MS: Final = 900
UNCLAIMED_EVENTS: Final = 1_000
"""Client events kept for a later `expect`; a script that never expects must not grow with the call."""


class Stage(Protocol):
    """What a session must be to be directed; see `OpenAISimulatorSession` for what each does."""

    is_over: bool
    heard: deque[Heard]
    conversation: Conversation
    answers: Answers

    @property
    def id(self) -> str: ...
    @property
    def due_ms(self) -> float | None: ...
    @property
    def transcriber(self) -> str | None: ...
    def receive(self, reading: Reading) -> bool: ...
    def wake(self, now_ms: float) -> None: ...
    def take(self) -> list[Output]: ...
    def emit(self, type: str, /, **fields: Any) -> None: ...  # noqa: A002 -- the wire's own word
    def emit_at(self, at_ms: float, type: str, /, **fields: Any) -> None: ...  # noqa: A002 -- the wire's own word
    def send_raw(self, message: Mapping[str, Any] | str | bytes) -> None: ...
    def refuse(self, refusal: Refusal, event_id: str | None = None) -> None: ...
    def close(self, code: int, reason: str = "") -> None: ...
    def answer(self, parts: Sequence[Speech | Call], now_ms: float) -> None: ...


class OpenAIDirector:
    """Makes ``session`` play ``script``, from where the script stands."""

    def __init__(
        self, session: Stage, script: Script, now_ms: float, events: Mapping[str, Rules] = CLIENT_EVENTS
    ) -> None:
        self.session = session
        self.script = script
        self._events = events
        self._unclaimed: deque[Event] = deque(maxlen=UNCLAIMED_EVENTS)
        self._last_audio_item_id = ""
        self._typed_words = ""
        self._waiting_until_ms: float | None = None
        self._silent_until_ms = 0.0
        self._now_ms = now_ms
        self._play()

    @property
    def id(self) -> str:
        """The session's."""
        return self.session.id

    @property
    def due_ms(self) -> float | None:
        """Loop time at which `wake` has something to do."""
        times_ms = [self.session.due_ms, self._waiting_until_ms]
        if self._silent_until_ms > self._now_ms:
            times_ms.append(self._silent_until_ms)
        return min((one for one in times_ms if one is not None), default=None)

    def receive(self, message: str | bytes, now_ms: float) -> Event:
        """See `roomkit.testing.simulators.connection.Director`."""
        reading = read(message, self._events)
        self._now_ms = now_ms
        is_accepted = self.session.receive(reading)
        is_audio = reading.event.get("type") == "input_audio_buffer.append"
        if is_accepted and not is_audio:
            self._unclaimed.append(reading.event)
        if not is_audio or self.session.heard:
            self._play()
        return reading.event

    def wake(self, now_ms: float) -> None:
        """Do what has become due."""
        self._now_ms = now_ms
        self.session.wake(now_ms)
        if self._waiting_until_ms is not None and self._waiting_until_ms <= now_ms:
            self._waiting_until_ms = None
            self.script.advance()
            self._play()

    def attach(self, flush: Callable[[], None]) -> None:
        """Nothing comes by itself from a script: what is ready was asked for or is due."""

    def gone(self) -> None:
        """The connection is over."""
        self.session.is_over = True

    def take(self) -> list[Output]:
        """What is to be sent now; nothing while the server is stalled."""
        return [] if self._silent_until_ms > self._now_ms else self.session.take()

    def _play(self) -> None:
        while not self.session.is_over and (step := self.script.current) is not None:
            if not self._perform(step):
                break
        if not self.session.is_over and isinstance(self.script.current, Hear | None):
            self._improvise()

    def _perform(self, step: Step) -> bool:
        """Whether the step is done, the next one being current then."""
        match step:
            case Hear(turn):
                return self._hear(turn)
            case Say() | CallTool():
                return self._answer()
            case Expect(type_, fields):
                return self._expect(type_, fields)
            case ExpectToolResult():
                return self._expect_tool_result(step)
            case Wait(duration_ms):
                self._waiting_until_ms = self._waiting_until_ms or self._now_ms + duration_ms
                return False
            case _:
                self.script.advance()
                self._act(step)
                return True

    def _act(self, step: Step) -> None:
        """The steps that wait for nothing."""
        match step:
            case Transcribe():
                self._transcribe(step)
            case Stall(duration_ms):
                self._silent_until_ms = self._now_ms + duration_ms
            case Drop(code, reason):
                self.session.close(code, reason)
            case Fault(code, message, fatal):
                self.session.refuse(Refusal(code, message))
                if fatal:
                    self.session.close(1011, message)
            case Raw(message):
                self.session.send_raw(message)
            case Loop():
                pass

    def _hear(self, turn: str) -> bool:
        while self.session.heard:
            heard = self.session.heard.popleft()
            if heard.turn != "text":
                self._last_audio_item_id = heard.item_id
            if turn in ("any", heard.turn):
                self._unclaimed.clear()
                self.script.advance()
                return True
        return False

    def _answer(self) -> bool:
        if self.session.answers.thinking is None:
            return False
        parts = list(self._parts())
        self._unclaimed.clear()
        self.session.answer(parts, self._now_ms)
        return True

    def _parts(self) -> Iterator[Speech | Call]:
        """The current answer step and those that belong to the same response."""
        is_first = True
        while isinstance(step := self.script.current, Say | CallTool) and (is_first or step.together):
            self.script.advance()
            is_first = False
            if isinstance(step, Say):
                yield Speech(step.text, step.pcm, round(step.seconds * 1000), step.pace == "realtime")
            else:
                yield Call(step.name, json.dumps(step.arguments))

    def _expect(self, type_: str, fields: Any) -> bool:
        while self._unclaimed:
            event = self._unclaimed.popleft()
            if event["type"] == type_:
                self._compare(fields, event)
                return True
        return False

    def _expect_tool_result(self, step: ExpectToolResult) -> bool:
        for event in self._unclaimed:
            item = event.get("item", {})
            if item.get("type") != "function_call_output":
                continue
            if step.name in ("", self.session.conversation.call_name(item["call_id"])):
                self._unclaimed.remove(event)
                self._compare({"output": step.output}, {"output": _result(item["output"], step.output)})
                return True
        return False

    def _compare(self, wanted: Any, got: Any) -> None:
        found = "\n".join(differences(wanted, got))
        if not found:
            self.script.advance()
            return
        self.script.fail(found)
        self.session.refuse(Refusal("simulator_script_failed", self.script.failure, type="simulator_error"))
        self.session.close(1008, "the client left the script")

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
        """No step provides for this turn: note what was heard and give the default answer."""
        while self.script.current is None and self.session.heard:
            self._typed_words = self._note(self.session.heard.popleft())
        while self.session.answers.thinking is not None:
            text = f"You said: {self._typed_words}" if self._typed_words else "I heard you."
            self._typed_words = ""
            self.session.answer([Speech(text, None, DEFAULT_TONE_MS, realtime=False)], self._now_ms)

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


def _result(output: str, wanted: Any) -> Any:
    """A tool's output as JSON where it is compared with something that is not text."""
    if isinstance(wanted, str):
        return output
    try:
        return json.loads(output)
    except ValueError:
        return output
