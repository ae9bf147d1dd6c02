"""The service makes one response at a time; this decides when the next may be asked for. Pure.

A response is in flight from the moment its request is *sent* until it is done, or refused by an error that names the
request; responses the server's voice detection starts by itself count too. What is asked meanwhile waits. Where such a
server-made response wins the race against our request, the request is refused as
``conversation_already_has_active_response`` and waits again. While the caller speaks, plain requests wait too, and the
answer the server gives by itself covers them: else the agent would talk over the caller and then leave that turn
unanswered, its place taken. Invariant: never a second request while one is in flight.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Final

ResponseParams = dict[str, Any]
"""The ``response`` object of a ``response.create``; empty: answer as the session is set up."""

PLAIN: Final[ResponseParams] = {}

_MAX_WAITING: Final = 32
"""Nobody listens to more greetings than that in a row; the oldest is dropped."""

_UNKNOWN_ID: Final = "?"
"""Stands for a response the server says is active and has not announced."""


@dataclass(frozen=True, slots=True)
class _Request:
    event_id: str
    params: ResponseParams


class ResponseFlow:
    """Which response is in flight, and which requests wait for its end."""

    def __init__(self) -> None:
        self._requested: _Request | None = None
        self._active_id = ""
        self._waiting: deque[ResponseParams] = deque(maxlen=_MAX_WAITING)
        self._has_begun = False
        self._is_answer_coming = False

    @property
    def is_in_flight(self) -> bool:
        """Whether a response is being made, or was asked for."""
        return self._requested is not None or bool(self._active_id)

    @property
    def has_begun(self) -> bool:
        """Whether there has been a response at all."""
        return self._has_begun

    @property
    def active_id(self) -> str:
        """The response being made; ``""`` while none is, or its id has not been told."""
        return "" if self._active_id == _UNKNOWN_ID else self._active_id

    def ask(self, params: ResponseParams) -> None:
        """Want a response. A plain request that waits already covers another plain one."""
        if params or params not in self._waiting:
            self._waiting.append(params)

    def withdraw(self) -> None:
        """Forget the requests that wait: what they would have answered was cancelled."""
        self._waiting.clear()

    def next_request(self, event_id: str) -> ResponseParams | None:
        """The request to send now under ``event_id``; from here on it is in flight. ``None``: not yet."""
        due = next((params for params in self._waiting if params or not self._is_answer_coming), None)
        if due is None or self.is_in_flight:
            return None
        self._waiting.remove(due)
        self._requested = _Request(event_id, due)
        return due

    def answer_is_coming(self) -> None:
        """The caller speaks, and the server will answer that turn by itself."""
        self._is_answer_coming = True

    def no_answer_is_coming(self) -> None:
        """What the caller said was dropped, or the server will not answer by itself any more."""
        self._is_answer_coming = False

    def created(self, response_id: str) -> None:
        """A response began: ours, or one the server started."""
        self._active_id = response_id
        self._has_begun = True
        if self._is_answer_coming:
            self._is_answer_coming = False
            self._waiting = deque((params for params in self._waiting if params), _MAX_WAITING)

    def done(self, response_id: str) -> None:
        """A response ended. While another one is known to be active, this changes nothing."""
        if self._active_id in ("", _UNKNOWN_ID, response_id) or not response_id:
            self._active_id = ""
            self._requested = None

    def refused(self, event_id: str, *, is_busy: bool) -> bool:
        """An error named a request.

        Args:
            event_id: The request the error blames; ``""`` where the server does not say: then it is taken to be the
                request that has not begun, for one waited for in vain would hold up all that follow.
            is_busy: Another response was in the way: ask again after it.

        Returns:
            Whether it was the request in flight.
        """
        request = self._requested
        is_ours = request is not None and (event_id == request.event_id or (not event_id and not self._active_id))
        if request is None or not is_ours:
            return False
        self._requested = None
        if is_busy:
            self._waiting.appendleft(request.params)
            self._active_id = self._active_id or _UNKNOWN_ID
        return True
