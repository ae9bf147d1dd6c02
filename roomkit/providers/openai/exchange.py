"""Whose turn it is on one socket: the caller's audio and the agent's answers, as messages of this protocol. Pure.

It numbers every message we send, and holds what decides when an answer may be asked for (`ResponseFlow`) together with
what the caller has been heard to say (`CallerInput`). Shared by the dialects of this protocol. Not in here: what a
session is set up to be, items, transcripts. Invariant: never a second request while one is in flight.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import ClassVar

from roomkit.providers.openai.caller_input import CallerInput
from roomkit.providers.openai.responses import PLAIN, ResponseFlow, ResponseParams
from roomkit.providers.shared.objects import Json, text_of
from roomkit.voice.realtime.commands import BeginInput, CommitInput, InputPaused, SendAudio
from roomkit.voice.realtime.dialect import NOTHING, Decoded
from roomkit.voice.realtime.profile import TurnPolicy
from roomkit.voice.realtime.provider_events import InputCommitted, SpeechStarted, SpeechStopped
from roomkit.voice.wires.port import WireMessage

Request = tuple[str, Json]
"""A message that makes the server answer: its type and its fields."""

InputCommand = SendAudio | InputPaused | BeginInput | CommitInput
"""What is asked of a dialect about the caller's audio."""


def response_request(params: ResponseParams) -> Request:
    """A ``response.create`` with ``params``."""
    return "response.create", {"response": params} if params else {}


class Exchange:
    """The turns of one socket.

    Args:
        as_request: Makes the message that asks for an answer; for servers that have more than one way to.

    Attributes:
        input: The caller's audio on its way.
        responses: The agent's answers.
    """

    def __init__(self, as_request: Callable[[ResponseParams], Request] = response_request) -> None:
        self.input = CallerInput()
        self.responses = ResponseFlow()
        self._as_request = as_request
        self._last_event_number = 0

    @property
    def last_event_id(self) -> str:
        """The id of the newest message; what an error may blame."""
        return f"rk_{self._last_event_number}"

    # --- what we say --------------------------------------------------------------------------------------------

    def message(self, kind: str, fields: Json = {}) -> str:  # noqa: B006 -- never changed
        """The next message, numbered."""
        self._last_event_number += 1
        event = {"type": kind, "event_id": self.last_event_id, **fields}
        return json.dumps(event, separators=(",", ":"))  # ASCII: half a surrogate pair must not break the wire

    def follow(self, turns: TurnPolicy, *, holds_answers: bool) -> None:
        """Turns go this way from now on."""
        self.input.turns, self.input.holds_answers = turns, holds_answers
        if not turns.answers_by_itself:
            self.responses.no_answer_is_coming()

    def encode(self, command: InputCommand) -> list[WireMessage]:
        """What to say of the caller's audio."""
        match command:
            case SendAudio(pcm):
                return [self.input.append(pcm)]
            case InputPaused():  # the silence that ends an open utterance
                silence = self.input.pause()
                return [] if silence is None else [silence]
            case BeginInput():
                return self._begin_input()
            case CommitInput():
                return self._commit_input()

    def _begin_input(self) -> list[WireMessage]:
        """Manual turns: what the server has heard so far is of no turn."""
        if not self.input.turns.manual:
            return []
        self.input.emptied()
        return [self.message("input_audio_buffer.clear")]

    def _commit_input(self) -> list[WireMessage]:
        """Manual turns: what was sent is a turn, to be answered unless answers are held."""
        if not self.input.can_commit():
            return []
        self.input.emptied()
        commit = self.message("input_audio_buffer.commit")
        return [commit] if self.input.holds_answers else [commit, *self.ask(PLAIN)]

    def cancel(self, response_id: str, *, names_it: bool = True) -> list[WireMessage]:
        """Stop the answer in flight, unless another one is meant; requests that wait are forgotten."""
        self.responses.withdraw()
        active_id = self.responses.active_id
        if not self.responses.is_in_flight or (response_id and active_id and response_id != active_id):
            return []
        return [self.message("response.cancel", {"response_id": active_id} if active_id and names_it else {})]

    def ask(self, params: ResponseParams) -> list[WireMessage]:
        """Want an answer; the request, if it may be sent now."""
        self.responses.ask(params)
        return self.due_request()

    def due_request(self) -> list[WireMessage]:
        """The request that waited and may be sent now."""
        params = self.responses.next_request(f"rk_{self._last_event_number + 1}")
        return [] if params is None else [self.message(*self._as_request(params))]

    # --- what we hear -------------------------------------------------------------------------------------------

    def decode(self, kind: str, event: Json) -> Decoded:
        """What an event says of the caller's audio; all other events mean nothing here."""
        handler = self._HANDLERS.get(kind)
        return NOTHING if handler is None else handler(self, text_of(event, "item_id"))

    def _speech_started(self, item_id: str) -> Decoded:
        """The caller speaks; the server will answer by itself where it was told to."""
        self.input.speech_started()
        if self.input.turns.answers_by_itself:
            self.responses.answer_is_coming()
        return Decoded((SpeechStarted(item_id),))

    def _speech_stopped(self, item_id: str) -> Decoded:
        self.input.speech_stopped()
        return Decoded((SpeechStopped(item_id),))

    def _committed(self, item_id: str) -> Decoded:
        """The audio became a turn."""
        self.input.emptied()
        return Decoded((InputCommitted(item_id),))

    def _cleared(self, _: str) -> Decoded:
        """The audio was dropped: no answer comes for it."""
        self.input.speech_stopped()
        self.responses.no_answer_is_coming()
        return Decoded(replies=tuple(self.due_request()))

    _HANDLERS: ClassVar[dict[str, Callable[[Exchange, str], Decoded]]] = {
        "input_audio_buffer.speech_started": _speech_started,
        "input_audio_buffer.speech_stopped": _speech_stopped,
        "input_audio_buffer.committed": _committed,
        "input_audio_buffer.cleared": _cleared,
    }
