"""One connection to the simulated Gemini Live service: what it does about each client message. Pure.

Messages and the time go in, server messages come out; there is no event loop and no socket. It hangs up where the real
service does. It says nothing of its own accord: what the model "says" is told it by a script (`director`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from roomkit.testing.simulators.account import Account
from roomkit.testing.simulators.connection import Close, Output
from roomkit.testing.simulators.gemini.answers import Answers
from roomkit.testing.simulators.gemini.handles import Handles, Saved
from roomkit.testing.simulators.gemini.hearing import Hearing, Listener, Piece
from roomkit.testing.simulators.gemini.lifetime import CONTEXT_FULL, Lifetime
from roomkit.testing.simulators.gemini.reading import Json, Reading
from roomkit.testing.simulators.gemini.settings import Refused, Settings
from roomkit.testing.simulators.later import Later
from roomkit.testing.simulators.speech import Call, Speech
from roomkit.testing.simulators.steps import Turn

SETUP_MS: Final = 10
"""Until ``setupComplete``: long enough to catch a client that does not wait for it."""
QUOTA_REASON: Final = "You exceeded your current quota, please check your plan and billing details."
"""Comes with close code 1011; the service has no error messages to say it in."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A turn the caller took; the words if they were typed."""

    turn: Turn
    words: str = ""


