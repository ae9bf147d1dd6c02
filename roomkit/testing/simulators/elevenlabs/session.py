"""One conversation with the simulated ElevenLabs server: what it answers to each client message. Pure.

Messages and the time go in, server events come out; there is no event loop and no socket. It refuses what the real
server refuses. What the agent says and calls is told it by a script (`director`); how it says it is `speaking`.
"""

from __future__ import annotations

import base64
import binascii
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from roomkit.testing.simulators.account import Account
from roomkit.testing.simulators.connection import Close, Output
from roomkit.testing.simulators.elevenlabs.agent import SimulatedAgent, filled
from roomkit.testing.simulators.elevenlabs.lifetime import End, Lifetime
from roomkit.testing.simulators.elevenlabs.reading import Reading
from roomkit.testing.simulators.elevenlabs.sound import FRAME_MS, Ear, Listener, bytes_per_ms
from roomkit.testing.simulators.elevenlabs.speaking import Voice
from roomkit.testing.simulators.elevenlabs.tables import (
    ALWAYS_SENT,
    AUDIO,
    BODY_KEYS,
    INITIATION,
    OVERRIDES,
    SCALAR,
    paths_of,
)
from roomkit.testing.simulators.speech import Speech
from roomkit.testing.simulators.steps import Turn

ERROR_CODES: Final = {"invalid_message": 1002, "missing_fields": 1002, "llm_error": 1011}
"""What an ``error_type`` closes with; 1008 unless it is here."""
SIGNS_OF_LIFE: Final = frozenset({AUDIO, "user_activity", "user_message", "multimodal_message"})
"""What keeps a conversation from ending for silence."""
RATE_ERROR: Final = "llm_error"
"""An answer beyond the account's rate ends its conversation with this and 1011. The vendor's own way is not known."""


