"""Parrot's wire language: audio as binary messages, everything else as JSON. Pure: no socket, no task, no clock."""

from __future__ import annotations

import json
from typing import Any

from roomkit.errors import ConfigError, WireError
from roomkit.voice.realtime import commands as ask
from roomkit.voice.realtime import provider_events as told
from roomkit.voice.realtime.dialect import Decoded
from roomkit.voice.wires.port import WireMessage

RATE_HZ = 16_000
KNOWN_KEYS = {"times"}


class ParrotDialect:
    """One socket's worth of Parrot."""

    def __init__(self) -> None:
        self._turn = 0

    def open(self, config: ask.LinkConfig) -> list[WireMessage]:
        if unknown := config.provider_config.keys() - KNOWN_KEYS:
            raise ConfigError(f"Parrot does not know {', '.join(map(str, unknown))}; known: {', '.join(KNOWN_KEYS)}")
        return [_json("begin", prompt=config.instructions or "", times=config.provider_config.get("times", 1))]

    def encode(self, command: ask.Command) -> list[WireMessage]:
        match command:
            case ask.SendAudio(pcm):
                return [pcm]
            case ask.InputPaused():
                return [_json("end_turn")]
            case ask.InjectText(text, role, silent):
                return [_json("read", text=text, role=role, answer=not silent)]
            case ask.Speak(text):
                return [_json("read", text=text, role="assistant", answer=True)]
            case ask.AskForResponse():
                return [_json("answer")]
            case ask.UpdateSession(config):
                return self.open(config)
            case ask.InjectImage():
                raise ConfigError("Parrot sees nothing; describe the picture with inject_text")
            case _:  # it forgets nothing, truncates nothing and has no tools: the profile says so, the session knows
                return []

    def decode(self, message: WireMessage) -> Decoded:
        if isinstance(message, bytes):
            return Decoded((told.Audio(message[: len(message) & ~1], self._answer_id),))
        event = _object(message)
        text = str(event.get("text", ""))
        match event.get("is"):
            case "ready":
                return Decoded((told.LinkReady(RATE_HZ, RATE_HZ, str(event.get("call", ""))),))
            case "listening":
                return Decoded((told.SpeechStarted(),))
            case "heard":
                return Decoded((told.SpeechStopped(), told.Transcript("user", text, is_final=True)))
            case "answering":
                self._turn += 1
                words = told.Transcript("assistant", text, is_final=True, response_id=self._answer_id)
                return Decoded((told.ResponseStarted(self._answer_id), words))
            case "answered":
                usage = {"billable_s": _number(event.get("seconds"))}
                return Decoded((told.ResponseDone(self._answer_id, usage=usage),))
            case "sorry":
                return Decoded((told.ProviderFault("parrot_sorry", text),))
            case _:  # tomorrow's server says what today's does not
                return Decoded()

    @property
    def _answer_id(self) -> str:
        return f"answer-{self._turn}"  # the wire has no ids: answers are counted


def _json(do: str, **fields: Any) -> str:
    return json.dumps({"do": do, **fields})


def _object(message: str) -> dict[str, Any]:
    try:
        event = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise WireError(f"a message of {len(message)} characters is not JSON", code="not_json") from error
    if not isinstance(event, dict):
        raise WireError(f"a message of {len(message)} characters is no JSON object", code="not_an_object")
    return event


def _number(value: object) -> float:
    return value if isinstance(value, int | float) else 0.0  # what cannot be a count the session leaves out
