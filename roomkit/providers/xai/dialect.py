"""xAI's voice agent (2026-11) as a dialect: commands to messages, messages to events.

It lives for one socket. The protocol is OpenAI's with differences, so it composes that dialect's parts - whose turn it
is (`Exchange`), the agent's words (`TranscriptLog`), audio by text scan (`DeltaReader`) - and has its own where the
vendors part: how a link comes up (`Opening`), snapshots of the caller's words (`CallerTranscripts`), one request for
all results (`ToolRound`). Not in here: sockets, time, logs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Final

from roomkit.errors import ConfigError
from roomkit.providers.openai.audio import AUDIO_DELTA_TYPES, DeltaReader
from roomkit.providers.openai.events import ending_of, status_of
from roomkit.providers.openai.exchange import Exchange, Request, response_request
from roomkit.providers.openai.faults import is_benign
from roomkit.providers.openai.items import message_item
from roomkit.providers.openai.rate_limits import RateLimits
from roomkit.providers.openai.responses import PLAIN, ResponseParams
from roomkit.providers.openai.transcripts import TranscriptLog
from roomkit.providers.shared.objects import Json, object_of, parse, text_of
from roomkit.providers.xai.faults import error_of, fault_of, is_busy
from roomkit.providers.xai.items import late_result_item, result_item, spoken_item
from roomkit.providers.xai.opening import Opening
from roomkit.providers.xai.session import NO_DEFAULTS, Defaults, session_object, turn_policy
from roomkit.providers.xai.tool_round import ToolRound
from roomkit.providers.xai.transcripts import CallerTranscripts, start_ms_of
from roomkit.providers.xai.usage import usage_of
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
    ProviderEvent,
    ResponseStarted,
    SpokenWords,
    TranscriptFailed,
    tuple_of,
)
from roomkit.voice.wires.port import WireMessage

_SPOKEN: Final = "force_message"
"""Marks a request of `ResponseFlow` that is an item to be spoken: the server makes a response of it by itself."""


class XAIDialect:
    """One socket's worth of xAI's voice agent.

    Args:
        defaults: Where a `LinkConfig` does not say.
    """

    def __init__(self, defaults: Defaults = NO_DEFAULTS) -> None:
        self._defaults = defaults
        self._opening = Opening()
        self._exchange = Exchange(_request)
        self._caller_words = CallerTranscripts()
        self._agent_words = TranscriptLog()
        self._deltas = DeltaReader()
        self._round = ToolRound()
        self._rate_limits = RateLimits()

    # --- what we say --------------------------------------------------------------------------------------------

    def open(self, config: LinkConfig) -> list[WireMessage]:
        """See `Dialect.open`: the session's set-up, sent without waiting for ``session.created``."""
        self._opening.begin(config)
        message = self._session_update(config)
        self._opening.sent(self._exchange.last_event_id)
        return [message]

    def encode(self, command: Command) -> list[WireMessage]:
        """See `Dialect.encode`."""
        if type(command) is SendAudio:  # fifty a second, and four times faster than a pattern
            return [self._exchange.input.append(command.pcm)]
        match command:
            case SendAudio() | InputPaused() | BeginInput() | CommitInput():
                return self._exchange.encode(command)
            case CancelResponse(response_id):
                return self._exchange.cancel(response_id, names_it=False)
            case AskForResponse(instructions):
                return self._exchange.ask(PLAIN if instructions is None else {"instructions": instructions})
            case Speak(text):
                return self._exchange.ask({_SPOKEN: text})
            case UpdateSession(config):
                return [self._session_update(config)]
            case _:
                return self._encode_item(command)

    def _encode_item(
        self, command: TruncateOutput | DeleteItem | InjectText | InjectImage | RecallToolCall | ToolResult
    ) -> list[WireMessage]:
        match command:
            case TruncateOutput(item_id, audio_end_ms):  # undocumented, maybe never acknowledged: nothing waits for it
                heard = {"item_id": item_id, "content_index": 0, "audio_end_ms": max(1, audio_end_ms)}
                return [self._exchange.message("conversation.item.truncate", heard)]
            case DeleteItem(item_id):
                return [self._exchange.message("conversation.item.delete", {"item_id": item_id})]
            case InjectText(text, role, silent):
                return self._add(message_item(role, text), asks=not silent)
            case InjectImage():
                raise ConfigError("xAI's voice agent sees no images: describe the picture, or use another provider")
            case RecallToolCall():  # history is text here; the result that follows says what it was for
                return []
            case ToolResult(call_id, name, output, asks):
                return self._return(call_id, name, output, asks=asks)

    def _add(self, item: dict[str, Any], *, asks: bool) -> list[WireMessage]:
        message = self._item(item)
        return [message, *self._exchange.ask(PLAIN)] if asks else [message]

    def _return(self, call_id: str, name: str, output: str, *, asks: bool) -> list[WireMessage]:
        if not self._round.knows(call_id):
            return self._add(late_result_item(name, output), asks=asks)
        results = self._round.returned(call_id, result_item(call_id, output), asks=asks)
        return [*map(self._item, results), *self._request_after_results()]

    def _request_after_results(self) -> list[WireMessage]:
        if self._round.takes_request():
            self._exchange.responses.ask(PLAIN)
        return self._exchange.due_request()

    def _item(self, item: dict[str, Any]) -> str:
        return self._exchange.message("conversation.item.create", {"item": item})

    def _session_update(self, config: LinkConfig) -> str:
        session = session_object(config, self._opening.rates, self._defaults)
        self._exchange.input.rate_hz = self._opening.rates.input_hz
        self._exchange.follow(turn_policy(config), holds_answers=config.hold_answers)
        self._round.declare((tool.name for tool in config.tools), with_native_tools=bool(config.vendor_tools))
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

    def _session_created(self, event: Json) -> Decoded:
        self._opening.session_created(event)
        return NOTHING

    def _conversation_created(self, event: Json) -> Decoded:
        self._opening.conversation_created(event)
        return NOTHING

    def _item_added(self, event: Json) -> Decoded:
        self._opening.item_added()
        return NOTHING

    def _session_updated(self, event: Json) -> Decoded:
        events = self._opening.session_updated(event)
        self._exchange.input.rate_hz = self._opening.rates.input_hz
        return Decoded((*events,))

    def _committed(self, event: Json) -> Decoded:
        self._caller_words.committed(text_of(event, "item_id"))
        return self._exchange.decode(text_of(event, "type"), event)

    def _caller_snapshot(self, event: Json) -> Decoded:
        return meaning(self._caller_words.snapshot(text_of(event, "item_id"), text_of(event, "transcript")))

    def _caller_said(self, event: Json) -> Decoded:
        item_id, words = text_of(event, "item_id"), text_of(event, "transcript")
        if text_of(event, "status") == "in_progress":
            return meaning(self._caller_words.snapshot(item_id, words, is_whole=True))
        return meaning(self._caller_words.finished(item_id, words))

    def _caller_unheard(self, event: Json) -> Decoded:
        item_id = text_of(event, "item_id")
        self._caller_words.abandoned(item_id)
        return Decoded((TranscriptFailed(item_id, fault_of(error_of(event)).code),))

    def _agent_speaks(self, event: Json) -> Decoded:
        item_id, words, response_id = (text_of(event, key) for key in ("item_id", "delta", "response_id"))
        said = self._agent_words.grew("assistant", item_id, words, response_id)
        start_ms = start_ms_of(event)
        if said is None or start_ms is None:
            return meaning(said)
        return Decoded((SpokenWords(words, start_ms, response_id, item_id), said))

    def _agent_said(self, event: Json) -> Decoded:
        text = text_of(event, "transcript") or text_of(event, "text")
        ids = text_of(event, "item_id"), text, text_of(event, "response_id")
        return meaning(self._agent_words.finished("assistant", *ids))

    def _call_complete(self, event: Json) -> Decoded:
        return Decoded((*self._round.called(event),))

    def _response_created(self, event: Json) -> Decoded:
        response_id = text_of(object_of(event, "response"), "id")
        self._exchange.responses.created(response_id)
        return Decoded((*self._caller_words.answer_began(), ResponseStarted(response_id)))

    def _response_done(self, event: Json) -> Decoded:
        response = object_of(event, "response")
        response_id = text_of(response, "id") or text_of(event, "response_id")
        events: list[ProviderEvent] = [*self._caller_words.answer_ended()]
        events += self._agent_words.response_done(response_id)
        if status_of(response) == "completed":  # the arguments of a cut answer may be half
            events += self._round.called_by(response)
        events += ending_of(response_id, response, usage_of(event), self._rate_limits, fault_of)
        self._exchange.responses.done(response_id)
        results = self._round.response_done(response_id)
        return Decoded((*events,), (*map(self._item, results), *self._request_after_results()))

    def _limits_told(self, event: Json) -> Decoded:
        self._rate_limits.told(event)
        return NOTHING

    def _error(self, event: Json) -> Decoded:
        error = error_of(event)
        cause, busy = text_of(error, "event_id"), is_busy(error)
        was_request = self._exchange.responses.refused(cause, is_busy=busy)
        if (was_request and busy) or is_benign(error):
            return NOTHING
        fault = fault_of(error, refuses_session=self._opening.is_refused_by(cause))
        failed = self._rate_limits.refused(error) if was_request else ()
        return Decoded((*failed, fault), (*self._exchange.due_request(),))

    _HANDLERS: ClassVar[dict[str, Callable[[XAIDialect, Json], Decoded]]] = {
        "session.created": _session_created,
        "session.updated": _session_updated,
        "conversation.created": _conversation_created,
        "conversation.item.added": _item_added,
        "input_audio_buffer.committed": _committed,
        "conversation.item.input_audio_transcription.updated": _caller_snapshot,
        "conversation.item.input_audio_transcription.completed": _caller_said,
        "conversation.item.input_audio_transcription.failed": _caller_unheard,
        "response.created": _response_created,
        "response.output_audio_transcript.delta": _agent_speaks,
        "response.output_audio_transcript.done": _agent_said,
        "response.output_text.delta": _agent_speaks,
        "response.output_text.done": _agent_said,
        "response.text.delta": _agent_speaks,
        "response.text.done": _agent_said,
        "response.function_call_arguments.done": _call_complete,
        "response.done": _response_done,
        "rate_limits.updated": _limits_told,
        "error": _error,
    }


def _request(params: ResponseParams) -> Request:
    """The message for a wanted answer: words to be said as they are make an item, and the server a response of it."""
    if _SPOKEN in params:
        return "conversation.item.create", {"item": spoken_item(params[_SPOKEN])}
    return response_request(params)
