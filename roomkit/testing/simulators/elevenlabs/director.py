"""The director of the simulated ElevenLabs server: plays a script on one session. Pure, like the session.

What playing means is `roomkit.testing.simulators.playing`; here is what it means on this wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roomkit.testing.simulators.elevenlabs.reading import read
from roomkit.testing.simulators.elevenlabs.session import ElevenLabsSimulatorSession
from roomkit.testing.simulators.elevenlabs.tables import AUDIO
from roomkit.testing.simulators.playing import ScriptPlayer
from roomkit.testing.simulators.speech import speech_of
from roomkit.testing.simulators.steps import CallTool, Fault, Say, Transcribe, Turn


class ElevenLabsDirector(ScriptPlayer[ElevenLabsSimulatorSession]):
    """Plays ``script`` on ``session``, once the conversation has begun."""

    def receive(self, message: str | bytes, now_ms: float) -> Mapping[str, Any]:
        """See `roomkit.testing.simulators.connection.Director`."""
        self._now_ms = now_ms
        reading = read(message)
        is_accepted = self.session.receive(reading, now_ms)
        self._received(reading.event, is_accepted=is_accepted, is_audio=reading.event.get("type") == AUDIO)
        self.session.voice.wake(now_ms)
        return reading.event

    def wake(self, now_ms: float) -> None:
        """Do what has become due."""
        super().wake(now_ms)
        self.session.voice.wake(now_ms)

    def _play(self) -> None:
        if self.session.is_begun:
            super()._play()

    def _next_turn(self) -> Turn:
        turn, self._typed_words = self.session.heard.popleft()
        return turn

    def _answer(self, step: Say | CallTool) -> bool:
        if not self.session.owes_answer and not step.together:
            return False
        self.script.advance()
        self._unclaimed.clear()
        if isinstance(step, Say):
            self.session.speak(speech_of(step))
        else:
            self.session.call_tool(step.name, step.arguments)
        return True

    def _tool_output(self, name: str) -> tuple[Any] | None:
        for event in self._unclaimed:
            if event["type"] == "client_tool_result" and name in ("", self.session.call_name(event["tool_call_id"])):
                self._unclaimed.remove(event)
                return (event["result"],)
        return None

    def _left_script(self) -> None:
        self.session.refuse("simulator_script_failed", "the client left the script")

    def _fail(self, fault: Fault) -> None:
        if fault.fatal:
            self.session.refuse(fault.code, fault.message)
        else:
            self.session.complain(fault.code, fault.message)

    def _transcribe(self, step: Transcribe) -> None:
        if not step.fails:  # the vendor has no event for that
            self.session.transcribe(step.text, step.after_ms)

    def _improvise(self) -> None:
        while self.script.current is None and self.session.heard:
            if self._next_turn() == "speech":
                self.session.transcribe("(speech)", 0.0)
        if self.session.owes_answer:
            self.session.speak(self._default_answer())
