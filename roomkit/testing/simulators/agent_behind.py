"""The agent behind a simulator in live mode: one link of a voice cascade, in terms that every vendor's protocol has.

Plain calls go in (the caller's audio, their turns, typed words, tools' results, requests for an answer), values come
out (`Told`); the vendor's director turns the one into the other. Whether a turn began or ended is the simulator's to
say: the link takes its turns by hand. Invariants: one answer at a time; of an answer that was cancelled nothing is
told any more but that it is over; after `close` nothing is told, and the link is closed by one of the tasks given.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from roomkit._aio import Supervisor
from roomkit.errors import RoomKitError
from roomkit.testing.simulators.agent_told import Broken, Over, Sound, Told, Understood, WantsTool, Words
from roomkit.testing.simulators.pauses import Pauses
from roomkit.testing.simulators.speech_level import SpeechLevel
from roomkit.voice.audio.resample import Resampler
from roomkit.voice.pipeline.provider import CascadeProvider
from roomkit.voice.realtime.commands import (
    AskForResponse,
    BeginInput,
    CancelResponse,
    Command,
    CommitInput,
    DeleteItem,
    InjectText,
    LinkConfig,
    RecallToolCall,
    SendAudio,
    Speak,
    ToolResult,
    ToolSpec,
    TruncateOutput,
    UpdateSession,
)
from roomkit.voice.realtime.provider import ProviderLink
from roomkit.voice.realtime.provider_events import (
    Audio,
    LinkReady,
    ProviderEvent,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    Role,
    ToolCall,
    Transcript,
    TranscriptFailed,
)

logger = logging.getLogger(__name__)

MOST_WAITING: Final = 1_000
"""Commands kept until the link is open, which takes milliseconds: 20 s of audio in the usual pieces."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """Audio that came before the link said which rate it wants."""

    pcm: bytes = field(repr=False)
    rate_hz: int


class AgentBehind:
    """Listens and speaks for one connection; made by `LiveAgents.begin`. It is the sink of its own link."""

    def __init__(
        self, provider: CascadeProvider, session_id: str, told: Callable[[Told], None], tasks: Supervisor
    ) -> None:
        self._told: Callable[[Told], None] | None = told
        self._tasks = tasks
        self._link: ProviderLink | None = None
        self._waiting: list[Command | _Heard] = []
        self._config = LinkConfig(session_id, provider_config={"turn_detection": None}, hold_answers=True)
        self._input_hz = self._output_hz = 0
        self._ear: Resampler | None = None
        self._ear_from_hz = 0
        self._mouth: Resampler | None = None
        self._answer_hz = 0
        self._turns: deque[str | None] = deque()
        self._pauses: Pauses | None = None
        self._to_forget: list[str] = []
        self._item_id = self._words = ""
        self._is_asked = self._is_wanted = False
        self._response_id = ""
        self._speech = SpeechLevel(provider.new_vad())
        tasks.start(self._open(provider), name=f"{session_id}:open")

    async def _open(self, provider: CascadeProvider) -> None:
        try:
            link = await provider.open_link(self._config, self)
        except RoomKitError as error:
            logger.warning("no agent for this connection: %s", error)
            self._tell(Broken(str(error)))
            return
        if self._told is None:
            await link.close()
            return
        waiting, self._waiting = self._waiting, []
        self._link = link
        for one in waiting:
            if isinstance(one, _Heard):
                self.hear(one.pcm, one.rate_hz)
            else:
                self._send(one)

    def close(self) -> None:
        """The connection is over. Idempotent."""
        self._told = None
        self._waiting.clear()
        link, self._link = self._link, None
        if link is not None:
            self._tasks.start(link.close(), name=f"{self._config.session_id}:close")

    # --- the caller -------------------------------------------------------------------------------------------------

    def hear(self, pcm: bytes, rate_hz: int) -> None:
        """The caller's next audio: PCM16 LE mono, whole samples; it counts from shortly before `begin_turn`."""
        if self._link is None:
            self._wait(_Heard(pcm, rate_hz))
            return
        if rate_hz != self._ear_from_hz or self._ear is None:
            self._ear_from_hz, self._ear = rate_hz, Resampler(rate_hz, self._input_hz)
        heard = self._ear.feed(pcm)
        self._send(SendAudio(heard if self._pauses is None else self._pauses.feed(heard)))

    def speech_probability(self, pcm: bytes, rate_hz: int) -> float:
        """How surely the caller's audio is speech by now; all of it in order, beside `hear`."""
        return self._speech.feed(pcm, rate_hz)

    def begin_turn(self) -> None:
        """The caller speaks; again while they do: nothing changes."""
        if self._pauses is None:
            self._pauses = Pauses(self._input_hz or self._config.input_rate_hz)
            self._send(BeginInput())

    def end_turn(self, turn_id: str | None) -> None:
        """The caller's turn is over: `Understood` will say what it was; ``None``: what they said shall be forgotten."""
        if turn_id is None and self._pauses is None:
            return
        self.begin_turn()  # a link in which no turn is open would not answer to the commit
        self._pauses = None
        self._turns.append(turn_id)
        self._send(CommitInput())

    # --- the conversation -------------------------------------------------------------------------------------------

    def configure(self, instructions: str | None, tools: Sequence[ToolSpec]) -> None:
        """What the client set up."""
        config = LinkConfig(
            self._config.session_id, instructions=instructions, tools=tuple(tools),
            provider_config=self._config.provider_config, hold_answers=True,
        )  # fmt: skip
        if config != self._config:
            self._config = config
            self._send(UpdateSession(config))

    def read(self, text: str, role: Role = "user") -> None:
        """Typed or remembered words."""
        if text:
            self._send(InjectText(text, role, silent=True))

    def recall(self, call_id: str, name: str, arguments: str) -> None:
        """A tool call of an earlier connection, which the client replays."""
        self._send(RecallToolCall(call_id, name, arguments))

    def result(self, call_id: str, name: str, output: str) -> None:
        """What a tool returned."""
        self._send(ToolResult(call_id, name, output, asks=False))

    # --- answers ----------------------------------------------------------------------------------------------------

    @property
    def is_free(self) -> bool:
        """Whether an answer may be asked for."""
        return not self._is_wanted and not self._response_id

    def ask(self, rate_hz: int, *, instructions: str | None = None, verbatim: str | None = None) -> None:
        """Ask for an answer, which then comes as `Words`, `Sound`, `WantsTool` and `Over`.

        Args:
            rate_hz: Of its sound.
            instructions: For this answer alone.
            verbatim: What is to be said, word for word.
        """
        self._is_wanted, self._answer_hz = True, rate_hz
        self._mouth, self._words = None, ""
        if self._is_asked:
            return  # an answer nobody wanted any more before it had begun: it is this one now
        self._is_asked = True
        self._send(Speak(verbatim) if verbatim else AskForResponse(instructions))

    def cancel(self) -> None:
        """Stop the answer, if one is being given."""
        if not self._is_wanted:
            return
        self._is_wanted = False
        if self._response_id:
            self._send(CancelResponse(self._response_id))

    def truncate(self, item_id: str, heard_ms: float) -> None:
        """The caller heard only so much of what a `Sound` named so."""
        self._send(TruncateOutput(item_id, max(1, round(heard_ms))))

    def forget(self, item_id: str) -> None:
        """What a `Sound` named so was never said."""
        self._send(DeleteItem(item_id))

    # --- what the link says -----------------------------------------------------------------------------------------

    def on_event(self, event: ProviderEvent) -> None:
        """See `ProviderSink`."""
        for item_id in self._to_forget:  # only now: the link notes a turn after it has told its words
            self._send(DeleteItem(item_id))
        self._to_forget.clear()
        match event:
            case LinkReady(input_rate_hz, output_rate_hz):
                self._input_hz, self._output_hz = input_rate_hz, output_rate_hz
            case Transcript("user", text, True, item_id):
                self._turn_heard(item_id, text)
            case TranscriptFailed(item_id):
                self._turn_heard(item_id, None)
            case ResponseStarted(response_id):
                self._is_asked, self._response_id, self._item_id = False, response_id, ""
                if not self._is_wanted:
                    self._send(CancelResponse(response_id))
            case ResponseDone(_, status):
                self._answer_over(status)
            case Audio() | Transcript() | ToolCall() if self._is_wanted and self._response_id:
                self._answer(event)

    async def settled(self) -> None:
        """See `ProviderSink.settled`."""

    def _answer(self, event: Audio | Transcript | ToolCall) -> None:
        match event:
            case Audio():
                self._item_id = event.item_id
                self._sound(self._convert(event.pcm))
            case Transcript("assistant", text):
                new, self._words = text[len(self._words) :], text
                if new:
                    self._tell(Words(new))
            case ToolCall(call_id, name, arguments):
                self._tell(WantsTool(call_id, name, arguments))

    def _convert(self, pcm: bytes) -> bytes:
        if self._mouth is None:
            self._mouth = Resampler(self._output_hz, self._answer_hz)
        return self._mouth.feed(pcm)

    def _sound(self, pcm: bytes) -> None:
        if pcm:
            self._tell(Sound(pcm, self._item_id))

    def _answer_over(self, status: ResponseStatus) -> None:
        if self._is_wanted and self._mouth is not None:
            self._sound(self._mouth.flush())
        self._is_wanted, self._response_id = False, ""
        self._tell(Over(status))

    def _turn_heard(self, item_id: str, text: str | None) -> None:
        turn_id = self._turns.popleft() if self._turns else None
        if turn_id is None:
            self._to_forget.append(item_id)
        else:
            self._tell(Understood(turn_id, text))

    def _tell(self, told: Told) -> None:
        if self._told is not None:
            self._told(told)

    def _send(self, command: Command) -> None:
        if self._link is not None:
            self._link.send(command)
        else:
            self._wait(command)

    def _wait(self, one: Command | _Heard) -> None:
        if self._told is not None and len(self._waiting) < MOST_WAITING:
            self._waiting.append(one)
