"""The director of the simulated ElevenLabs server in live mode: an agent listens and answers instead of a script.

It joins a session, which keeps the protocol, and an `AgentBehind`, which has the conversation. Sound leaves sentence by
sentence, for that is how far the times of its characters are known; the text of an answer when it is whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from roomkit.clock import Clock
from roomkit.testing.simulators.agent_told import Over, Sound, WantsTool, Words
from roomkit.testing.simulators.elevenlabs.agent import filled
from roomkit.testing.simulators.elevenlabs.reading import read
from roomkit.testing.simulators.elevenlabs.session import ElevenLabsSimulatorSession
from roomkit.testing.simulators.elevenlabs.sound import coded, decoded, rate_of
from roomkit.testing.simulators.live_agents import LiveAgents
from roomkit.testing.simulators.live_directing import LiveDirector
from roomkit.voice.audio.pcm import Alignment


class ElevenLabsLiveDirector(LiveDirector[ElevenLabsSimulatorSession]):
    """Lets an agent speak through ``session``."""

    def __init__(self, session: ElevenLabsSimulatorSession, agents: LiveAgents, clock: Clock) -> None:
        super().__init__(session, agents)
        self._clock = clock
        self._alignment = Alignment()
        self._first_message = ""
        self._is_speaking = False
        self._sentence = ""
        self._sound = bytearray()
        self._written = ""
        self._item_id = ""
        self._sound_since_ms = 0.0
        session.listener = self

    def receive(self, message: str | bytes, now_ms: float) -> Mapping[str, Any]:
        """Handle one message of the client."""
        reading = read(message)
        if self.session.receive(reading, now_ms):
            self._follow(reading.event)
        self.session.heard.clear()
        self._tend()
        return reading.event

    # --- the client, to the agent -----------------------------------------------------------------------------------

    def level(self, frame: bytes) -> float:
        """See `Listener`."""
        return 1_000 * self._agent.speech_probability(frame, rate_of(self.session.agent.input_format))

    def on_audio(self, audio: bytes) -> None:
        """See `Listener`."""
        format_name = self.session.agent.input_format
        self._agent.hear(self._alignment.feed(decoded(audio, format_name)), rate_of(format_name))

    def on_mark(self, *, is_start: bool) -> None:
        """See `Listener`."""
        if is_start:
            self._stop()
            self._agent.begin_turn()
        else:
            self._agent.end_turn("")

    def on_first_message(self, text: str) -> None:
        """See `Listener`."""
        self._first_message = text

    def _follow(self, event: Mapping[str, Any]) -> None:
        """What an accepted event means for the agent; audio and turns it hears of as the session's listener."""
        match event:
            case {"type": "conversation_initiation_client_data"}:
                self._configure()
            case {"type": "user_message"}:
                self._typed(event.get("text") or "")
            case {"type": "multimodal_message"}:
                self._typed(str((event.get("text") or {}).get("text", "")))
            case {"type": "contextual_update"}:
                self._agent.read(event.get("text") or "", "system")
            case {"type": "client_tool_result", "tool_call_id": call_id, "result": result}:
                told = result if isinstance(result, str) else json.dumps(result)
                self._agent.result(call_id, self.session.call_name(call_id), told)

    def _configure(self) -> None:
        agent, session = self.session.agent, self.session
        prompt = str(session.overrides.get("agent.prompt.prompt", agent.prompt))
        self._agent.configure(filled(prompt, session.variables) or None, agent.tools)

    def _typed(self, text: str) -> None:
        self._stop()
        self._agent.read(text)

    # --- the agent, to the client -----------------------------------------------------------------------------------

    def _stop(self) -> None:
        """The caller takes the turn: of what is being played they heard so much."""
        self._is_speaking = False
        self._agent.cancel()
        if self._item_id:
            self._agent.truncate(self._item_id, self._clock.now_ms() - self._sound_since_ms)
            self._item_id = ""

    def _tend(self) -> None:
        self._ask()
        self.session.voice.wake(self._clock.now_ms())

    def _ask(self) -> None:
        """Ask the agent for what it owes."""
        first_message, self._first_message = self._first_message, ""
        if not self._agent.is_free or not (first_message or self.session.owes_answer):
            return
        self.session.owes_answer = False
        self._is_speaking, self._written, self._sentence, self._item_id = True, "", "", ""
        self._sound.clear()
        self.session.voice.begin(self._clock.now_ms())
        self._agent.ask(rate_of(self.session.agent.output_format), verbatim=first_message or None)

    def _speak(self, told: Words | Sound | WantsTool | Over) -> None:
        if not self._is_speaking:
            return
        match told:
            case Words(text):
                self._say()
                self._sentence, self._written = text.strip(), self._written + text
            case Sound(pcm, item_id):
                self._item_id = item_id
                self._sound += pcm
            case WantsTool(call_id, name, arguments):
                self._say()
                self.session.call_tool(name, json.loads(arguments), call_id)
            case Over():
                self._say()
                self._is_speaking = False
                if self.session.is_text_only and self._written:
                    self.session.voice.write(self._written)
                else:
                    self.session.voice.finish()

    def _transcribe(self, turn_id: str, text: str | None) -> None:
        if text is not None:
            self.session.transcribe(text, 0.0)

    def _give_up(self, why: str) -> None:
        self.session.refuse("llm_error", why)

    def _say(self) -> None:
        """Send the sentence that is complete."""
        pcm, sentence = bytes(self._sound), self._sentence
        self._sound.clear()
        self._sentence = ""
        if not sentence or self.session.is_text_only:
            return
        now_ms = self._clock.now_ms()
        self.session.voice.sentence(sentence, coded(pcm, self.session.agent.output_format), now_ms)
        self._sound_since_ms = self.session.voice.plays_from_ms
