"""Keeps a session within its `Budget`: warns once, and ends it politely.

It looks whenever the account changes, and sets one timer for what time alone will use up; nothing polls. Not in here:
counting (`usage`), the arithmetic of limits (`budget`). Invariant: one warning and one end, whatever the limits.
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
from roomkit.models.voice import BudgetEvent
from roomkit.voice.realtime.commands import Speak
from roomkit.voice.session.account.budget import Budget, nearest, next_look_s
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
    """Keeps one session within its budget.

    Args:
        context: The session's common ground.
        budget: The limits.
        account: What was used; watched from now on.
        speech: Knows whether the farewell may be said.
        quiet: Returns when no answer is being made or heard and no tool runs.
        owes_answer: Whether an answer was asked for that has not begun.
        stop_input: Keeps the caller's audio from the provider.
    """

    def __init__(
        self,
        context: SessionContext,
        budget: Budget,
        account: Account,
        *,
        speech: Speeches,
        quiet: Callable[[], Awaitable[None]],
        owes_answer: Callable[[], bool],
        stop_input: Callable[[], None],
    ) -> None:
        self._context = context
        self._budget = budget
        self._account = account
        self._speech = speech
        self._quiet = quiet
        self._owes_answer = owes_answer
        self._stop_input = stop_input
        self._timer: asyncio.TimerHandle | None = None
        self._has_warned = self._is_used_up = self._has_said_unpriced = False
        self._answered = asyncio.Event()
        self._answer_count = 0
        account.on_change = self._look

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        account, budget = self._account, self._budget
        if account.answer_count > self._answer_count:
            self._answer_count = account.answer_count
            self._answered.set()
        if self._is_used_up or self._context.is_over:
            return
        usage = account.total
        if usage.unpriced and budget.max_cost is not None and not self._has_said_unpriced:
            self._say_unpriced(usage)
        spent = nearest(budget, usage, account.elapsed_s)
        if spent.share >= budget.warn_at and not self._has_warned:
            self._has_warned = True
            self._tell(spent.limit, spent.share, usage)
        if spent.share >= 1.0:
            self._used_up(spent.limit)
        else:
            self._look_later(usage)

    def _look_later(self, usage: Usage) -> None:
        self.close()
        account, share = self._account, 1.0 if self._has_warned else self._budget.warn_at
        delay_s = next_look_s(self._budget, usage, account.elapsed_s, account.cost_per_s, share)
        if delay_s is not None:
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._time_passed)

    def _time_passed(self) -> None:
        self._account.settle()
        self._look()

    def _used_up(self, limit: str) -> None:
        self._is_used_up = True
        self.close()
        logger.info("session %s has used up its budget: %s", self._context.view.id, limit)
        if self._context.tasks is None:  # before it was ACTIVE there is nobody to say goodbye to
            self._context.end(EndReason.BUDGET_EXCEEDED)
        else:
            self._context.start_task(self._degrade() if self._budget.fallback else self._say_goodbye(), "budget")

    async def _degrade(self) -> None:
        try:
            await self._context.degrade()
        except RoomKitError as error:
            self._context.report("handover_failed", str(error))
            await self._say_goodbye()

    async def _say_goodbye(self) -> None:
        self._stop_input()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_ANSWER_TIMEOUT_S):
                await self._all_said()
        if self._budget.farewell:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_TIMEOUT_S):
                    self._answered.clear()
                    self._context.send(Speak(self._budget.farewell))
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

    def _say_unpriced(self, usage: Usage) -> None:
        self._has_said_unpriced = True
        logger.warning(
            "max_cost does not count everything: no price is known for %s", ", ".join(sorted(usage.unpriced))
        )
        self._tell("max_cost", None, usage)

    def _tell(self, limit: str, used_share: float | None, usage: Usage) -> None:
        view = self._context.view
        event = BudgetEvent(session=view, limit=limit, used_share=used_share, usage=usage)
        self._context.port.tell(HookTrigger.ON_BUDGET_WARNING, event)


def budget_keeper(context: SessionContext, events: _Events) -> BudgetKeeper | None:
    """The keeper of a session's budget; ``None``: it has none."""
    if (budget := context.settings.budget) is None:
        return None
    return BudgetKeeper(
        context,
        budget,
        events.account,
        speech=events.speech,
        quiet=events.quiet,
        owes_answer=lambda: events.owes_answer,
        stop_input=lambda: events.media.stop_input("budget", is_stopped=True),
    )
