"""The director of the simulated ElevenLabs server: walks a script, one session plays it. Pure, like the session.

Turns no step provides for get the default answer, so that any client can talk to it.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from roomkit.testing.simulators.connection import Output
from roomkit.testing.simulators.elevenlabs.reading import read
from roomkit.testing.simulators.elevenlabs.session import ElevenLabsSimulatorSession
from roomkit.testing.simulators.elevenlabs.speaking import Spoken
from roomkit.testing.simulators.elevenlabs.tables import AUDIO
from roomkit.testing.simulators.script import Script, differences
from roomkit.testing.simulators.steps import (
    CallTool,
    Drop,
    Expect,
    ExpectToolResult,
    Fault,
    Hear,
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


class ElevenLabsDirector:
    """Makes ``session`` play ``script``, from where the script stands."""

    def __init__(self, session: ElevenLabsSimulatorSession, script: Script, now_ms: float) -> None:
        self.session = session
        self.script = script
        self._unclaimed: deque[dict[str, Any]] = deque(maxlen=UNCLAIMED_EVENTS)
        self._typed_words = ""
        self._waiting_until_ms: float | None = None
        self._silent_until_ms = 0.0
        self._now_ms = now_ms

    @property
    def due_ms(self) -> float | None:
        """Loop time at which `wake` has something to do."""
        times_ms = [self.session.due_ms, self._waiting_until_ms]
        if self._silent_until_ms > self._now_ms:
            times_ms.append(self._silent_until_ms)
        return min((one for one in times_ms if one is not None), default=None)

    @property
    def id(self) -> str:
        """The conversation's, in the log."""
        return self.session.id

    def receive(self, message: str | bytes, now_ms: float) -> Mapping[str, Any]:
        """Handle one message of the client; returns it as it was understood."""
        self._now_ms = now_ms
        reading = read(message)
        is_accepted = self.session.receive(reading, now_ms)
        is_audio = reading.event.get("type") == AUDIO
        if is_accepted and not is_audio:
            self._unclaimed.append(reading.event)
        if not is_audio or self.session.heard:
            self._play()
        self.session.voice.wake(now_ms)
        return reading.event

    def gone(self) -> None:
        """The connection is over."""
        self.session.is_over = True

    def wake(self, now_ms: float) -> None:
        """Do what has become due."""
        self._now_ms = now_ms
        self.session.wake(now_ms)
        if self._waiting_until_ms is not None and self._waiting_until_ms <= now_ms:
            self._waiting_until_ms = None
            self.script.advance()
        self._play()
        self.session.voice.wake(now_ms)

    def attach(self, flush: Callable[[], None]) -> None:
        """Nothing comes by itself from a script: what is ready was asked for or is due."""

    def take(self) -> list[Output]:
        """What is to be sent now; nothing while the server is stalled."""
        return [] if self._silent_until_ms > self._now_ms else self.session.take()

    def _play(self) -> None:
        if not self.session.is_begun:
            return
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
                return self._answer(step)
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
            case Transcribe(text, after_ms, fails):
                if not fails:  # the vendor has no event for that
                    self.session.transcribe(text, after_ms)
            case Stall(duration_ms):
                self._silent_until_ms = self._now_ms + duration_ms
            case Drop(code, reason):
                self.session.close(code, reason)
            case Fault(code, message, True):
                self.session.refuse(code, message)
            case Fault(code, message):
                self.session.complain(code, message)
            case Raw(message):
                self.session.send_raw(message)

    def _hear(self, turn: str) -> bool:
        while self.session.heard:
            heard, self._typed_words = self.session.heard.popleft()
            if turn in ("any", heard):
                self._unclaimed.clear()
                self.script.advance()
                return True
        return False

    def _answer(self, step: Say | CallTool) -> bool:
        if not self.session.owes_answer and not step.together:
            return False
        self.script.advance()
        self._unclaimed.clear()
        if isinstance(step, Say):
            duration_ms = round(step.seconds * 1000)
            self.session.speak(Spoken(step.text, step.pcm, duration_ms, step.pace == "realtime"))
        else:
            self.session.call_tool(step.name, step.arguments)
        return True

    def _expect(self, type_: str, fields: Any) -> bool:
        while self._unclaimed:
            event = self._unclaimed.popleft()
            if event["type"] == type_:
                self._compare(fields, event)
                return True
        return False

    def _expect_tool_result(self, step: ExpectToolResult) -> bool:
        for event in self._unclaimed:
            if event["type"] != "client_tool_result":
                continue
            if step.name in ("", self.session.call_name(event["tool_call_id"])):
                self._unclaimed.remove(event)
                self._compare({"output": step.output}, {"output": _result(event["result"], step.output)})
                return True
        return False

    def _compare(self, wanted: Any, got: Any) -> None:
        found = "\n".join(differences(wanted, got))
        if not found:
            self.script.advance()
            return
        self.script.fail(found)
        self.session.refuse("simulator_script_failed", "the client left the script")

    def _improvise(self) -> None:
        """No step provides for this turn: note what was heard and give the default answer."""
        while self.script.current is None and self.session.heard:
            turn, self._typed_words = self.session.heard.popleft()
            if turn == "speech":
                self.session.transcribe("(speech)", 0.0)
        if self.session.owes_answer:
            text = f"You said: {self._typed_words}" if self._typed_words else "I heard you."
            self._typed_words = ""
            self.session.speak(Spoken(text, duration_ms=DEFAULT_TONE_MS))


def _result(output: str, wanted: Any) -> Any:
    """A tool's output as JSON where it is compared with something that is not text."""
    if isinstance(wanted, str):
        return output
    try:
        return json.loads(output)
    except ValueError:
        return output
