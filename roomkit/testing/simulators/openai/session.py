"""One connection to the simulated OpenAI Realtime server: what it answers to each client event. Pure.

Messages and the time go in, server events come out; there is no event loop and no socket. It refuses what the real
server refuses. It says nothing of its own accord: what the model "says" is told it by a script (`director`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any, Final

from roomkit.testing.simulators.account import Account
from roomkit.testing.simulators.connection import Close, Output
from roomkit.testing.simulators.later import Later
from roomkit.testing.simulators.openai.answers import Answers
from roomkit.testing.simulators.openai.conversation import Conversation, Event, Item, Refused
from roomkit.testing.simulators.openai.defaults import default_session, default_turn_detection
from roomkit.testing.simulators.openai.ear import Listener
from roomkit.testing.simulators.openai.hearing import Heard, Hearing
from roomkit.testing.simulators.openai.reading import Reading
from roomkit.testing.simulators.rules import Refusal
from roomkit.testing.simulators.speech import Call, Speech

SESSION_LIMIT_MS: Final = 60 * 60 * 1000
EXPIRY_REASON: Final = "Your session hit the maximum duration of 60 minutes."


class OpenAISimulatorSession:
    """The protocol state of one connection.

    Args:
        new_id: Makes ids: ``new_id("item")`` gives ``"item_…"``.
        model: From the URL.
        now_ms: Loop time of the connection.
        wall_s: The same moment as seconds since 1970.
        keep_audio: Whether to fill ``caller_audio``.
        account: Counts the responses.

    Attributes:
        session: The session object as the server would show it.
        conversation: The items.
        answers: The responses.
        heard: The caller's turns that nobody took note of yet, oldest first.
        caller_audio: All audio the client appended, in the session's input format; empty unless it is kept.
    """

    def __init__(
        self,
        *,
        new_id: Callable[[str], str],
        model: str,
        now_ms: float,
        wall_s: float,
        keep_audio: bool = False,
        account: Account | None = None,
    ) -> None:
        self._new_id = new_id
        self._out: list[Output] = []
        self._expires_ms = now_ms + SESSION_LIMIT_MS
        self._later: Later[tuple[str, dict[str, Any]]] = Later()
        self.is_over = False
        self.session = default_session(new_id("sess"), model, int(wall_s) + SESSION_LIMIT_MS // 1000)
        self.conversation = Conversation()
        self.answers = Answers(self.emit, self.conversation, new_id, self.session, account)
        self._hearing = Hearing(
            self.emit,
            self.refuse,
            new_id,
            session=self.session,
            conversation=self.conversation,
            answers=self.answers,
            keep_audio=keep_audio,
        )
        self.heard = self._hearing.heard
        self.caller_audio = self._hearing.caller_audio
        self.emit("session.created", session=deepcopy(self.session))

    @property
    def id(self) -> str:
        return str(self.session["id"])

    @property
    def listener(self) -> Listener | None:
        """Who is told what the caller says, if somebody wants to know."""
        return self._hearing.listener

    @listener.setter
    def listener(self, listener: Listener | None) -> None:
        self._hearing.listener = listener

    @property
    def transcriber(self) -> str | None:
        """The model that writes down what the caller says; `None` where the client asked for none."""
        wanted = self.session["audio"]["input"]["transcription"]
        return None if wanted is None else wanted.get("model", "")

    @property
    def due_ms(self) -> float | None:
        """Loop time at which `wake` has something to do."""
        if self.is_over:
            return None
        times_ms = [self._expires_ms, self.answers.due_ms, self._later.due_ms]
        return min(one for one in times_ms if one is not None)

    def take(self) -> list[Output]:
        """What is to be sent; empties it."""
        out, self._out = self._out, []
        return out

    def receive(self, reading: Reading) -> bool:
        """Handle one message of the client.

        Returns:
            Whether it was accepted; if not, an ``error`` event is on its way.
        """
        if self.is_over:
            return False
        refusal = reading.refusal
        if refusal is None:
            try:
                self._handle(reading.event)
            except Refused as refused:
                refusal = refused.refusal
        if refusal is not None:
            self.refuse(refusal, reading.event_id)
        return refusal is None

    def wake(self, now_ms: float) -> None:
        """Do what has become due."""
        for type_, fields in self._later.due(now_ms):
            self.emit(type_, **fields)
        self.answers.wake(now_ms)
        if now_ms >= self._expires_ms and not self.is_over:
            self.refuse(Refusal("session_expired", EXPIRY_REASON))
            self.close(1001, EXPIRY_REASON)

    def emit(self, type: str, /, **fields: Any) -> None:  # noqa: A002 -- the wire's own word
        """Send a server event."""
        self._out.append({"type": type, "event_id": self._new_id("event"), **fields})

    def emit_at(self, at_ms: float, type: str, /, **fields: Any) -> None:  # noqa: A002 -- the wire's own word
        """Send a server event at a later loop time."""
        self._later.put(at_ms, (type, fields))

    def send_raw(self, message: Mapping[str, Any] | str | bytes) -> None:
        """Send something that need not be an event."""
        self._out.append(dict(message) if isinstance(message, Mapping) else message)

    def refuse(self, refusal: Refusal, event_id: str | None = None) -> None:
        """Send an ``error`` event."""
        inside = {"type": refusal.type, "code": refusal.code, "message": refusal.message, "param": refusal.param}
        self.emit("error", error={**inside, "event_id": event_id})

    def close(self, code: int, reason: str = "") -> None:
        """End the connection after what was said so far."""
        if not self.is_over:
            self.is_over = True
            self._out.append(Close(code, reason))

    def answer(self, parts: Sequence[Speech | Call], now_ms: float) -> None:
        """Say this in the oldest response that has nothing to say yet."""
        self.answers.fill(parts, now_ms)

    def _handle(self, event: Event) -> None:
        match event["type"]:
            case "input_audio_buffer.append":
                self._hearing.append(event["audio"])
            case "input_audio_buffer.commit":
                self._hearing.commit()
            case "input_audio_buffer.clear":
                self._hearing.clear()
            case "session.update":
                self._update(event["session"])
            case "response.create":
                self._create_response(event.get("response") or {})
            case "response.cancel":
                self.answers.cancel("client_cancelled", event.get("response_id"))
            case "output_audio_buffer.clear":
                text = "'output_audio_buffer.clear' is for WebRTC and SIP; on a WebSocket the client owns playback."
                raise Refused("invalid_value", text, "type")
            case _:
                self._edit_conversation(event)

    def _edit_conversation(self, event: Event) -> None:
        match event["type"]:
            case "conversation.item.create":
                self._create_item(event["item"], event.get("previous_item_id"))
            case "conversation.item.retrieve":
                self.emit("conversation.item.retrieved", item=self.conversation.show(event["item_id"]))
            case "conversation.item.delete":
                self.conversation.delete(event["item_id"])
                self.emit("conversation.item.deleted", item_id=event["item_id"])
            case "conversation.item.truncate":
                cut = {key: event[key] for key in ("item_id", "content_index", "audio_end_ms")}
                self.conversation.truncate(**cut)
                self.emit("conversation.item.truncated", **cut)

    def _update(self, wanted: Mapping[str, Any]) -> None:
        model, output = self.session["model"], self.session["audio"]["output"]
        if wanted.get("model", model) != model:
            raise Refused("invalid_value", f"The model of a session is fixed: '{model}'.", "session.model")
        self._require_voice(wanted.get("audio", {}).get("output", {}), "session")
        audio = wanted.get("audio", {})
        self.session.update({key: value for key, value in wanted.items() if key != "audio"})
        self.session["audio"]["input"].update(audio.get("input", {}))
        output.update(audio.get("output", {}))
        if detection := audio.get("input", {}).get("turn_detection"):
            self.session["audio"]["input"]["turn_detection"] = default_turn_detection(detection["type"]) | detection
        for side in ("input", "output"):
            if self.session["audio"][side]["format"]["type"] == "audio/pcm":
                self.session["audio"][side]["format"] = {"type": "audio/pcm", "rate": 24000}
        self.emit("session.updated", session=deepcopy(self.session))

    def _require_voice(self, output: Mapping[str, Any], where: str) -> None:
        voice = self.session["audio"]["output"]["voice"]
        if self.conversation.has_assistant_audio and output.get("voice", voice) != voice:
            text = "Cannot update a conversation's voice if assistant audio is present."
            raise Refused("cannot_update_voice", text, f"{where}.audio.output.voice")

    def _create_response(self, wishes: Mapping[str, Any]) -> None:
        self._require_voice(wishes.get("audio", {}).get("output", {}), "response")
        self.answers.create(wishes)

    def _create_item(self, body: Event, previous_item_id: str | None) -> None:
        if body["type"] == "function_call_output":
            self.conversation.require_call(body["call_id"])
        shown = {key: value for key, value in body.items() if key != "object"}
        shown = {"id": self._new_id("item"), **shown}
        if body["type"] == "function_call":
            shown = {"call_id": self._new_id("call"), **shown}
        if body["type"] in ("message", "function_call"):
            shown = {"status": "completed", **shown}
        for part in shown.get("content", []):
            part.pop("audio", None)
        before = self.conversation.add(Item(shown), previous_item_id)
        for type_ in ("conversation.item.added", "conversation.item.done"):
            self.emit(type_, item=deepcopy(shown), previous_item_id=before)
        if body.get("role") == "user":
            self.heard.append(Heard("text", shown["id"]))
