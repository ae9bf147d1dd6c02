"""OpenAI Realtime (GA protocol, 2026-11) as a dialect: commands to messages, messages to events.

It lives for one socket and composes what that socket's conversation needs: whose turn it is (`Exchange`), growing
transcripts (`TranscriptLog`), tool calls (`CallLog`).
Not in here: sockets, time, logs. The names of the switched-off beta are read too, for compatible servers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from roomkit.providers.openai import items
from roomkit.providers.openai.audio import AUDIO_DELTA_TYPES, DeltaReader
from roomkit.providers.openai.calls import CallLog
from roomkit.providers.openai.events import ending_of, status_of, usage_of
from roomkit.providers.openai.exchange import Exchange
from roomkit.providers.openai.faults import ACTIVE_RESPONSE, fault_of, is_benign
from roomkit.providers.openai.rate_limits import RateLimits
from roomkit.providers.openai.responses import PLAIN
from roomkit.providers.openai.session import RATE_HZ, session_object, turn_policy
from roomkit.providers.openai.transcripts import TranscriptLog
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
from roomkit.voice.realtime.provider_events import (
    LinkReady,
    ProviderEvent,
    ResponseStarted,
    TranscriptFailed,
    tuple_of,
)
from roomkit.voice.wires.port import WireMessage


class OpenAIDialect:
    """One socket's worth of OpenAI Realtime."""

    def __init__(self) -> None:
        self._exchange = Exchange()
        self._transcripts = TranscriptLog()
        self._deltas = DeltaReader()
        self._calls = CallLog()
        self._rate_limits = RateLimits()
        self._opening_id = ""
        self._is_open = False

    # --- what we say --------------------------------------------------------------------------------------------

    def open(self, config: LinkConfig) -> list[WireMessage]:
        """See `Dialect.open`: the session's set-up, sent without waiting for ``session.created``."""
        message = self._session_update(config)
        self._opening_id = self._exchange.last_event_id
        return [message]

    def encode(self, command: Command) -> list[WireMessage]:
        """See `Dialect.encode`."""
        if type(command) is SendAudio:  # fifty a second, and four times faster than a pattern
            return [self._exchange.input.append(command.pcm)]
        match command:
            case SendAudio() | InputPaused() | BeginInput() | CommitInput():
                return self._exchange.encode(command)
            case CancelResponse(response_id):
                return self._exchange.cancel(response_id)
            case AskForResponse(instructions):
                return self._exchange.ask(PLAIN if instructions is None else {"instructions": instructions})
            case Speak(text):
                return self._exchange.ask(items.exact_speech(text))
            case UpdateSession(config):
                return [self._session_update(config)]
            case _:
                return self._encode_item(command)

    def _encode_item(
        self, command: TruncateOutput | DeleteItem | InjectText | InjectImage | RecallToolCall | ToolResult
    ) -> list[WireMessage]:
        match command:
            case TruncateOutput(item_id, audio_end_ms):
                heard = {"item_id": item_id, "content_index": 0, "audio_end_ms": max(1, audio_end_ms)}
                return [self._exchange.message("conversation.item.truncate", heard)]
            case DeleteItem(item_id):
                return [self._exchange.message("conversation.item.delete", {"item_id": item_id})]
            case InjectText(text, role, silent):
                return self._add(items.message_item(role, text), asks=not silent)
            case InjectImage(data, mime_type, silent):
                return self._add(items.image_item(data, mime_type), asks=not silent)
            case RecallToolCall(call_id, name, arguments):
                return self._add(items.call_item(call_id, name, arguments), asks=False)
            case ToolResult(call_id=call_id, output=output, asks=asks):
                return self._add(items.result_item(call_id, output), asks=asks)

    def _add(self, item: dict[str, Any], *, asks: bool) -> list[WireMessage]:
        message = self._exchange.message("conversation.item.create", {"item": item})
        return [message, *self._exchange.ask(PLAIN)] if asks else [message]

    def _session_update(self, config: LinkConfig) -> WireMessage:
        # the voice freezes at the first audio, which may be on its way; naming it then gets the whole update refused
        session = session_object(config, with_voice=not self._exchange.responses.has_begun)
        self._exchange.follow(turn_policy(config), holds_answers=config.hold_answers)
        return self._exchange.message("session.update", {"session": session})

    # --- what we hear -------------------------------------------------------------------------------------------

    def decode(self, message: WireMessage) -> Decoded:
        """See `Dialect.decode`."""
        if isinstance(message, str) and (audio := self._deltas.read(message)) is not None:
            return tuple_of(Decoded, ((audio,), ()))
        event = parse(message)
        kind = text_of(event, "type")
        if kind in AUDIO_DELTA_TYPES:
            return Decoded((self._deltas.parsed(event),))
        handler = self._HANDLERS.get(kind)
        return self._exchange.decode(kind, event) if handler is None else handler(self, event)

    def _session_updated(self, event: Json) -> Decoded:
        if self._is_open:
            return NOTHING
        self._is_open = True
        session_id = text_of(object_of(event, "session"), "id")
        return Decoded((LinkReady(RATE_HZ, RATE_HZ, session_id or None),))

    def _caller_words(self, event: Json) -> Decoded:
        return meaning(self._transcripts.grew("user", text_of(event, "item_id"), text_of(event, "delta")))

    def _caller_said(self, event: Json) -> Decoded:
        return meaning(self._transcripts.finished("user", text_of(event, "item_id"), text_of(event, "transcript")))

    def _caller_unheard(self, event: Json) -> Decoded:
        item_id = text_of(event, "item_id")
        self._transcripts.abandoned(item_id)
        return Decoded((TranscriptFailed(item_id, fault_of(object_of(event, "error")).code),))

    def _agent_words(self, event: Json) -> Decoded:
        ids = text_of(event, "item_id"), text_of(event, "delta"), text_of(event, "response_id")
        return meaning(self._transcripts.grew("assistant", *ids))

    def _agent_said(self, event: Json) -> Decoded:
        text = text_of(event, "transcript") or text_of(event, "text")
        ids = text_of(event, "item_id"), text, text_of(event, "response_id")
        return meaning(self._transcripts.finished("assistant", *ids))

    def _call_complete(self, event: Json) -> Decoded:
        return meaning(self._calls.told(event, text_of(event, "response_id")))

    def _response_created(self, event: Json) -> Decoded:
        response_id = text_of(object_of(event, "response"), "id")
        self._exchange.responses.created(response_id)
        return Decoded((ResponseStarted(response_id),))

    def _response_done(self, event: Json) -> Decoded:
        response = object_of(event, "response")
        response_id = text_of(response, "id")
        events: list[ProviderEvent] = [*self._transcripts.response_done(response_id)]
        if status_of(response) == "completed":  # the arguments of a cut answer may be half
            events += self._calls.told_by(response)
        events += ending_of(response_id, response, usage_of(response), self._rate_limits, fault_of)
        self._exchange.responses.done(response_id)
        return Decoded(tuple(events), tuple(self._exchange.due_request()))

    def _limits_told(self, event: Json) -> Decoded:
        self._rate_limits.told(event)
        return NOTHING

    def _error(self, event: Json) -> Decoded:
        error = object_of(event, "error")
        cause = text_of(error, "event_id")
        is_busy = text_of(error, "code") == ACTIVE_RESPONSE
        was_request = self._exchange.responses.refused(cause, is_busy=is_busy)
        if (was_request and is_busy) or is_benign(error):
            return NOTHING
        refuses_session = not self._is_open and cause in (self._opening_id, "")
        failed = self._rate_limits.refused(error) if was_request else ()
        return Decoded((*failed, fault_of(error, refuses_session=refuses_session)), tuple(self._exchange.due_request()))

    _HANDLERS: ClassVar[dict[str, Callable[[OpenAIDialect, Json], Decoded]]] = {
        "session.updated": _session_updated,
        "conversation.item.input_audio_transcription.delta": _caller_words,
        "conversation.item.input_audio_transcription.completed": _caller_said,
        "conversation.item.input_audio_transcription.failed": _caller_unheard,
        "response.created": _response_created,
        "response.output_audio_transcript.delta": _agent_words,
        "response.output_audio_transcript.done": _agent_said,
        "response.output_text.delta": _agent_words,
        "response.output_text.done": _agent_said,
        "response.function_call_arguments.done": _call_complete,
        "response.done": _response_done,
        "rate_limits.updated": _limits_told,
        "error": _error,
        # names of the beta
        "response.audio_transcript.delta": _agent_words,
        "response.audio_transcript.done": _agent_said,
        "response.text.delta": _agent_words,
        "response.text.done": _agent_said,
    }
