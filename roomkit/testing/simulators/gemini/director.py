"""The director of the simulated Gemini service: walks a script and makes one session play it. Pure, like the session.

Same surface as the session, one storey higher. Turns no step provides for get the default answer, so that any client
can talk to it.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from roomkit.testing.simulators.connection import Output
from roomkit.testing.simulators.gemini.reading import Json, read
from roomkit.testing.simulators.gemini.session import GeminiSimulatorSession
from roomkit.testing.simulators.openai.response import Call, Speech, words_of
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
"""Client messages kept for a later `expect`; a script that never expects must not grow with the call."""
INTERNAL_ERROR: Final = 1011


class GeminiDirector:
    """Makes ``session`` play ``script``, from where the script stands."""

    def __init__(self, session: GeminiSimulatorSession, script: Script, now_ms: float) -> None:
        self.session = session
        self.script = script
        self._unclaimed: deque[Json] = deque(maxlen=UNCLAIMED_EVENTS)
        self._call_names: dict[str, str] = {}
        self._typed_words = ""
        self._waiting_until_ms: float | None = None
        self._silent_until_ms = 0.0
        self._now_ms = now_ms
        self._play()

    @property
    def id(self) -> str:
        """The session's name in the log."""
        return self.session.id

    @property
    def due_ms(self) -> float | None:
        """Loop time at which `wake` has something to do."""
        times_ms = [self.session.due_ms, self._waiting_until_ms]
        if self._silent_until_ms > self._now_ms:
            times_ms.append(self._silent_until_ms)
        return min((one for one in times_ms if one is not None), default=None)

    def receive(self, message: str | bytes, now_ms: float) -> Json:
        """Handle one message of the client."""
        self._now_ms = now_ms
        reading = read(message)
        is_audio = reading.kind == "realtimeInput" and "audio" in reading.body
        self._call_names.update(self.session.answers.call_names)
        if self.session.receive(reading, now_ms) and not is_audio:
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

    def take(self) -> list[Output]:
        """What is to be sent now; nothing while the service is stalled."""
        return [] if self._silent_until_ms > self._now_ms else self.session.take()

    def gone(self) -> None:
        """The connection is over."""
        self.session.is_over = True

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
            case Fault(code, message):  # the service has no error messages: it hangs up
                self.session.close(int(code) if code.isdecimal() else INTERNAL_ERROR, message)
            case Raw(message):
                self.session.send_raw(message)
            case Loop():
                pass

    def _hear(self, turn: str) -> bool:
        while self.session.heard:
            if turn in ("any", self.session.heard.popleft().turn):
                self._unclaimed.clear()
                self.script.advance()
                return True
        return False

    def _answer(self) -> bool:
        if not self.session.answers.is_thinking:
            return False
        parts = list(self._parts())
        self._unclaimed.clear()
        self.session.answer(parts, self._now_ms)
        return True

    def _parts(self) -> Iterator[Speech | Call]:
        """The current answer step and those that belong to the same answer."""
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
            for response in event.get("functionResponses", []):
                if step.name in ("", self._call_names.get(response.get("id", ""))):
                    event["functionResponses"].remove(response)
                    self._compare({"output": step.output}, {"output": _output(response["response"], step.output)})
                    return True
        return False

    def _compare(self, wanted: Any, got: Any) -> None:
        found = "\n".join(differences(wanted, got))
        if not found:
            self.script.advance()
            return
        self.script.fail(found)
        self.session.close(1008, "the client left the script")

    def _transcribe(self, step: Transcribe) -> None:
        if not self.session.transcribes() or step.fails:
            return  # a transcript that fails simply never comes
        for word in words_of(step.text):
            message = {"serverContent": {"inputTranscription": {"text": word}}}
            if step.after_ms:
                self.session.emit_at(self._now_ms + step.after_ms, message)
            else:
                self.session.emit(message)

    def _improvise(self) -> None:
        """No step provides for this turn: note what was heard and give the default answer."""
        while self.script.current is None and self.session.heard:
            heard = self.session.heard.popleft()
            self._typed_words = heard.words
            if heard.turn != "text":
                self._transcribe(Transcribe("(speech)"))
        if self.session.answers.is_thinking:
            text = f"You said: {self._typed_words}" if self._typed_words else "I heard you."
            self._typed_words = ""
            self.session.answer([Speech(text, None, DEFAULT_TONE_MS, realtime=False)], self._now_ms)


def _output(response: Mapping[str, Any], wanted: Any) -> Any:
    """A tool's result; by custom what is no object comes as ``output``."""
    return response if isinstance(wanted, Mapping) and "output" not in response else response.get("output", response)
