"""One more try for an answer a limit of the vendor's account failed: by somebody else at once, or later by the same.

Not in here: telling anybody (`SessionEvents` reports the fault), other links (what is owed goes with the conversation).
Invariants: a vendor is asked for one answer twice at most; whatever else begins an answer, or the caller says, is
instead of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from roomkit.voice.realtime.commands import AskForResponse, CancelResponse, Command, Speak
from roomkit.voice.realtime.provider_events import (
    InputCommitted,
    ProviderEvent,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
)

MAX_WAIT_MS: Final = 20_000.0
"""Nobody stays on a silent line longer; an answer that could come only later is one that failed."""


class SecondAsk:
    """Watches the answers of one session.

    Args:
        ask: Sends what asks for the answer once more.
        is_begun: Whether something of an answer came: that one is not begun again.
        has_other: Whether another vendor could give it now: then nobody waits for this one.
    """

    def __init__(
        self, ask: Callable[[Command], None], is_begun: Callable[[str], bool], has_other: Callable[[], bool]
    ) -> None:
        self._ask = ask
        self._is_begun = is_begun
        self._has_other = has_other
        self._timer: asyncio.TimerHandle | None = None
        self._asked_with: Command = AskForResponse()
        self._is_second = False

    @property
    def is_waiting(self) -> bool:
        """Whether an answer failed and will be asked for."""
        return self._timer is not None

    def sent(self, command: Command) -> None:
        """A command went to the link: what it asks with is what is asked again."""
        if isinstance(command, AskForResponse | Speak):
            self._asked_with = command
        elif isinstance(command, CancelResponse):
            self._new_turn()

    def note(self, event: ProviderEvent) -> Command | None:
        """What the link says. Returns what the answer will be asked for with that failed just now, if it will."""
        match event:
            case ResponseStarted():
                self.stop()
            case SpeechStarted() | InputCommitted():
                self._new_turn()
            case ResponseDone(response_id, "failed", retry_after_ms=float(wait_ms)) if not self._is_begun(response_id):
                return self._failed(wait_ms)
            case ResponseDone():
                self._new_turn()
            case _:
                pass
        return None

    def stop(self) -> None:
        """Nobody is asked any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _new_turn(self) -> None:
        self.stop()
        self._asked_with, self._is_second = AskForResponse(), False

    def _failed(self, wait_ms: float) -> Command | None:
        self.stop()
        if self._has_other():
            return self._asked_with
        if self._is_second or wait_ms > MAX_WAIT_MS:
            self._new_turn()
            return None
        self._timer = asyncio.get_running_loop().call_later(wait_ms / 1000.0, self._wake)
        return self._asked_with

    def _wake(self) -> None:
        self._timer, self._is_second = None, True
        self._ask(self._asked_with)
