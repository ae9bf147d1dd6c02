"""Whether the agent is being heard: since when, until when, and how long the caller waited for it.

Told of audio and of answers as they come and go; tells the client, the ON_TURN_COMPLETE hooks and whoever waits for
quiet. Not in here: the audio itself (`output`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from roomkit.clock import Clock
from roomkit.telemetry.latency import TurnLatency
from roomkit.voice.audio.playback import PlayedItem
from roomkit.voice.session.media.lane import Media


class AgentVoice:
    """The agent's side of the turn-taking of one session.

    Args:
        on_speaking: Told True when the agent begins to be heard, and False when it stops.
        on_turn: Told how long the steps of a turn took, by name, once its answer was heard or cut.
    """

    def __init__(
        self, clock: Clock, *, on_speaking: Callable[[bool], None], on_turn: Callable[[dict[str, float | None]], None]
    ) -> None:
        self.is_speaking = False
        self.turn_count = 0
        self._clock = clock
        self._on_speaking = on_speaking
        self._on_turn = on_turn
        self._turn: TurnLatency | None = None
        self._heard_from_ms = 0.0
        self._waiting_for_quiet: list[asyncio.Future[None]] = []

    def new_turn(self) -> None:
        """The caller's turn is complete: the time to the answer counts from now."""
        self.turn_count += 1
        self._turn = TurnLatency(self._clock.now_ms())

    def mark(self, step: str) -> None:
        """A step of the turn was reached; its first time counts."""
        if self._turn is not None:
            self._turn.mark(step, self._clock.now_ms())

    def audio_came(self) -> None:
        """The first audio of an item came from the provider."""
        self.mark("first_provider_audio")

    def audio_left(self, item: PlayedItem) -> None:
        """The first audio of an item left for the client."""
        self.mark("first_audio_sent")
        self._heard_from_ms = item.start_ms
        if not self.is_speaking:
            self.is_speaking = True
            self._on_speaking(True)

    def played_to(self, position_ms: float) -> None:
        """The client's playback is there."""
        if self.is_speaking and position_ms > self._heard_from_ms:
            self.mark("first_audio_heard")

    def stopped(self) -> None:
        """Nothing more of the agent is to be heard for now."""
        if not self.is_speaking:
            return
        self.is_speaking = False
        self._on_speaking(False)
        if (turn := self._turn) is not None and turn.first_audio_sent is not None:
            self._turn = None
            self._on_turn(turn.as_dict())

    def look_again(self) -> None:
        """An answer was heard or cut: those who wait for quiet see for themselves."""
        waiting, self._waiting_for_quiet = self._waiting_for_quiet, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def quiet(self, media: Media) -> None:
        """Return when no answer is being made or heard."""
        while media.is_busy:
            waiter = asyncio.get_running_loop().create_future()
            self._waiting_for_quiet.append(waiter)
            await waiter
