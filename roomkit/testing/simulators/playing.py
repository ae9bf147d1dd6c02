"""How a script is played, whoever's protocol: which step is current, what it waits for, what the client sent meanwhile.

A vendor's director is a `ScriptPlayer` that knows how its session hears, answers, transcribes and refuses. Pure: times
are arguments. Turns no step provides for get the default answer, so that any client can talk to a simulator.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

from roomkit.testing.simulators.connection import Output
from roomkit.testing.simulators.script import Script, differences
from roomkit.testing.simulators.speech import Speech
from roomkit.testing.simulators.steps import (
    CallTool,
    Drop,
    Expect,
    ExpectToolResult,
    Fault,
    Hear,
    Loop,
    Raw,
    Say,
    Stall,
    Step,
    Transcribe,
    Turn,
    Wait,
)

DEFAULT_TONE_MS: Final = 900
UNCLAIMED_EVENTS: Final = 1_000
"""Client messages kept for a later `expect`; a script that never expects must not grow with the call."""


class Stage(Protocol):
    """What a vendor's session must be for a script to be played on it."""

    is_over: bool

    @property
    def id(self) -> str: ...
    @property
    def due_ms(self) -> float | None: ...
    @property
    def heard(self) -> Collection[object]: ...
    def wake(self, now_ms: float) -> None: ...
    def take(self) -> Sequence[Output]: ...
    def send_raw(self, message: Mapping[str, Any] | str | bytes) -> None: ...
    def close(self, code: int, reason: str = "") -> None: ...


S = TypeVar("S", bound=Stage)


class ScriptPlayer(ABC, Generic[S]):
    """Makes ``session`` play ``script``, from where the script stands; see `connection.Director`."""

    def __init__(self, session: S, script: Script, now_ms: float) -> None:
        self.session = session
        self.script = script
        self._unclaimed: deque[Any] = deque(maxlen=UNCLAIMED_EVENTS)
        self._typed_words = ""
        self._waiting_until_ms: float | None = None
        self._silent_until_ms = 0.0
        self._now_ms = now_ms

    @property
    def id(self) -> str:
        """The session's name in the log."""
        return self.session.id

    @property
    def due_ms(self) -> float | None:
        """Loop time at which `wake` has something to do."""
        times_ms = [self.session.due_ms, self._waiting_until_ms]
        if self._silent_until_ms > self._now_ms:
            times_ms.append(self._silent_until_ms)
        return min((one for one in times_ms if one is not None), default=None)

    def wake(self, now_ms: float) -> None:
        """Do what has become due."""
        self._now_ms = now_ms
        self.session.wake(now_ms)
        if self._waiting_until_ms is not None and self._waiting_until_ms <= now_ms:
            self._waiting_until_ms = None
            self.script.advance()
        self._play()

    def attach(self, flush: Callable[[], None]) -> None:
        """Nothing comes by itself from a script: what is ready was asked for or is due."""

    def take(self) -> list[Output]:
        """What is to be sent now; nothing while the server is stalled."""
        return [] if self._silent_until_ms > self._now_ms else list(self.session.take())

    def gone(self) -> None:
        """The connection is over."""
        self.session.is_over = True

    # --- what a vendor adds -----------------------------------------------------------------------------------------

    @abstractmethod
    def _next_turn(self) -> Turn:
        """Take the oldest turn the session heard, and say how the caller took it."""

    @abstractmethod
    def _answer(self, step: Say | CallTool) -> bool:
        """Give the answer of the current step, if one is asked for."""

    @abstractmethod
    def _tool_output(self, name: str) -> tuple[Any] | None:
        """Take a tool's output, as it was sent, out of the unclaimed messages; of any tool where none is named."""

    @abstractmethod
    def _transcribe(self, step: Transcribe) -> None:
        """Deliver the transcript of the caller's latest audio turn."""

    @abstractmethod
    def _fail(self, fault: Fault) -> None:
        """Report an error as the vendor does."""

    @abstractmethod
    def _improvise(self) -> None:
        """No step provides for this turn: note what was heard and give the default answer."""

    def _left_script(self) -> None:
        """The client did something else than the script says."""
        self.session.close(1008, "the client left the script")

    # --- playing ----------------------------------------------------------------------------------------------------

    def _received(self, event: Mapping[str, Any], *, is_accepted: bool, is_audio: bool) -> None:
        """A message of the client's was handled by the session."""
        if is_accepted and not is_audio:
            self._unclaimed.append(event)
        if not is_audio or self.session.heard:
            self._play()

    def _play(self) -> None:
        while not self.session.is_over and (step := self.script.current) is not None:
            if not self._perform(step):
                break
        if not self.session.is_over and isinstance(self.script.current, Hear | None):
            self._improvise()

    def _perform(self, step: Step) -> bool:
        """Whether the step is done, the next one being current then."""
        match step:
            case Hear(turn):
                return self._hear(turn)
            case Say() | CallTool():
                return self._answer(step)
            case Expect(type_, fields):
                return self._expect(type_, fields)
            case ExpectToolResult(output, name):
                return self._expect_tool_result(output, name)
            case Wait(duration_ms):
                self._waiting_until_ms = self._waiting_until_ms or self._now_ms + duration_ms
                return False
            case _:
                self.script.advance()
                self._act(step)
                return True

    def _act(self, step: Step) -> None:
        """The steps that wait for nothing."""
        match step:
            case Transcribe():
                self._transcribe(step)
            case Stall(duration_ms):
                self._silent_until_ms = self._now_ms + duration_ms
            case Drop(code, reason):
                self.session.close(code, reason)
            case Fault():
                self._fail(step)
            case Raw(message):
                self.session.send_raw(message)
            case Loop():
                pass

    def _hear(self, wanted: Turn) -> bool:
        while self.session.heard:
            turn = self._next_turn()
            if wanted in ("any", turn):
                self._unclaimed.clear()
                self.script.advance()
                return True
        return False

    def _answer_steps(self) -> Iterator[Say | CallTool]:
        """The current answer step and those that belong to the same answer; each is done when it is asked for."""
        is_first = True
        while isinstance(step := self.script.current, Say | CallTool) and (is_first or step.together):
            self.script.advance()
            is_first = False
            yield step

    def _expect(self, type_: str, fields: Any) -> bool:
        while self._unclaimed:
            event = self._unclaimed.popleft()
            if event["type"] == type_:
                self._compare(fields, event)
                return True
        return False

    def _expect_tool_result(self, wanted: Any, name: str) -> bool:
        found = self._tool_output(name)
        if found is None:
            return False
        self._compare({"output": wanted}, {"output": _comparable(found[0], wanted)})
        return True

    def _compare(self, wanted: Any, got: Any) -> None:
        found = "\n".join(differences(wanted, got))
        if not found:
            self.script.advance()
            return
        self.script.fail(found)
        self._left_script()

    def _default_answer(self) -> Speech:
        """What is answered where no step says it."""
        typed, self._typed_words = self._typed_words, ""
        return Speech(f"You said: {typed}" if typed else "I heard you.", tone_ms=DEFAULT_TONE_MS)


def _comparable(output: Any, wanted: Any) -> Any:
    """A tool's output as JSON where it is text and is compared with something that is not."""
    if isinstance(wanted, str) or not isinstance(output, str):
        return output
    try:
        return json.loads(output)
    except ValueError:
        return output
