"""Answers we ask for: one at a time, the others wait here. Pure.

Gemini cuts a running answer for anything that is sent as content. So what may wait (the agent's own words, an answer
that is merely due) waits until the running one is over.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from roomkit.voice.wires.port import WireMessage

_MAX_WAITING: Final = 32
"""Nobody listens to more greetings than that in a row; the oldest is dropped."""


class Asking:
    """What has been asked for on this socket and has not begun, and what waits to be asked for."""

    def __init__(self) -> None:
        self.is_asked = False
        self._is_unwanted = False
        self._waiting: deque[WireMessage] = deque(maxlen=_MAX_WAITING)

    def ask(self, message: WireMessage, *, is_answering: bool) -> list[WireMessage]:
        """Ask now if nothing is being said or about to be, else when that is over; the same twice is once."""
        if (is_answering or self.is_asked) and not self._is_unwanted:
            if message not in self._waiting:
                self._waiting.append(message)
            return []
        return [self.asks(message)]

    def asks(self, message: WireMessage) -> WireMessage:
        """Note that ``message``, which goes out now, asks for an answer."""
        self.is_asked = True
        self._is_unwanted = False
        return message

    def begun(self) -> bool:
        """An answer begins. Returns whether we had asked for it."""
        was_asked, self.is_asked = self.is_asked, False
        self._is_unwanted = False
        return was_asked

    def over(self) -> tuple[WireMessage, ...]:
        """An answer is over: what is due next."""
        self._is_unwanted = False
        if self.is_asked or not self._waiting:
            return ()
        return (self.asks(self._waiting.popleft()),)

    def withdraw(self) -> None:
        """Nothing that was asked for is wanted any more; the running answer need not be waited for."""
        self._waiting.clear()
        self._is_unwanted = True
