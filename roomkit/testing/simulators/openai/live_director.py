"""The director of the simulated OpenAI server in live mode: an agent listens and answers instead of a script.

It joins a session, which keeps the protocol, and an `AgentBehind`, which has the conversation. Invariant: the response
that is being spoken is the one the agent was asked for last; of one that was cancelled nothing more is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from roomkit.testing.simulators.agent_told import Over, Sound, WantsTool, Words
from roomkit.testing.simulators.live_agents import LiveAgents
from roomkit.testing.simulators.live_directing import LiveDirector
from roomkit.testing.simulators.openai.conversation import Event
from roomkit.testing.simulators.openai.director import Stage, transcription
from roomkit.testing.simulators.openai.ear import Listener
from roomkit.testing.simulators.openai.reading import read
from roomkit.testing.simulators.openai.response import Response
from roomkit.testing.simulators.rules import Record as Rules
from roomkit.testing.simulators.rules import Refusal
from roomkit.testing.simulators.sound import coded, decoded, rate_of
from roomkit.testing.simulators.speech import Call
from roomkit.testing.simulators.steps import Transcribe
from roomkit.voice.realtime.commands import ToolSpec

MOST_ITEMS: Final = 200
"""Of the agent's spoken items, for truncations: none is truncated that is this old."""

_ROLES: Final = ("user", "assistant", "system")


class LiveStage(Stage, Protocol):
    """What a session must be besides to have an agent in it."""

    listener: Listener | None

    @property
    def session(self) -> Mapping[str, Any]: ...


class OpenAILiveDirector(LiveDirector[LiveStage]):
    """Lets an agent speak through ``session``."""

    def __init__(self, session: LiveStage, agents: LiveAgents, events: Mapping[str, Rules]) -> None:
        super().__init__(session, agents)
        self._events = events
        self._speaking: Response | None = None
        self._items: dict[str, str] = {}
        session.listener = self

    def receive(self, message: str | bytes, now_ms: float) -> Event:
        """See `roomkit.testing.simulators.connection.Director`."""
        reading = read(message, self._events)
        if self.session.receive(reading):
            self._follow(reading.event)
        self.session.heard.clear()
        self._tend()
        return reading.event

    # --- the client, to the agent -----------------------------------------------------------------------------------

    def level(self, frame: bytes, audio_type: str) -> float:
        """See `Listener`."""
        return 1_000 * self._agent.speech_probability(decoded(frame, audio_type), rate_of(audio_type))

    def on_audio(self, audio: bytes, audio_type: str) -> None:
        """See `Listener`."""
        self._agent.hear(decoded(audio, audio_type), rate_of(audio_type))

    def on_speech(self) -> None:
        """See `Listener`."""
        self._agent.begin_turn()

    def on_turn(self, item_id: str) -> None:
        """See `Listener`."""
        self._agent.end_turn(item_id)

    def on_clear(self) -> None:
        """See `Listener`."""
        self._agent.end_turn(None)

    def _follow(self, event: Mapping[str, Any]) -> None:
        """What an accepted event means for the agent; audio and turns it hears of as the session's listener."""
        match event:
            case {"type": "session.update"}:
                tools = [_tool(one) for one in self.session.session["tools"] if one["type"] == "function"]
                self._agent.configure(self.session.session["instructions"], tools)
            case {"type": "conversation.item.create", "item": item}:
                self._note(item)
            case {"type": "conversation.item.truncate", "item_id": item_id, "audio_end_ms": heard_ms}:
                if item_id in self._items:
                    self._agent.truncate(self._items[item_id], heard_ms)
            case {"type": "conversation.item.delete", "item_id": item_id}:
                if item_id in self._items:
                    self._agent.forget(self._items.pop(item_id))

    def _note(self, item: Mapping[str, Any]) -> None:
        match item:
            case {"type": "message", "role": role, "content": content} if role in _ROLES:
                texts = (part.get("text") or part.get("transcript") or "" for part in content)
                self._agent.read(" ".join(filter(None, texts)), role)
            case {"type": "function_call", "name": name, "arguments": arguments}:
                self._agent.recall(item.get("call_id", ""), name, arguments)
            case {"type": "function_call_output", "call_id": call_id, "output": output}:
                self._agent.result(call_id, self.session.conversation.call_name(call_id), output)

    # --- the agent, to the client -----------------------------------------------------------------------------------

    def _tend(self) -> None:
        """Stop the agent where its response is gone; ask it for the next one that waits."""
        answers = self.session.answers
        if self._speaking is not None and not answers.is_running(self._speaking):
            self._speaking = None
            self._agent.cancel()
        if self._speaking is None and self._agent.is_free and (response := answers.take_over()) is not None:
            self._speaking = response
            rate_hz = rate_of(response.audio_type)
            self._agent.ask(rate_hz, instructions=response.instructions, verbatim=response.verbatim)

    def _speak(self, told: Words | Sound | WantsTool | Over) -> None:
        answers, response = self.session.answers, self._speaking
        if response is None:
            return
        match told:
            case Words(text):
                answers.write(response, text)
            case Sound(pcm, item_id):
                answers.sound(response, coded(pcm, response.audio_type))
                self._remember(response, item_id)
            case WantsTool(call_id, name, arguments):
                answers.call(response, Call(name, arguments, call_id))
            case Over(status):
                self._speaking = None
                answers.finish(response, status)

    def _remember(self, response: Response, item_id: str) -> None:
        if response.output:
            self._items[response.output[-1].id] = item_id
        if len(self._items) > MOST_ITEMS:
            del self._items[next(iter(self._items))]

    def _transcribe(self, turn_id: str, text: str | None) -> None:
        if (model := self.session.transcriber) is not None:
            for type_, fields in transcription(Transcribe(text or "", fails=text is None), model, turn_id):
                self.session.emit(type_, **fields)

    def _give_up(self, why: str) -> None:
        self.session.refuse(Refusal("server_error", why, type="server_error"))
        self.session.close(1011, "there is no agent")


def _tool(tool: Mapping[str, Any]) -> ToolSpec:
    return ToolSpec(tool["name"], tool.get("description", ""), tool.get("parameters", {}))