class GeminiSimulatorSession:
    """The protocol state of one connection.

    Args:
        new_id: Makes ids: ``new_id("function-call")``.
        handles: What earlier connections left behind.
        is_alpha: The client dialled ``v1alpha``.
        now_ms: Loop time of the connection.
        keep_audio: Whether to fill ``caller_audio``.
        account: Counts the answers.

    Attributes:
        id: Its name in the log.
        settings: The set-up; `None` before it came.
        history: The contents told as ``clientContent``, those of earlier connections included.
        answers: What the model says.
        heard: The caller's turns that nobody took note of yet, oldest first.
        caller_audio: All audio the client sent, at the rate it declared; empty unless it is kept.
        listener: Told what the caller says, if somebody wants to know.
    """

    def __init__(
        self,
        *,
        new_id: Callable[[str], str],
        handles: Handles,
        is_alpha: bool,
        now_ms: float,
        keep_audio: bool = False,
        account: Account | None = None,
    ) -> None:
        self.id = new_id("session")
        self.is_over = False
        self.settings: Settings | None = None
        self.history: list[Json] = []
        self.heard: deque[Heard] = deque()
        self.listener: Listener | None = None
        self.caller_audio = bytearray()
        self._out: list[Output] = []
        self._handles = handles
        self._is_alpha = is_alpha
        self._keep_audio = keep_audio
        self._account = account
        self._now_ms = now_ms
        self._lifetime = Lifetime(now_ms)
        self._later: Later[Json] = Later()
        self._is_ready = False
        self._has_history = False
        self._hearing = Hearing()
        self.answers = Answers(self.emit, new_id, is_async=self._is_async, on_busy=self._on_busy)

    @property
    def due_ms(self) -> float | None:
        """Loop time at which `wake` has something to do."""
        if self.is_over:
            return None
        times_ms = (self.answers.due_ms, self._later.due_ms, self._lifetime.due_ms)
        return min(one for one in times_ms if one is not None)

    def take(self) -> list[Output]:
        """What is to be sent; empties it."""
        out, self._out = self._out, []
        return out

    def receive(self, reading: Reading, now_ms: float) -> bool:
        """Handle one message of the client. Returns whether it was accepted; if not, the connection is over."""
        self._now_ms = now_ms
        if self.is_over:
            return False
        try:
            self._handle(reading)
        except Refused as refused:
            self.close(refused.code, str(refused))
        self._close_if_full()
        return not self.is_over

    def wake(self, now_ms: float) -> None:
        """Do what has become due."""
        self._now_ms = now_ms
        for message in self._later.due(now_ms):
            self.emit(message)
            if "setupComplete" in message:
                self._is_ready = True
                self._offer_handle()
        self.answers.wake(now_ms)
        for due in self._lifetime.wake(now_ms):
            if isinstance(due, Close):
                self.close(due.code, due.reason)
            else:
                self.emit(due)
        self._close_if_full()

    def emit(self, message: Mapping[str, Any]) -> None:
        """Send a server message."""
        if not self.is_over:
            self._out.append(message)

    def emit_at(self, at_ms: float, message: Json) -> None:
        """Send a server message at a later loop time."""
        self._later.put(at_ms, message)

    def send_raw(self, message: Mapping[str, Any] | str | bytes) -> None:
        """Send something that need not be a message."""
        self._out.append(message)

    def close(self, code: int, reason: str = "") -> None:
        """End the connection after what was said so far."""
        if not self.is_over:
            self.is_over = True
            self._out.append(Close(code, reason))

    def answer(self, parts: Sequence[Speech | Call], now_ms: float) -> None:
        """Say this in answer to the turn that has none."""
        self.answers.fill(parts, now_ms)

    def transcribes(self) -> bool:
        """Whether the client wants to read what the caller says."""
        return self.settings is not None and "inputAudioTranscription" in self.settings.setup

    # --- the client's messages ------------------------------------------------------------------------------------

    def _handle(self, reading: Reading) -> None:
        if self.settings is None:
            self._set_up(reading)
            return
        if reading.refusal:
            raise Refused(reading.refusal)
        if not self._is_ready:
            raise Refused("A message came before setupComplete.")
        match reading.kind:
            case "setup":
                raise Refused("setup must be the first message, and come once.")
            case "clientContent":
                self._client_content(reading.body)
            case "realtimeInput":
                self._realtime_input(reading.body)
            case "toolResponse":
                self._tool_response(reading.body)
            case "contextUpdate":
                self.settings = self.settings.updated(reading.body)

    def _set_up(self, reading: Reading) -> None:
        if reading.kind and reading.kind != "setup":
            raise Refused("The first message must be setup.")
        if reading.refusal:
            raise Refused(reading.refusal)
        settings = Settings.read(reading.body, is_alpha=self._is_alpha)
        handle = settings.setup.get("sessionResumption", {}).get("handle")
        if handle is not None:
            saved = self._handles.find(handle, settings.model, self._now_ms)
            if saved is None:
                raise Refused("Invalid session resumption handle.")
            self.history = [*saved.history]
            self._lifetime.set_up(settings.setup, saved.age_ms, saved.tokens)
        else:
            self._lifetime.set_up(settings.setup)
            self._lifetime.hold(settings.setup)
        self._has_history = handle is not None or not settings.waits_for_history
        self.answers.writes_words = "outputAudioTranscription" in settings.setup
        self._hearing.settings = settings
        self.settings = settings
        self.emit_at(self._now_ms + SETUP_MS, {"setupComplete": {}})

    def _client_content(self, body: Json) -> None:
        assert self.settings is not None
        turns: list[Json] = body.get("turns", [])
        self.settings.check_turns(turns, is_history=not self._has_history)
        self.history += turns
        self._lifetime.hold(turns)
        is_complete = body.get("turnComplete", False)
        if not self._has_history:
            self._has_history = is_complete
            return
        self.answers.interrupt()
        if is_complete:
            self._take_turn(Heard("text", words) if (words := _words(turns)) else None)

    def _realtime_input(self, body: Json) -> None:
        if not self._has_history:
            raise Refused("The initial history is not complete.")
        self._hearing.level = None if self.listener is None else self.listener.level
        for one in self._hearing.take(body):
            if isinstance(one, Piece):
                self._let_hear(one)
            else:
                self._noticed(one.is_start, one.turn)
        if "video" in body:
            self._lifetime.saw_picture()
        if "text" in body:
            self._lifetime.hold(body["text"])
            self.answers.interrupt()
            self._take_turn(Heard("text", body["text"]))

    def _let_hear(self, piece: Piece) -> None:
        self._lifetime.hold_sound(len(piece.pcm) / 2 / piece.rate_hz * 1000)
        if self._keep_audio:
            self.caller_audio += piece.pcm
        if self.listener is not None:
            self.listener.on_audio(piece.pcm, piece.rate_hz)

    def _noticed(self, is_start: bool, turn: Turn) -> None:
        assert self.settings is not None
        if self.settings.setup.get("explicitVadSignal"):
            self.emit({"voiceActivity": {"voiceActivityType": "ACTIVITY_START" if is_start else "ACTIVITY_END"}})
        if self.listener is not None:
            self.listener.on_mark(is_start=is_start)
        if not is_start:
            self._take_turn(Heard(turn))
        elif self.settings.interrupts:
            self.answers.interrupt()

    def _take_turn(self, heard: Heard | None) -> None:
        """A turn to be answered. Beyond the account's rate the service hangs up."""
        if self._account is not None and not self._account.takes_response():
            self.close(1011, QUOTA_REASON)
            return
        if heard is not None:
            self.heard.append(heard)
        self.answers.ask()

    def _tool_response(self, body: Json) -> None:
        self._lifetime.hold(body)
        for response in body["functionResponses"]:
            call_id = response.get("id", "")
            if call_id not in self.answers.call_names:
                raise Refused(f"No function call has the id '{call_id}'.", code=1008)
            if not response.get("willContinue"):
                self.answers.result(call_id, response.get("scheduling", "WHEN_IDLE"))

    # --- by itself ------------------------------------------------------------------------------------------------

    def _is_async(self, name: str) -> bool:
        return self.settings is not None and self.settings.is_async(name)

    def _on_busy(self, is_busy: bool) -> None:
        if not is_busy:
            self._lifetime.hold_sound(self.answers.spoken_ms)
            self._offer_handle()
        elif self._resumes:
            self.emit({"sessionResumptionUpdate": {"resumable": False}})

    @property
    def _resumes(self) -> bool:
        return self.settings is not None and "sessionResumption" in self.settings.setup

    def _offer_handle(self) -> None:
        if not self._resumes or self.settings is None:
            return
        age_ms, tokens = self._lifetime.age_ms(self._now_ms), self._lifetime.tokens
        handle = self._handles.save(Saved(self.settings.model, tuple(self.history), age_ms, tokens, self._now_ms))
        self.emit({"sessionResumptionUpdate": {"newHandle": handle, "resumable": True}})

    def _close_if_full(self) -> None:
        if self._lifetime.is_full:
            self.close(CONTEXT_FULL.code, CONTEXT_FULL.reason)


def _words(turns: Sequence[Mapping[str, Any]]) -> str:
    """What the user says in these turns."""
    parts = (part for turn in turns if turn.get("role", "user") == "user" for part in turn.get("parts", []))
    return " ".join(part["text"] for part in parts if isinstance(part.get("text"), str))
