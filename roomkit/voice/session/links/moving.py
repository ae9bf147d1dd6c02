"""Moving a call to another link although the one that serves is well: because somebody wants it, or before a limit.

The other link is opened first and stands by until a moment between turns, or until the one that serves is lost. Not in
here: the moment (`between`), when a limit calls for it (`rollover`), what taking over is (`provider_side`). Invariants:
one link stands by at a time; one that does not take over is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from roomkit.errors import RoomKitError
from roomkit.voice.realtime.commands import LinkConfig
from roomkit.voice.realtime.provider import RealtimeVoiceProvider
from roomkit.voice.session.context import SessionContext
from roomkit.voice.session.links import rollover
from roomkit.voice.session.links.between import BetweenTurns
from roomkit.voice.session.links.candidates import Candidate, Roster
from roomkit.voice.session.links.dialling import Dialling
from roomkit.voice.session.links.serving import Serving
from roomkit.voice.session.links.slot import OpenLink
from roomkit.voice.session.links.standby import Standby, stand_by
from roomkit.voice.session.settings import SessionSettings
from roomkit.voice.session.words.history import History

HANDOVER_TIMEOUT_S: Final = 60.0
"""A hand-over waits this long for the end of the turn, then it cuts in."""


class Moving:
    """Moves one session.

    Args:
        context: The session's common ground.
        roster: Who serves.
        dialling: Opens the other link.
        serving: Has the link that serves.
        between: Knows the moment.
        history: Marks where the conversation stood when the other link was opened.
        configure: Makes the configuration of a link under settings.
        take_over: Lets the link that stood by serve.
    """

    def __init__(
        self,
        context: SessionContext,
        roster: Roster,
        dialling: Dialling,
        serving: Serving,
        between: BetweenTurns,
        history: History,
        *,
        configure: Callable[[SessionSettings, Candidate], LinkConfig],
        take_over: Callable[[Standby], None],
    ) -> None:
        self._context = context
        self._roster = roster
        self._dialling = dialling
        self._serving = serving
        self._between = between
        self._history = history
        self._configure = configure
        self._take_over = take_over
        self._rollover: asyncio.Task[None] | None = None
        self._handing_over = asyncio.Lock()
        self._standby: Standby | None = None
        self._age: asyncio.TimerHandle | None = None

    @property
    def is_prepared(self) -> bool:
        """Whether a link stands by."""
        return self._standby is not None

    async def hand_over(
        self,
        settings: SessionSettings,
        provider: RealtimeVoiceProvider,
        *,
        when_adopted: Callable[[], None] | None = None,
    ) -> None:
        """Go on with a link under other settings, or of another provider; see `ProviderSide.hand_over`."""
        if self._rollover is not None:
            self._rollover.cancel()
        async with self._handing_over:
            current = self._roster.current
            candidate = current if provider is current.provider else Candidate(provider)
            opened = await self._dialling.of(candidate, lambda each: self._configure(settings, each))
            by_ms = self._context.clock.now_ms() + HANDOVER_TIMEOUT_S * 1000.0
            await self._stand_by(Standby(opened, by_ms, settings, when_adopted, is_handover=True))

    def adopted(self, opened: OpenLink) -> None:
        """Another link serves: its age counts."""
        self.forget_age()
        if (limit_ms := opened.provider.profile.max_session_ms) is not None:
            self._move_by(rollover.of_age(opened.opened_ms, limit_ms))

    def going_away(self, time_left_ms: float) -> None:
        """The vendor will end the link that serves."""
        self._move_by(rollover.of_notice(self._context.clock.now_ms(), time_left_ms))

    def take_over_now(self) -> bool:
        """The link that served is lost: let the one that stands by, if there is one, serve at once."""
        if self._standby is None:
            return False
        self._switch(self._standby)
        return True

    def forgo(self, provider: RealtimeVoiceProvider) -> None:
        """The provider is over a limit of its account: so is its link that stands by for nothing but an age."""
        standby = self._standby
        if standby is not None and not standby.is_handover and standby.opened.provider is provider:
            self._standby = None  # whoever waits with it closes it

    def forget_age(self) -> None:
        """The link that served does not any more."""
        if self._age is not None:
            self._age.cancel()
            self._age = None

    # --- before a limit -------------------------------------------------------------------------------------------

    def _move_by(self, due: rollover.Due) -> None:
        """The current link has a last moment: have another one ready by then."""
        self.forget_age()
        self._age = asyncio.get_running_loop().call_at(due.open_ms / 1000.0, self._begin_rollover, due.switch_ms)

    def _begin_rollover(self, by_ms: float) -> None:
        self._age = None
        if self._standby is not None:
            self._standby.by_ms = min(self._standby.by_ms, by_ms)
        elif not self._handing_over.locked() and not self._context.is_over:
            if self._rollover is not None:
                self._rollover.cancel()
            self._rollover = self._context.start_task(self._roll_over(by_ms), "rollover")

    async def _roll_over(self, by_ms: float) -> None:
        """Move to another link of the same provider, unnoticed. What fails here is mended when the link is lost."""
        served = self._serving.link
        try:
            current = self._roster.current
            opened = await self._dialling.of(current, lambda each: self._configure(self._context.settings, each))
            if self._serving.link is served and served is not None:
                await self._stand_by(Standby(opened, by_ms))
            else:
                await opened.link.close()  # it was lost while we dialled: there is, or will be, another one
        except RoomKitError as error:
            if not self._context.is_over:
                self._context.warn("rollover_failed", str(error))

    # --- standing by ----------------------------------------------------------------------------------------------

    async def _stand_by(self, standby: Standby) -> None:
        standby.own_mark = self._history.mark
        self._standby = standby
        try:
            await stand_by(standby, self._context, self._between, is_up=lambda: self._serving.link is not None)
            if self._standby is standby:
                self._switch(standby)
        finally:
            if self._standby is standby:
                self._standby = None
            if not standby.is_adopted:
                standby.opened.sink.silence()
                await standby.opened.link.close()

    def _switch(self, standby: Standby) -> None:
        self._standby, standby.is_adopted = None, True
        self._take_over(standby)
