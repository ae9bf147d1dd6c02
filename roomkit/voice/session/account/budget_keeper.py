"""Keeps a session within its budget and its room's: passes warnings on, and ends it politely.

Not in here: counting (`usage`), when to look and when enough was used (`budget_watch`), the sum of a room
(`room_budget`). Invariant: one end, whichever budget is used up first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from roomkit.errors import RoomKitError
from roomkit.models.enums import HookTrigger
from roomkit.models.session import EndReason
from roomkit.models.usage import Usage
from roomkit.models.voice import BudgetEvent, BudgetScope
from roomkit.voice.realtime.commands import Speak
from roomkit.voice.session.account.budget import Budget
from roomkit.voice.session.account.budget_watch import BudgetWatch
from roomkit.voice.session.account.usage import Account
from roomkit.voice.session.context import SessionContext
from roomkit.voice.session.media.lane import Media
from roomkit.voice.session.words.speech import Speeches

logger = logging.getLogger(__name__)

LAST_ANSWER_TIMEOUT_S = 60.0
"""Longest the answer under way may go on after the budget is used up, as `Session.drained` allows."""

FAREWELL_TIMEOUT_S = 20.0
"""Longest a farewell may take: a vendor that does not say it must not keep the call open."""


class _Events(Protocol):
    """What a keeper needs of `SessionEvents`, which has one."""

    owes_answer: bool

    @property
    def account(self) -> Account: ...

    @property
    def media(self) -> Media: ...

    @property
    def speech(self) -> Speeches: ...

    async def quiet(self) -> None: ...


class BudgetKeeper:
    """Keeps one session within its budget and its room's.

    Args:
        context: The session's common ground; its settings have the budgets.
        account: What was used; watched from now on.
        speech: Knows whether the farewell may be said.
        quiet: Returns when no answer is being made or heard and no tool runs.
        owes_answer: Whether an answer was asked for that has not begun.
        stop_input: Keeps the caller's audio from the provider.

    Attributes:
        account: What was used.
    """

    def __init__(
        self,
        context: SessionContext,
        account: Account,
        *,
        speech: Speeches,
        quiet: Callable[[], Awaitable[None]],
        owes_answer: Callable[[], bool],
        stop_input: Callable[[], None],
    ) -> None:
        self._context = context
        self.account = account
        self._speech = speech
        self._quiet = quiet
        self._owes_answer = owes_answer
        self._stop_input = stop_input
        self._used_up: list[Budget] = []
        self._is_ending = False
        self._answered = asyncio.Event()
        self._answer_count = 0
        settings = context.settings
        self._own = self._watch(settings.budget) if settings.budget is not None else None
        self._room = settings.room_account.join(self) if settings.room_account is not None else None
        account.on_change = self._look

    def close(self) -> None:
        """Stop the timers; what was used is the room's."""
        if self._own is not None:
            self._own.close()
        if self._room is not None:
            self._room.leave(self)

    def warn(self, limit: str, used_share: float | None, usage: Usage, *, scope: BudgetScope = "session") -> None:
        """Tell the hooks."""
        view = self._context.view
        event = BudgetEvent(session=view, limit=limit, used_share=used_share, usage=usage, scope=scope)
        self._context.port.tell(HookTrigger.ON_BUDGET_WARNING, event)

    def use_up(self, budget: Budget, limit: str) -> None:
        """One of the budgets is used up: the session degrades, and is then without this one's limits, or ends."""
        if any(each is budget for each in self._used_up) or self._is_ending or self._context.is_over:
            return
        self._used_up.append(budget)
        logger.info("session %s has used up its budget: %s", self._context.view.id, limit)
        if self._context.tasks is None:  # before it was ACTIVE there is nobody to say goodbye to
            self._context.end(EndReason.BUDGET_EXCEEDED)
        else:
            self._context.start_task(self._degrade(budget) if budget.fallback else self._say_goodbye(budget), "budget")

    def _watch(self, budget: Budget) -> BudgetWatch:
        return BudgetWatch(
            budget, self.account, on_warning=self.warn, on_used_up=lambda limit: self.use_up(budget, limit)
        )

    def _look(self) -> None:
        if self.account.answer_count > self._answer_count:
            self._answer_count = self.account.answer_count
            self._answered.set()
        if self._context.is_over:
            return
        if self._own is not None and not self._is_ending:
            self._own.look()
        if self._room is not None:
            self._room.look()

    async def _degrade(self, budget: Budget) -> None:
        try:
            await self._context.degrade()
        except RoomKitError as error:
            self._context.report("handover_failed", str(error))
            await self._say_goodbye(budget)

    async def _say_goodbye(self, budget: Budget) -> None:
        if self._is_ending:  # the other budget was quicker
            return
        self._is_ending = True
        self._stop_input()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_ANSWER_TIMEOUT_S):
                await self._all_said()
        if budget.farewell:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_TIMEOUT_S):
                    self._answered.clear()
                    self._context.send(Speak(budget.farewell))
                    await self._speech.judged()
                    if self._speech.is_to_say:  # no hook has blocked it
                        await self._answered.wait()
                    await self._all_said()
        self._context.end(EndReason.BUDGET_EXCEEDED)

    async def _all_said(self) -> None:
        await self._quiet()
        while self._owes_answer():  # a tool has answered, or the caller's last words are to be
            self._answered.clear()
            await self._answered.wait()
            await self._quiet()


def budget_keeper(context: SessionContext, events: _Events) -> BudgetKeeper | None:
    """The keeper of a session's budgets; ``None``: neither it nor its room has one."""
    if context.settings.budget is None and context.settings.room_account is None:
        return None
    return BudgetKeeper(
        context,
        events.account,
        speech=events.speech,
        quiet=events.quiet,
        owes_answer=lambda: events.owes_answer,
        stop_input=lambda: events.media.stop_input("budget", is_stopped=True),
    )
