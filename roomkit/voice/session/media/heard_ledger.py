"""What was heard of the agent's audio, answer by answer, and who waits for that.

Audio counts as heard when the client's playback has passed it. Not in here: the audio and its way (`output`).
Invariant: a waiter is called once, or never if its answer was cut.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from roomkit.voice.audio.playback import DroppedAudio, HeardItem, Playback
from roomkit.voice.session.recent import Recent

HEARD_CHECK_MS = 20.0
"""Shortest interval at which a waiter's answer is looked at again."""


class HeardLedger:
    """The questions of one session about its agent's audio.

    Args:
        playback: What came, what left and where the client is; the path's.
        position_ms: How far the client has played.
        left_ms: How long what came so far will take to be heard.

    Attributes:
        dropped: Audio that came after its answer was cut; told by the path.
        read: The answers the caller read, or a part of them, for want of a speaker; told by the path.
    """

    __slots__ = ("_left_ms", "_loop", "_playback", "_position_ms", "_timer", "_waiters", "dropped", "read")

    def __init__(self, playback: Playback, *, position_ms: Callable[[], float], left_ms: Callable[[], float]) -> None:
        self._loop = asyncio.get_running_loop()
        self._playback = playback
        self._position_ms = position_ms
        self._left_ms = left_ms
        self._waiters: dict[str, list[Callable[[], None]]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.dropped = DroppedAudio()
        self.read = Recent()

    def item_ids(self) -> frozenset[str]:
        """The items whose audio came and may not have been heard yet."""
        return self._playback.item_ids()

    def response_ids(self) -> frozenset[str]:
        """The answers whose audio came; of those heard to their end the newest only."""
        return self._playback.response_ids()

    def unheard_ms(self, response_id: str | None = None) -> float:
        """Agent audio that came but was not heard yet, of one answer or of all."""
        return self._playback.unheard_ms(self._position_ms(), response_id)

    def unplayed_ms(self) -> float:
        """Agent audio that left for the client but was not heard yet."""
        return self._playback.unplayed_ms(self._position_ms())

    def items(self) -> tuple[HeardItem, ...]:
        """How much was heard of each item whose audio came and is still known."""
        return tuple(self._playback.heard(self._position_ms()))

    def dropped_ms(self, key: str) -> float:
        """Audio of an item (or, without ids, of an answer) that came after it was cut and went nowhere."""
        return self.dropped.of(key)

    def is_read(self, response_id: str) -> bool:
        """Whether the caller read the answer, or a part of it, for want of a speaker."""
        return response_id in self.read

    # --- who waits ------------------------------------------------------------------------------------------------

    @property
    def is_awaited(self) -> bool:
        """Whether anybody waits for an answer to be heard."""
        return bool(self._waiters)

    def when_heard(self, response_id: str, callback: Callable[[], None]) -> None:
        """Call once when nothing of the answer is unheard; at once if that is so now. An interruption drops it."""
        if self.unheard_ms(response_id) <= 0.0:
            callback()
            return
        self._waiters.setdefault(response_id, []).append(callback)
        if self._timer is None:
            self._wake_later()

    def look(self) -> None:
        """Call those whose answer has been heard; look again when the rest could have been."""
        self.rest()
        position_ms = self._position_ms()
        heard = [key for key in self._waiters if self._playback.unheard_ms(position_ms, key) <= 0.0]
        callbacks = [callback for key in heard for callback in self._waiters.pop(key)]
        self._playback.forget_heard(position_ms)
        if self._waiters:
            self._wake_later()
        for callback in callbacks:
            callback()

    def forget_waiters(self) -> None:
        """What they waited for will not be heard."""
        self._waiters.clear()

    def rest(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wake_later(self) -> None:
        self.rest()
        self._timer = self._loop.call_later(max(HEARD_CHECK_MS, self._left_ms()) / 1000.0, self.look)
