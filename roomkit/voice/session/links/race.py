"""Several dials at once: the first link that is up wins, and whoever comes second is hung up on.

Not in here: who is dialled, and when the next one starts (`dialling`). Invariant: once `close` has returned, at most
one link of the round is open.
"""

from __future__ import annotations

import asyncio

from roomkit.voice.session.links.slot import OpenLink


class Race:
    """The dials of one round.

    Attributes:
        running: Those whose outcome is not known.
        winner: The first link that was up.
        errors: Why the others have none, in the order in which they failed.
    """

    def __init__(self) -> None:
        self.running: list[asyncio.Task[OpenLink | Exception]] = []
        self.winner: OpenLink | None = None
        self.errors: list[Exception] = []
        self._all: list[asyncio.Task[OpenLink | Exception]] = []

    def look(self) -> None:
        """Sort out what is done."""
        for task in [task for task in self.running if task.done()]:
            self.running.remove(task)
            self._all.append(task)
            outcome = task.result()
            if isinstance(outcome, Exception):
                self.errors.append(outcome)
            elif self.winner is None:
                self.winner = outcome

    def stop(self) -> None:
        """It is decided: who is still dialling gives up."""
        for task in self.running:
            task.cancel()

    async def close(self, keep: OpenLink | None) -> None:
        """Hang up on everybody who came second."""
        for task in self._all + self.running:
            outcome = None if task.cancelled() else task.result()
            if isinstance(outcome, OpenLink) and outcome is not keep:
                outcome.sink.silence()
                await outcome.link.close()
