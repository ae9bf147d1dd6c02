"""One caller's live cascade: commands in, events out; it owns what is being heard, thought and said.

Not in here: how speech is recognised (`listening`) and spoken (`speaking`). Invariants: one answer at a time, the next
starts when it is over and the caller is quiet; after `close` no event is emitted and no task runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

from roomkit._aio import Supervisor
from roomkit.clock import Clock
from roomkit.errors import ConfigError, ProviderError
from roomkit.voice.pipeline.history import History
from roomkit.voice.pipeline.listening import Ear
from roomkit.voice.pipeline.model import Piece, Said, SpeechRate, TextModel, ToolAnswered, ToolAsked, ToolRequest
from roomkit.voice.pipeline.sentences import Sentences
from roomkit.voice.pipeline.settings import TurnSettings
from roomkit.voice.pipeline.speaking import Voice
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
from roomkit.voice.realtime.provider import ProviderSink, SpeechGate
from roomkit.voice.realtime.provider_events import (
    ProviderEvent,
    ProviderFault,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    ToolCall,
)
from roomkit.voice.stt.base import SpeechToText
from roomkit.voice.tts.base import TextToSpeech
from roomkit.voice.turn.endpointing import Judge
from roomkit.voice.vad.base import Vad

logger = logging.getLogger(__name__)

SLOWEST, FASTEST = 0.5, 2.0
"""Speeds of speech outside these are no longer understood."""

_Owed = AskForResponse | Speak


@dataclass(frozen=True, slots=True)
class Parts:
    """What all links of a provider share."""

    stt: SpeechToText
    tts: TextToSpeech
    model: TextModel
    vad: Callable[[], Vad]
    judge: Judge
    clock: Clock


class CascadeLink:
    """One live conversation; made by `CascadeProvider`."""

    def __init__(self, parts: Parts, config: LinkConfig, settings: TurnSettings, vad: Vad, sink: ProviderSink) -> None:
        self._parts = parts
        self._settings = settings
        self._sink: ProviderSink | None = sink
        self._tasks = Supervisor(f"{config.session_id}:cascade")
        self._history = History()
        self._owed: deque[_Owed] = deque()
        self._answering: asyncio.Task[None] | None = None
        self._response_id = ""
        self._rate = 1.0
        self._warned: set[str] = set()
        self._configure(config)
        self._ear = Ear(
            self, vad=vad, stt=parts.stt, judge=parts.judge, policy=settings.policy, manual=settings.manual,
            clock=parts.clock, tasks=self._tasks,
        )  # fmt: skip

    # --- what the session tells us ----------------------------------------------------------------------------------

    def send(self, command: Command) -> None:
        """See `ProviderLink.send`."""
        if isinstance(command, InjectImage):
            raise ConfigError("the voice cascade sees no images; use a provider whose profile says images=True")
        if self._sink is None:
            return
        match command:
            case SendAudio(pcm):
                self._ear.feed(pcm)
            case InputPaused() | CommitInput():
                self._ear.commit()
            case BeginInput():
                self._ear.begin()
            case CancelResponse(response_id):
                if response_id in ("", self._response_id):
                    self._cancel_answer()
            case UpdateSession(config):
                self._configure(config)
            case _:
                self._converse(command)

    def _converse(self, command: Command) -> None:
        match command:
            case InjectText(text, role, silent):
                self._history.add(Said(role, text, self._parts.clock.new_id("item")))
                if not silent:
                    self._owe(AskForResponse())
            case AskForResponse() | Speak():
                self._owe(command)
            case TruncateOutput(item_id, audio_end_ms):
                self._history.truncate(item_id, audio_end_ms)
            case DeleteItem(item_id):
                self._history.delete(item_id)
            case RecallToolCall(call_id, name, arguments):
                self._history.add(ToolAsked(call_id, name, arguments))
            case ToolResult(call_id, name, output, asks):
                self._history.add(ToolAnswered(call_id, name, output))
                if asks:
                    self._owe(AskForResponse())

    def _configure(self, config: LinkConfig) -> None:
        self._config = config
        if config.temperature is not None:
            self._warn_once("temperature is ignored: set it on the text model of the cascade")
        if config.vendor_tools:
            self._warn_once("vendor-native tools are ignored: the cascade takes function tools")
        self._voice = config.voice
        if config.voice is not None and not self._parts.tts.knows_voice(config.voice):
            self._voice = None
            self._warn_once("the synthesiser does not know the voice asked for: its own is used")

    def _warn_once(self, message: str) -> None:
        if message not in self._warned:
            self._warned.add(message)
            logger.warning("session %s: %s", self._config.session_id, message)

    @property
    def buffered_bytes(self) -> int:
        """Always 0: there is no wire."""
        return 0

    async def close(self) -> None:
        """See `ProviderLink.close`."""
        self._sink = None
        self._ear.close()
        self._owed.clear()
        await self._tasks.close()

    # --- what the ear tells us --------------------------------------------------------------------------------------

    def emit(self, event: ProviderEvent) -> None:
        """Deliver an event, unless the link is closed."""
        if self._sink is not None:
            self._sink.on_event(event)

    def on_speech(self) -> None:
        if self._settings.interrupts:
            self._cancel_answer()

    def on_turn(self, item_id: str, text: str) -> None:
        self._history.add(Said("user", text, item_id))
        if self._settings.answers:
            self._owe(AskForResponse())

    def on_quiet(self) -> None:
        self._answer_next()

    # --- answering --------------------------------------------------------------------------------------------------

    def _owe(self, answer: _Owed) -> None:
        if isinstance(answer, AskForResponse):
            # Two asks before an answer want one answer; the newer may carry instructions.
            self._owed = deque(owed for owed in self._owed if isinstance(owed, Speak))
        self._owed.append(answer)
        self._answer_next()

    def _answer_next(self) -> None:
        if self._answering is not None or not self._owed or not self._may_speak or self._sink is None:
            return
        owed = self._owed.popleft()
        self._response_id = self._parts.clock.new_id("response")
        self._answering = self._tasks.start(self._answer(owed, self._response_id), name=self._response_id)
        self._answering.add_done_callback(self._answered)

    @property
    def _may_speak(self) -> bool:
        caller_speaks = self._ear.is_speaking and (self._settings.interrupts or self._settings.manual)
        return not caller_speaks and not self._ear.is_concluding

    def _cancel_answer(self) -> None:
        if self._answering is not None:
            self._answering.cancel()

    def _answered(self, _: asyncio.Task[None]) -> None:
        self._answering = None
        self._answer_next()

    async def _answer(self, owed: _Owed, response_id: str) -> None:
        """Give one answer; whatever happens, it ends with exactly one `ResponseDone`."""
        self.emit(ResponseStarted(response_id))
        voice = Voice(
            self.emit, self._history, tts=self._parts.tts, clock=self._parts.clock,
            response_id=response_id, item_id=self._parts.clock.new_id("item"), gate=self._gate_of(owed),
        )  # fmt: skip
        status: ResponseStatus = "failed"
        try:
            requests = await self._say_all(self._pieces(owed), voice)
            status = "completed"
        except asyncio.CancelledError:
            status = "cancelled"
            raise
        except ProviderError as error:
            self.emit(ProviderFault(error.code or "cascade_failed", str(error), retryable=error.retryable))
        except Exception as error:  # the model is the application's code: its defect costs one answer, not the call
            logger.exception("session %s: the text model failed", self._config.session_id)
            self.emit(ProviderFault("model_failed", f"the text model raised {type(error).__name__}"))
        else:
            self._request_tools(requests, response_id)
        finally:
            voice.finish()
            self.emit(ResponseDone(response_id, status))

    def _gate_of(self, owed: _Owed) -> SpeechGate | None:
        """Who judges the sentences of an answer; a `Speak` was judged by who sent it."""
        return self._sink if isinstance(self._sink, SpeechGate) and not isinstance(owed, Speak) else None

    def _pieces(self, owed: _Owed) -> AsyncGenerator[Piece, None]:
        if isinstance(owed, Speak):
            return _just(owed.text)
        wishes = [text for text in (self._config.instructions, owed.instructions) if text]
        conversation = self._history.conversation("\n\n".join(wishes) or None)
        return self._parts.model.reply(conversation, tools=self._config.tools)

    async def _say_all(self, pieces: AsyncGenerator[Piece, None], voice: Voice) -> list[ToolRequest]:
        sentences = Sentences()
        requests: list[ToolRequest] = []
        async with contextlib.aclosing(pieces):
            async for piece in pieces:
                match piece:
                    case ToolRequest():
                        requests.append(piece)
                    case SpeechRate(factor):
                        self._rate = min(FASTEST, max(SLOWEST, self._rate * factor))
                    case _:
                        for sentence in sentences.feed(piece):
                            await voice.say(sentence, voice=self._voice, rate=self._rate)
        for sentence in sentences.flush():
            await voice.say(sentence, voice=self._voice, rate=self._rate)
        return requests

    def _request_tools(self, requests: list[ToolRequest], response_id: str) -> None:
        for request in requests:
            call_id = self._parts.clock.new_id("call")
            self._history.add(ToolAsked(call_id, request.name, request.arguments))
            self.emit(ToolCall(call_id, request.name, request.arguments, response_id))


async def _just(text: str) -> AsyncGenerator[Piece, None]:
    yield text