class ElevenLabsSimulatorSession:
    """The protocol state of one connection.

    Args:
        new_id: Makes ids: ``new_id("conv")`` gives ``"conv_…"``.
        agent: Whom it talks to.
        now_ms: Loop time of the connection.
        keep_audio: Whether to fill ``caller_audio``.
        account: Counts the answers.

    Attributes:
        heard: The caller's turns that nobody took note of yet, oldest first, with their words where they were typed.
        owes_answer: A turn was taken, or a tool answered, and nothing was said since.
        open_calls: Tool calls without a result, by id, with their name.
        overrides: What the client overrode, by dotted path.
        variables: The client's dynamic variables.
        caller_audio: All audio the client sent, in the agent's input format; empty unless it is kept.
        listener: Told what the caller says, if somebody wants to know.
    """

    def __init__(
        self,
        *,
        new_id: Callable[[str], str],
        agent: SimulatedAgent,
        now_ms: float,
        keep_audio: bool = False,
        account: Account | None = None,
    ) -> None:
        self.id = new_id("conv")
        self.agent = agent
        self.is_over = False
        self.is_begun = False
        self.heard: deque[tuple[Turn, str]] = deque()
        self.owes_answer = False
        self.open_calls: dict[str, str] = {}
        self.overrides: dict[str, Any] = {}
        self.variables: dict[str, Any] = {}
        self.caller_audio = bytearray()
        self.listener: Listener | None = None
        self.voice = Voice(self.emit, agent, now_ms)
        self._new_id = new_id
        self._now_ms = now_ms
        self._keep_audio = keep_audio
        self._account = account
        self._out: list[Output] = []
        self._ear = Ear(agent.input_format, agent.silence_ms)
        self._lifetime = Lifetime(agent, now_ms)
        self._calls: dict[str, str] = {}

    @property
    def is_text_only(self) -> bool:
        """Whether nobody speaks."""
        return self.overrides.get("conversation.text_only", self.overrides.get("text_only")) is True

    @property
    def due_ms(self) -> float | None:
        """Loop time at which `wake` has something to do."""
        if self.is_over:
            return None
        ends_ms, speaks_ms = self._lifetime.due_ms(self.voice.plays_until_ms), self.voice.due_ms
        return ends_ms if speaks_ms is None else min(ends_ms, speaks_ms)

    def take(self) -> list[Output]:
        """What is to be sent; empties it."""
        out, self._out = self._out, []
        return out

    def receive(self, reading: Reading, now_ms: float) -> bool:
        """Handle one message of the client; returns whether it was accepted."""
        self._now_ms = now_ms
        if self.is_over:
            return False
        is_initiation = reading.event.get("type") == INITIATION
        if reading.problem:
            self.refuse("missing_fields" if "missing" in reading.problem else "invalid_message", reading.problem)
        elif not self.is_begun and not is_initiation:
            self.refuse("invalid_message", f"the first message must be {INITIATION}")
        elif self.is_begun and is_initiation:
            self.refuse("invalid_message", "the conversation has begun")
        else:
            return self._handle(reading.event)
        return False

    def wake(self, now_ms: float) -> None:
        """Do what has become due."""
        self._now_ms = now_ms
        self.voice.wake(now_ms)
        self._live_on()

    # --- what it says ---------------------------------------------------------------------------------------------

    def emit(self, type_: str, /, **fields: Any) -> None:
        """Send an event, if the agent is set to send such."""
        wanted = self.overrides.get("conversation.client_events", self.agent.client_events)
        if type_ in ALWAYS_SENT or type_ in wanted:
            self._out.append({"type": type_, BODY_KEYS[type_]: fields})

    def send_raw(self, message: Mapping[str, Any] | str | bytes) -> None:
        """Send this as it is."""
        self._out.append(dict(message) if isinstance(message, Mapping) else message)

    def refuse(self, error_type: str, message: str, *, code: int | None = None) -> None:
        """End the conversation with an error."""
        code = ERROR_CODES.get(error_type, 1008) if code is None else code
        self.complain(error_type, message, code)
        self.close(code, message)

    def complain(self, error_type: str, message: str, code: int = 1008) -> None:
        """Send an error and go on."""
        self.emit("error", code=code, message=message, error_type=error_type)

    def close(self, code: int, reason: str = "") -> None:
        """End the connection; 1006 without a closing frame."""
        if not self.is_over:
            self.is_over = True
            self._out.append(Close(code, reason))

    def speak(self, speech: Speech) -> None:
        """Say it; that answers what was owed."""
        self.owes_answer = False
        if self.is_text_only:
            self.voice.write(speech.text)
        else:
            self.voice.speak(speech, self._now_ms)
        self.voice.wake(self._now_ms)

    def call_tool(self, name: str, arguments: Mapping[str, Any], call_id: str = "") -> None:
        """Ask the client to run a tool, once what is being said was said."""
        self.owes_answer = False
        call_id = call_id or self._new_id("call")
        self.open_calls[call_id] = self._calls[call_id] = name
        fields = {"tool_name": name, "tool_call_id": call_id, "parameters": dict(arguments)}
        self.voice.afterwards("client_tool_call", **fields, event_id=self.voice.event_id)
        self.voice.wake(self._now_ms)

    def call_name(self, call_id: str) -> str:
        """Which tool a call was for."""
        return self._calls.get(call_id, "")

    def transcribe(self, text: str, after_ms: float) -> None:
        """Deliver the words of the caller's latest turn."""
        turn_id = self.voice.event_id
        if tentative := text[: len(text) // 2]:
            self.voice.emit_at(
                self._now_ms + after_ms, "tentative_user_transcript", user_transcript=tentative, event_id=turn_id
            )
        self.voice.emit_at(self._now_ms + after_ms, "user_transcript", user_transcript=text, event_id=turn_id)

    # --- what it hears --------------------------------------------------------------------------------------------

    def _handle(self, event: Mapping[str, Any]) -> bool:
        if event["type"] in SIGNS_OF_LIFE:
            self._lifetime.heard(self._now_ms)
        match event["type"]:
            case "conversation_initiation_client_data":
                self._begin(event)
            case "user_audio_chunk":
                self._hear(event[AUDIO])
            case "pong":
                self._lifetime.pong()
            case "client_tool_result":
                return self._take_result(event)
            case "user_message":
                self._take_turn("text", event.get("text") or "")
            case "multimodal_message":
                self._take_turn("text", str((event.get("text") or {}).get("text", "")))
        return not self.is_over

    def _begin(self, event: Mapping[str, Any]) -> None:
        overrides = paths_of(event.get("conversation_config_override") or {})
        variables = event.get("dynamic_variables") or {}
        for path, value in overrides.items():
            if path not in OVERRIDES or not isinstance(value, OVERRIDES[path]):
                return self.refuse("value_error", f"no such override: {path[:60]}")
            if path not in self.agent.allowed_overrides:
                return self.refuse("override_error", f"Override for field '{path}' is not allowed by config.")
        if any(not isinstance(value, SCALAR) for value in variables.values()):
            return self.refuse("value_error", "dynamic variables are strings, numbers and booleans")
        if missing := self.agent.missing_variables(variables):
            text = f"Missing required dynamic variables: {', '.join(missing)}"
            return self.refuse("missing_dynamic_variable", text)
        self._open(overrides, variables)
        return None

    def _open(self, overrides: dict[str, Any], variables: dict[str, Any]) -> None:
        self.overrides, self.variables, self.is_begun = overrides, variables, True
        self._lifetime.begin(self._now_ms, overrides.get("conversation.max_duration_seconds"))
        self.emit(
            "conversation_initiation_metadata",
            conversation_id=self.id,
            agent_output_audio_format=self.agent.output_format,
            user_input_audio_format=self.agent.input_format,
        )
        self._live_on()
        first_message = overrides.get("agent.first_message", self.agent.first_message)
        if first_message and self.listener is not None:
            self.listener.on_first_message(filled(first_message, variables))
        elif first_message:
            self.speak(Speech(filled(first_message, variables)))

    def _hear(self, coded: str) -> None:
        try:
            audio = base64.b64decode(coded, validate=True)
        except (binascii.Error, ValueError):
            return self.refuse("invalid_message", "user_audio_chunk is not base64")
        if self._keep_audio:
            self.caller_audio += audio
        size_bytes = int(FRAME_MS * bytes_per_ms(self.agent.input_format))
        for at in range(0, len(audio), size_bytes):
            piece = audio[at : at + size_bytes]
            if self.listener is not None:
                self.listener.on_audio(piece)
            for is_onset in self._ear.hear(piece, None if self.listener is None else self.listener.level):
                self._noticed(is_onset)
        return None

    def _noticed(self, is_onset: bool) -> None:
        self.emit("vad_score", vad_score=0.93 if is_onset else 0.05)
        if self.listener is not None:
            self.listener.on_mark(is_start=is_onset)
        if is_onset:
            self.voice.interrupt(self._now_ms)
        else:
            self._take_turn("speech", "")

    def _take_turn(self, turn: Turn, words: str) -> None:
        self.voice.interrupt(self._now_ms)
        self.voice.next_event()
        if self._account is not None and not self._account.takes_response():
            return self.refuse(RATE_ERROR, "Rate limit reached")
        self.heard.append((turn, words))
        self.owes_answer = True
        return None

    def _take_result(self, event: Mapping[str, Any]) -> bool:
        if self.open_calls.pop(event["tool_call_id"], None) is None:
            self.complain("value_error", "there is no such tool call")
            return False
        self.owes_answer = self.owes_answer or not self.open_calls
        return True

    def _live_on(self) -> None:
        """Ping the client, or end the conversation, if it is time."""
        for due in self._lifetime.wake(self._now_ms, self.voice.plays_until_ms):
            if not isinstance(due, End):
                self.emit("ping", **due)
            elif due.error_type:
                self.refuse(due.error_type, due.message, code=due.code)
            else:
                self.close(due.code, due.message)
