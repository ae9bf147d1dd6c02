"""Gemini Live (BidiGenerateContent, 2026-11) as a dialect: commands to messages, messages to events.

It lives for one socket and composes what that socket's conversation needs: whose turn it is (`Turns`), what was asked
for (`Asking`), the caller's audio (`CallerInput`), tool calls (`CallLog`), words that were not spoken (`Content`). Not
in here: sockets, time, logs. Server messages are lowerCamel JSON in binary frames; text frames are read too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar, Final

from roomkit.providers.gemini.asking import Asking
from roomkit.providers.gemini.audio import ChunkReader, audio_of
from roomkit.providers.gemini.caller_input import CallerInput
from roomkit.providers.gemini.calls import CallLog
from roomkit.providers.gemini.content import Content, EarlyContent, TurnContent, dumps, exact_speech, image_message
from roomkit.providers.gemini.models import family_of
from roomkit.providers.gemini.setup import (
    INPUT_RATE_HZ,
    OUTPUT_RATE_HZ,
    content_of,
    instructions_of,
    scheduling_of,
    setup_of,
    tools_of,
    turn_policy,
)
from roomkit.providers.gemini.turns import Turns
from roomkit.providers.gemini.usage import usage_of
from roomkit.providers.shared.objects import Json, object_of, objects_of, parse, text_of
from roomkit.providers.shared.samples import SampleAligner
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
from roomkit.voice.realtime.dialect import Decoded, meaning
from roomkit.voice.realtime.provider_events import (
    Audio,
    GoingAway,
    LinkReady,
    ProviderEvent,
    Resumable,
    Role,
    ToolCallCancelled,
    tuple_of,
)
from roomkit.voice.wires.port import WireMessage

_DURATION: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")


class GeminiDialect:
    """One socket's worth of Gemini Live.

    Args:
        model: Its id; what it takes depends on its family.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._config = LinkConfig("")
        self._turns = Turns()
        self._asking = Asking()
        self._input = CallerInput()
        self._calls = CallLog()
        self._content: Content = TurnContent()
        self._chunks = ChunkReader()
        self._aligner = SampleAligner()
        self._scheduling = ""
        self._interrupts = True
        self._is_open = False

    # --- what we say --------------------------------------------------------------------------------------------

    def open(self, config: LinkConfig) -> list[WireMessage]:
        """See `Dialect.open`: the set-up, after which nothing may be sent until it is complete."""
        setup, policy = setup_of(self._model, config), turn_policy(config)
        self._config = config
        self._scheduling = scheduling_of(self._model, config)
        self._interrupts = policy.interrupts
        self._input.is_manual = policy.manual
        self._turns.number_link(config.number)
        self._turns.caller.hears_words = "inputAudioTranscription" in setup
        if not family_of(self._model).takes_turns:
            self._content = EarlyContent(has_begun=config.resume is not None)
        return [dumps({"setup": setup})]

    def encode(self, command: Command) -> list[WireMessage]:
        """See `Dialect.encode`."""
        if type(command) is SendAudio:  # fifty a second, and four times faster than a pattern
            return [*self._content.conversation_begins(), *self._input.append(command.pcm)]
        match command:
            case InjectText(text, role, silent=True):
                return [*self._content.tell(text, role)]
            case RecallToolCall():
                self._calls.recall(command)
                return []
            case ToolResult():
                return self._result(command)
            case TruncateOutput() | DeleteItem():
                return []  # history can only be added to; the profile says so, and the session does without
            case SendAudio() | InputPaused() | BeginInput() | CommitInput():
                return [*self._content.conversation_begins(), *self._input.encode(command)]
            case _:
                return [*self._content.conversation_begins(), *self._act(command)]

    def _act(
        self, command: AskForResponse | CancelResponse | InjectText | InjectImage | Speak | UpdateSession
    ) -> list[WireMessage]:
        match command:
            case AskForResponse(instructions):
                return self._ask(self._content.ask(instructions, "system"))
            case Speak(text):
                return self._ask(self._content.ask(exact_speech(text)))
            case InjectText(text, role):
                return self._typed(text, role)
            case InjectImage(data, mime_type, silent):
                return self._shown(data, mime_type, silent=silent)
            case CancelResponse():
                self._asking.withdraw()  # the service has no such command; the session stops listening
                return []
            case UpdateSession(config):
                return self._update(config)

    def _ask(self, message: str) -> list[WireMessage]:
        messages = self._asking.ask(message, is_answering=self._turns.is_answering)
        if messages:
            self._turns.asked()
        return messages

    def _typed(self, text: str, role: Role) -> list[WireMessage]:
        message = self._content.ask(text, role)
        if not self._interrupts:
            return self._ask(message)
        self._turns.asked()
        return [self._asking.asks(message)]

    def _shown(self, data: bytes, mime_type: str, *, silent: bool) -> list[WireMessage]:
        if silent:
            return [image_message(data, mime_type)]
        messages = self._content.show(data, mime_type)
        self._turns.asked()
        return [*messages[:-1], self._asking.asks(messages[-1])]

    def _result(self, result: ToolResult) -> list[WireMessage]:
        response = self._calls.response_to(result, self._scheduling)
        if response is not None:
            message = dumps({"toolResponse": {"functionResponses": [response]}})
            # while the call's own answer is open, what follows belongs to it
            return [message if self._turns.is_answering or not result.asks else self._asking.asks(message)]
        words = self._calls.words_for(result)
        if not words:
            return []
        if not result.asks:
            return [*self._content.tell(words, "system")]
        return [*self._content.conversation_begins(), *self._ask(self._content.ask(words, "system"))]

    def _update(self, config: LinkConfig) -> list[WireMessage]:
        before, self._config = self._config, config
        old, new = (instructions_of(self._model, each) for each in (before, config))
        if not family_of(self._model).updates_context:
            return [*self._content.tell(f"Your instructions from now on: {new}", "system")] if new != old else []
        update: dict[str, object] = {"systemInstruction": content_of(new)} if new != old else {}
        if (tools := tools_of(self._model, config)) != tools_of(self._model, before):
            update["tools"] = {"tools": tools}
            self._scheduling = scheduling_of(self._model, config)
        return [dumps({"contextUpdate": update})] if update else []

    # --- what we hear -------------------------------------------------------------------------------------------

    def decode(self, message: WireMessage) -> Decoded:
        """See `Dialect.decode`."""
        if isinstance(message, bytes) and (pcm := self._chunks.read(message)) is not None:
            if self._turns.current_id and not (self._aligner.has_rest or len(pcm) & 1):
                return tuple_of(Decoded, ((tuple_of(Audio, (pcm, self._turns.current_id, "")),), ()))
            return Decoded(tuple(self._heard(pcm)))
        event = parse(message)
        if usage := object_of(event, "usageMetadata"):
            self._turns.cost(usage_of(usage))
        events: list[ProviderEvent] = []
        for key, handler in self._HANDLERS.items():
            if isinstance(inside := event.get(key), dict):
                events += handler(self, inside)
        if not _ends_turn(object_of(event, "serverContent")):
            return meaning(*events)
        return Decoded(tuple(events), self._asking.over())

    def _heard(self, pcm: bytes) -> list[ProviderEvent]:
        events = self._agent_acts()
        audio = self._aligner.aligned(Audio(pcm, self._turns.current_id))
        return [*events, audio] if audio.pcm else events

    def _agent_acts(self) -> list[ProviderEvent]:
        """What is owed before anything of the agent's: the beginning of its answer, if this is it."""
        if self._turns.current_id:
            return []
        self._aligner = SampleAligner()
        return self._turns.begin(was_asked=self._asking.begun())

    def _set_up(self, done: Json) -> list[ProviderEvent]:
        if self._is_open:
            return []
        self._is_open = True
        session_id = text_of(done, "sessionId") or None
        return [LinkReady(INPUT_RATE_HZ, OUTPUT_RATE_HZ, session_id, is_resumed=self._config.resume is not None)]

    def _server_content(self, content: Json) -> list[ProviderEvent]:
        caller = self._turns.caller
        words = object_of(content, "inputTranscription")
        events = [*caller.said(text_of(words, "text"))]
        if words.get("finished") is True:
            events += caller.finished()
        events += caller.seems_to_say(text_of(object_of(content, "interimInputTranscription"), "text"))
        for part in objects_of(object_of(content, "modelTurn"), "parts"):
            if pcm := audio_of(dict(object_of(part, "inlineData"))):
                events += self._heard(pcm)
        if said := text_of(object_of(content, "outputTranscription"), "text"):
            if not self._turns.is_interrupted:  # or they trail behind the audio that was cut
                events += self._agent_acts()
            events += self._turns.said(said)
        if content.get("generationComplete") is True:
            self._turns.generated()
        if content.get("interrupted") is True:
            events += self._turns.interrupted()
        if _ends_turn(content):
            events += self._turn_complete(content)
        return events

    def _turn_complete(self, content: Json) -> list[ProviderEvent]:
        reason = text_of(content, "turnCompleteReason")
        if self._turns.is_answering:
            return self._turns.completed(reason)
        self._asking.begun()
        return self._turns.nothing_said(reason)

    def _tool_call(self, call: Json) -> list[ProviderEvent]:
        events = self._agent_acts()
        told = (self._calls.told(each, self._turns.current_id) for each in objects_of(call, "functionCalls"))
        return [*events, *(each for each in told if each is not None)]

    def _tool_call_cancelled(self, cancellation: Json) -> list[ProviderEvent]:
        given = cancellation.get("ids")
        ids = self._calls.cancelled(each for each in given if isinstance(each, str)) if isinstance(given, list) else ()
        return [ToolCallCancelled(ids)] if ids else []

    def _going_away(self, notice: Json) -> list[ProviderEvent]:
        left = _DURATION.fullmatch(text_of(notice, "timeLeft"))
        return [GoingAway(float(left[1]) * 1000 if left else 0.0)]

    def _resumable(self, update: Json) -> list[ProviderEvent]:
        handle = text_of(update, "newHandle")
        return [Resumable(handle)] if handle and update.get("resumable") is True else []

    def _voice_activity(self, activity: Json) -> list[ProviderEvent]:
        match text_of(activity, "voiceActivityType") or text_of(activity, "vadSignalType"):
            case "ACTIVITY_START" | "VAD_SIGNAL_TYPE_SOS":
                return [self._turns.caller.began()]
            case "ACTIVITY_END" | "VAD_SIGNAL_TYPE_EOS":
                return [self._turns.caller.stopped()]
            case _:
                return []

    _HANDLERS: ClassVar[dict[str, Callable[[GeminiDialect, Json], list[ProviderEvent]]]] = {
        "setupComplete": _set_up,
        "voiceActivity": _voice_activity,
        "voiceActivityDetectionSignal": _voice_activity,
        "serverContent": _server_content,
        "toolCall": _tool_call,
        "toolCallCancellation": _tool_call_cancelled,
        "sessionResumptionUpdate": _resumable,
        "goAway": _going_away,
    }


def _ends_turn(content: Json) -> bool:
    """Whether an answer ends here: models that think in the background complete several turns for one."""
    return content.get("turnComplete") is True and text_of(content, "interactionStatus") != "IN_PROGRESS"
