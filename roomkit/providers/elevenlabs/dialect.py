"""ElevenLabs Agents (Conversational AI, 2026-11) as a dialect: commands to messages, messages to events.

It lives for one socket and composes what that socket's conversation needs: the agent's answers (`Answers`), the
caller's turns (`CallerTurns`), open tool calls (`OpenCalls`), the audio formats the agent is set to. The vendor decides
when to answer and what interrupts; most of what a session can ask of other vendors has no message here, and is then
done without one or left out. Not in here: sockets, time, logs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, ClassVar, Final

from roomkit.errors import ConfigError, WireError
from roomkit.providers.elevenlabs import wording
from roomkit.providers.elevenlabs.alignment import NO_CHARS
from roomkit.providers.elevenlabs.answers import Answers
from roomkit.providers.elevenlabs.audio import NO_ID, AudioReader, Chunk, chunk_message, id_of
from roomkit.providers.elevenlabs.caller import CallerTurns
from roomkit.providers.elevenlabs.calls import OpenCalls
from roomkit.providers.elevenlabs.faults import UNSUPPORTED_FORMAT, fault_of
from roomkit.providers.elevenlabs.formats import DEFAULT_NAME, FORMATS, Format
from roomkit.providers.elevenlabs.overrides import initiation, is_opening_overridden, is_text_only
from roomkit.providers.shared.objects import Json, object_of, parse, text_of
from roomkit.voice.realtime.commands import (
    AskForResponse,
    BeginInput,
    CancelResponse,
    Command,
    CommitInput,
    DeleteItem,
    InjectImage,
    InjectText,
    InputPaused,
    LinkConfig,
    RecallToolCall,
    SendAudio,
    Speak,
    ToolResult,
    TruncateOutput,
    UpdateSession,
)
from roomkit.voice.realtime.dialect import NOTHING, Decoded, meaning
from roomkit.voice.realtime.provider_events import Audio, LinkReady, ProviderFault, tuple_of
from roomkit.voice.wires.port import WireMessage

PAUSE_SILENCE_MS: Final = 1_000
"""What ends an utterance when the caller's audio stops: the vendor's turn model takes well under a second of it."""


class ElevenLabsDialect:
    """One socket's worth of ElevenLabs Agents."""

    def __init__(self) -> None:
        self._answers = Answers()
        self._caller = CallerTurns()
        self._calls = OpenCalls()
        self._chunks = AudioReader()
        self._input: Format = FORMATS[DEFAULT_NAME]
        self._is_open = False

    # --- what we say --------------------------------------------------------------------------------------------

    def open(self, config: LinkConfig) -> list[WireMessage]:
        """See `Dialect.open`: the vendor takes nothing before this message, and audio only after its answer."""
        message = initiation(config)
        self._answers.text_only = is_text_only(config)
        self._answers.skips_opening = config.continues and not is_opening_overridden(config)
        return [_json(message)]

    def encode(self, command: Command) -> list[WireMessage]:
        """See `Dialect.encode`."""
        if type(command) is SendAudio:  # fifty a second, and four times faster than a pattern
            pcm = command.pcm
            return [chunk_message(pcm if self._input.is_pcm else self._input.from_pcm(pcm))]
        match command:
            case SendAudio(pcm):  # a subclass, if somebody makes one
                return [chunk_message(self._input.from_pcm(pcm))]
            case InputPaused() | CommitInput():
                return [self._silence()]
            case CancelResponse():
                self._answers.cancel()
                return []
            case ToolResult():
                return self._tool_result(command)
            case InjectImage():
                raise ConfigError("ElevenLabs takes no images; describe the picture with inject_text")
            case TruncateOutput() | DeleteItem() | BeginInput() | UpdateSession():
                return []  # it has no such message; see the profile
            case InjectText(silent=True) | RecallToolCall():
                return [_in_words(command)]
            case AskForResponse() | Speak() | InjectText():
                self._answers.was_asked()
                return [_in_words(command)]

    def _silence(self) -> str:
        return chunk_message(self._input.from_pcm(bytes(2 * self._input.rate_hz * PAUSE_SILENCE_MS // 1000)))

    def _tool_result(self, result: ToolResult) -> list[WireMessage]:
        if self._calls.answered(result.call_id):
            output = result.output or wording.EMPTY_RESULT
            body = {"tool_call_id": result.call_id, "result": output, "is_error": _is_error(output)}
            return [_json({"type": "client_tool_result", **body})]
        # made on an earlier link: the server refuses results of calls it does not know
        told = wording.recalled_result(result.name, result.output)
        if not result.asks:
            return [_context(told)]
        self._answers.was_asked()
        return [_user_message(told)]

    # --- what we hear -------------------------------------------------------------------------------------------

    def decode(self, message: WireMessage) -> Decoded:
        """See `Dialect.decode`."""
        if isinstance(message, str):
            if pcm := self._chunks.more(message):
                answer, size_bytes = self._answers.flowing, len(pcm)
                if answer is None or size_bytes & 1:
                    return self._heard((pcm, self._chunks.number_of(message), NO_CHARS))
                answer.size_bytes += size_bytes
                return tuple_of(Decoded, ((tuple_of(Audio, (pcm, answer.id, answer.id)),), ()))
            if chunk := self._chunks.read(message):
                return self._heard(chunk)
        event = parse(message)
        handler = self._HANDLERS.get(text_of(event, "type"))
        return NOTHING if handler is None else handler(self, event)

    def _heard(self, chunk: Chunk) -> Decoded:
        pcm, event_id, chars = chunk
        return meaning(*self._answers.heard(pcm, event_id, chars)) if pcm or chars[0] else NOTHING

    def _audio(self, event: Json) -> Decoded:
        try:
            return self._heard(self._chunks.parsed(object_of(event, "audio_event")))
        except ValueError as error:
            raise WireError("the audio of an event is not base64", code="not_base64") from error

    def _ping(self, event: Json) -> Decoded:
        event_id = id_of(object_of(event, "ping_event"))
        pong = () if event_id == NO_ID else (_json({"type": "pong", "event_id": event_id}),)
        return Decoded(tuple(self._answers.pinged()), pong)

    def _metadata(self, event: Json) -> Decoded:
        if self._is_open:
            return NOTHING
        body = object_of(event, "conversation_initiation_metadata_event")
        names = [text_of(body, f"{side}_audio_format") or DEFAULT_NAME for side in ("user_input", "agent_output")]
        if any(name not in FORMATS for name in names):
            words = f"the agent is set to an audio format we do not speak; known: {', '.join(FORMATS)}"
            return Decoded((ProviderFault(UNSUPPORTED_FORMAT, words, is_fatal=True),))
        self._is_open = True
        self._input, output = (FORMATS[name] for name in names)
        self._chunks = AudioReader(output.decode)
        self._answers.ms_per_byte = 500.0 / output.rate_hz
        conversation_id = text_of(body, "conversation_id")
        self._answers.prefix = self._caller.prefix = f"{conversation_id}/" if conversation_id else ""
        return Decoded((LinkReady(self._input.rate_hz, output.rate_hz, conversation_id or None),))

    def _agent_said(self, event: Json) -> Decoded:
        body = object_of(event, "agent_response_event")
        text = text_of(body, "agent_response").strip()
        return meaning(*self._answers.said(text, id_of(body))) if text else NOTHING

    def _agent_part(self, event: Json) -> Decoded:
        body = object_of(event, "text_response_part")
        return meaning(*self._answers.part(text_of(body, "text"), text_of(body, "type"), id_of(body)))

    def _agent_complete(self, event: Json) -> Decoded:
        return meaning(*self._answers.completed())

    def _interruption(self, event: Json) -> Decoded:
        event_id = id_of(object_of(event, "interruption_event"))
        self._chunks.interrupted(event_id)
        return meaning(*self._answers.interrupted(event_id))

    def _caller_said(self, event: Json) -> Decoded:
        text = text_of(object_of(event, "user_transcription_event"), "user_transcript").strip()
        return meaning(*self._answers.caller_took_turn(), *self._caller.said(text))

    def _caller_may_say(self, event: Json) -> Decoded:
        body = object_of(event, "tentative_user_transcription_event")
        return meaning(*self._caller.may_be_saying(text_of(body, "user_transcript").strip()))

    def _voice_score(self, event: Json) -> Decoded:
        score = object_of(event, "vad_score_event").get("vad_score")
        return meaning(*self._caller.voice(score)) if isinstance(score, int | float) else NOTHING

    def _tool_call(self, event: Json) -> Decoded:
        return meaning(self._calls.told(object_of(event, "client_tool_call")))

    def _mcp_call(self, event: Json) -> Decoded:
        if text_of(object_of(event, "mcp_tool_call"), "state") != "awaiting_approval":
            return NOTHING
        words = "a tool of an MCP server waits for approval nobody can give here: approve it in the agent's settings"
        return Decoded((ProviderFault("mcp_approval_required", words),))

    def _guardrail(self, event: Json) -> Decoded:
        return Decoded((ProviderFault("guardrail_triggered", "a guardrail of the agent stopped its answer"),))

    def _error(self, event: Json) -> Decoded:
        error = object_of(event, "error_event") or event  # a workspace that is used up is told without the object
        return Decoded((fault_of(error, is_open=self._is_open),))

    _HANDLERS: ClassVar[dict[str, Callable[[ElevenLabsDialect, Json], Decoded]]] = {
        "audio": _audio,
        "ping": _ping,
        "conversation_initiation_metadata": _metadata,
        "agent_response": _agent_said,
        "agent_chat_response_part": _agent_part,
        "agent_response_complete": _agent_complete,
        # not agent_response_correction: what was heard is measured here, on the caller's own playback
        "interruption": _interruption,
        "user_transcript": _caller_said,
        "tentative_user_transcript": _caller_may_say,
        "vad_score": _voice_score,
        "client_tool_call": _tool_call,
        "mcp_tool_call": _mcp_call,
        "guardrail_triggered": _guardrail,
        "error": _error,
    }


def _json(message: dict[str, Any]) -> str:
    return json.dumps(message, separators=(",", ":"))  # ASCII: half a surrogate pair must not break the wire


def _user_message(text: str) -> str:
    return _json({"type": "user_message", "text": text})


def _context(text: str) -> str:
    return _json({"type": "contextual_update", "text": text})


def _in_words(command: AskForResponse | Speak | InjectText | RecallToolCall) -> str:
    match command:
        case AskForResponse(instructions):
            return _user_message(instructions or wording.GO_ON)
        case Speak(text) | InjectText(text, "assistant", False):
            return _user_message(wording.say_exactly(text))
        case InjectText(text, _, False):  # the system's too: nothing else is answered
            return _user_message(text)
        case InjectText(text, role, _):
            return _context(wording.remembered(role, text))
        case RecallToolCall(name=name, arguments=arguments):
            return _context(wording.recalled_call(name, arguments))


def _is_error(output: str) -> bool:
    """Whether a result is the session's ``{"error": …}``."""
    if not output.startswith("{"):
        return False
    try:
        result = json.loads(output)
    except (ValueError, RecursionError):
        return False
    return isinstance(result, dict) and list(result) == ["error"]
