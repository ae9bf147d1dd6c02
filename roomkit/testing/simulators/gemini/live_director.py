"""The director of the simulated Gemini service in live mode: an agent listens and answers instead of a script.

It joins a session, which keeps the protocol, and an `AgentBehind`, which has the conversation. What a resumed session
said aloud the agent does not know: it is told the contents the client wrote, no more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from roomkit.clock import Clock
from roomkit.testing.simulators.agent_told import Over, Sound, WantsTool, Words
from roomkit.testing.simulators.gemini.reading import Json, read
from roomkit.testing.simulators.gemini.session import GeminiSimulatorSession
from roomkit.testing.simulators.live_agents import LiveAgents
from roomkit.testing.simulators.live_directing import LiveDirector
from roomkit.testing.simulators.sound import PCM_RATE_HZ
from roomkit.testing.simulators.speech import Call, words_of
from roomkit.voice.realtime.commands import ToolSpec

LEVEL_OF_SPEECH: Final = 1_500.0
"""As loud as certain speech is taken for: 0.2 is then enough where the ear is sensitive, and 0.67 where it is not."""


class GeminiLiveDirector(LiveDirector[GeminiSimulatorSession]):
    """Lets an agent speak through ``session``."""

    def __init__(self, session: GeminiSimulatorSession, agents: LiveAgents, clock: Clock) -> None:
        super().__init__(session, agents)
        self._clock = clock
        self._speaking: object | None = None
        self._calls: list[Call] = []
        self._call_names: dict[str, str] = {}
        self._item_id = ""
        self._sound_since_ms = 0.0
        session.listener = self

    def receive(self, message: str | bytes, now_ms: float) -> Json:
        """Handle one message of the client."""
        reading = read(message)
        self._call_names = dict(self.session.answers.call_names)
        if self.session.receive(reading, now_ms):
            self._follow(reading.kind, reading.body)
        self.session.heard.clear()
        self._tend()
        return reading.event

    # --- the client, to the agent -----------------------------------------------------------------------------------

    def level(self, frame: bytes, rate_hz: int) -> float:
        """See `Listener`."""
        return LEVEL_OF_SPEECH * self._agent.speech_probability(frame, rate_hz)

    def on_audio(self, pcm: bytes, rate_hz: int) -> None:
        """See `Listener`."""
        self._agent.hear(pcm, rate_hz)

    def on_mark(self, *, is_start: bool) -> None:
        """See `Listener`."""
        if is_start:
            self._agent.begin_turn()
        else:
            self._agent.end_turn("")

    def _follow(self, kind: str, body: Mapping[str, Any]) -> None:
        """What an accepted message means for the agent; audio and turns it hears of as the session's listener."""
        match kind:
            case "setup":
                self._configure()
                self._remember(self.session.history)
            case "contextUpdate":
                self._configure()
            case "clientContent":
                self._remember(body.get("turns", []))
            case "realtimeInput":
                self._agent.read(body.get("text", ""))
            case "toolResponse":
                for response in body["functionResponses"]:
                    self._result(response)

    def _configure(self) -> None:
        if (settings := self.session.settings) is not None:
            self._agent.configure(settings.instructions or None, [_tool(one) for one in settings.functions])

    def _remember(self, contents: Sequence[Mapping[str, Any]]) -> None:
        for content in contents:
            for part in content.get("parts", []):
                match part:
                    case {"text": str(text)}:
                        self._agent.read(text, "assistant" if content.get("role") == "model" else "user")
                    case {"functionCall": {"name": str(name), **call}}:
                        self._agent.recall(str(call.get("id", "")), name, json.dumps(call.get("args", {})))
                    case {"functionResponse": response}:
                        self._result(response)

    def _result(self, response: Mapping[str, Any]) -> None:
        if response.get("willContinue"):
            return
        call_id, result = response.get("id", ""), response.get("response", {})
        name = response.get("name") or self._call_names.get(call_id, "")
        # by custom what is no object comes as ``output`` or ``result``
        told = next((result[key] for key in ("output", "result") if set(result) == {key}), result)
        self._agent.result(call_id, name, told if isinstance(told, str) else json.dumps(told))

    # --- the agent, to the client -----------------------------------------------------------------------------------

    def _tend(self) -> None:
        """Stop the agent where its answer was interrupted, tell it what was heard; ask it for the next one."""
        answers = self.session.answers
        if self._speaking is not None and not answers.is_running(self._speaking):
            self._speaking = None
            self._agent.cancel()
            if self._item_id:
                self._agent.truncate(self._item_id, self._clock.now_ms() - self._sound_since_ms)
        if self._agent.is_free and (token := answers.take_over()) is not None:
            self._speaking, self._calls, self._item_id = token, [], ""
            self._agent.ask(PCM_RATE_HZ)

    def _speak(self, told: Words | Sound | WantsTool | Over) -> None:
        if self._speaking is None:
            return
        answers, now_ms = self.session.answers, self._clock.now_ms()
        match told:
            case Words(text):
                answers.write(text)
            case Sound(pcm, item_id):
                if not self._item_id:
                    self._item_id, self._sound_since_ms = item_id, now_ms
                answers.sound(pcm, now_ms)
            case WantsTool(call_id, name, arguments):
                self._calls.append(Call(name, arguments, call_id))
            case Over():
                answers.finish(self._calls, now_ms)

    def _transcribe(self, turn_id: str, text: str | None) -> None:
        if self.session.transcribes():
            for word in words_of(text or ""):
                self.session.emit({"serverContent": {"inputTranscription": {"text": word}}})

    def _give_up(self, why: str) -> None:
        self.session.close(1011, why)


def _tool(declaration: Mapping[str, Any]) -> ToolSpec:
    parameters = declaration.get("parametersJsonSchema") or declaration.get("parameters") or {}
    return ToolSpec(declaration["name"], declaration.get("description", ""), parameters)
