"""The director of the simulated Gemini service: plays a script on one session. Pure, like the session.

What playing means is `roomkit.testing.simulators.playing`; here is what it means on this wire.
"""

from __future__ import annotations

from typing import Any, Final

from roomkit.testing.simulators.gemini.reading import Json, read
from roomkit.testing.simulators.gemini.session import GeminiSimulatorSession
from roomkit.testing.simulators.playing import ScriptPlayer
from roomkit.testing.simulators.script import Script
from roomkit.testing.simulators.speech import part_of, words_of
from roomkit.testing.simulators.steps import CallTool, Fault, Say, Transcribe, Turn

INTERNAL_ERROR: Final = 1011


class GeminiDirector(ScriptPlayer[GeminiSimulatorSession]):
    """Plays ``script`` on ``session``."""

    def __init__(self, session: GeminiSimulatorSession, script: Script, now_ms: float) -> None:
        super().__init__(session, script, now_ms)
        self._call_names: dict[str, str] = {}
        self._play()

    def receive(self, message: str | bytes, now_ms: float) -> Json:
        """See `roomkit.testing.simulators.connection.Director`."""
        self._now_ms = now_ms
        reading = read(message)
        self._call_names.update(self.session.answers.call_names)
        is_accepted = self.session.receive(reading, now_ms)
        is_audio = reading.kind == "realtimeInput" and "audio" in reading.body
        self._received(reading.event, is_accepted=is_accepted, is_audio=is_audio)
        return reading.event

    def _next_turn(self) -> Turn:
        return self.session.heard.popleft().turn

    def _answer(self, step: Say | CallTool) -> bool:
        if not self.session.answers.is_thinking:
            return False
        parts = [part_of(one) for one in self._answer_steps()]
        self._unclaimed.clear()
        self.session.answer(parts, self._now_ms)
        return True

    def _tool_output(self, name: str) -> tuple[Any] | None:
        for event in self._unclaimed:
            for response in event.get("functionResponses", []):
                if name in ("", self._call_names.get(response.get("id", ""))):
                    event["functionResponses"].remove(response)
                    told = response["response"]
                    return (told.get("output", told),)  # by custom what is no object comes as ``output``
        return None

    def _fail(self, fault: Fault) -> None:
        code = int(fault.code) if fault.code.isdecimal() else INTERNAL_ERROR
        self.session.close(code, fault.message)  # the service has no error messages: it hangs up

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
        while self.script.current is None and self.session.heard:
            heard = self.session.heard.popleft()
            self._typed_words = heard.words
            if heard.turn != "text":
                self._transcribe(Transcribe("(speech)"))
        if self.session.answers.is_thinking:
            self.session.answer([self._default_answer()], self._now_ms)
