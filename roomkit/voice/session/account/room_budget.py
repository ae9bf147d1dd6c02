"""How much the sessions of one room may use together, with what the room has used before.

A `RoomBudget` is what the application makes and shares; a `RoomAccount` is one room's sum while sessions of it last.
Not in here: what a session does when the sum is used up (`budget_keeper`). Invariant: what a session uses is counted
once: from its account while sessions of the room last, from the room's stored events when the next one begins.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from roomkit.errors import AccessDeniedError, ConfigError
from roomkit.models.usage import Usage
from roomkit.models.voice import BudgetScope
from roomkit.voice.session.account.budget import Budget, nearest
from roomkit.voice.session.account.budget_watch import BudgetWatch

if TYPE_CHECKING:  # or the settings, which hold a room's account, would load the session before they are there
    from roomkit.voice.session.account.usage import Account


class Member(Protocol):
    """A session of the room, as far as its budget goes."""

    @property
    def account(self) -> Account: ...

    def warn(self, limit: str, used_share: float | None, usage: Usage, *, scope: BudgetScope = "session") -> None: ...

    def use_up(self, budget: Budget, limit: str) -> None: ...


class RoomAccount:
    """What one room uses while sessions of it last.

    Args:
        room_id: The room.
        limits: Of the room.
        before: What it had used.
        live: Where the accounts are whose rooms have sessions, by room id.
    """

    def __init__(self, room_id: str, limits: Budget, before: Usage, live: dict[str, RoomAccount]) -> None:
        self._room_id = room_id
        self._limits = limits
        self._before = before
        self._live = live
        self._members: list[Member] = []
        self._watch = BudgetWatch(limits, self, on_warning=self._warn, on_used_up=self._used_up)

    @property
    def until_now(self) -> Usage:
        """Everything the room used, up to now."""
        return sum((member.account.until_now for member in self._members), self._before)

    @property
    def elapsed_s(self) -> float:
        """Seconds the links of its sessions were up, added up."""
        return self.until_now.connection_s

    @property
    def elapsed_per_s(self) -> float:
        """How fast that grows: one for each that is up."""
        return float(sum(member.account.has_link for member in self._members))

    @property
    def cost_per_s(self) -> Decimal:
        """What they cost each second, whatever is said."""
        return sum((member.account.cost_per_s for member in self._members), Decimal(0))

    @property
    def used_up(self) -> str | None:
        """The limit that is used up, if one is."""
        usage = self.until_now
        spent = nearest(self._limits, usage, usage.connection_s)
        return spent.limit if spent.share >= 1.0 else None

    def join(self, member: Member) -> RoomAccount:
        """A session of the room begins. Returns where it is counted: with those that were quicker, if there are any."""
        room = self._live.setdefault(self._room_id, self)
        if room is not self:
            return room.join(member)
        self._members.append(member)
        return self

    def look(self) -> None:
        """One of them used something."""
        self._watch.look()
        if self._watch.is_used_up:  # also for one that was just about to begin
            self._used_up("the room's budget")

    def leave(self, member: Member) -> None:
        """It is over; what it used stays used."""
        if member not in self._members:
            return
        self._before += member.account.until_now
        self._members.remove(member)
        self._watch.close()
        if self._members:
            self._watch.look()
        else:
            del self._live[self._room_id]

    def _warn(self, limit: str, used_share: float | None, usage: Usage) -> None:
        self._members[0].warn(limit, used_share, usage, scope="room")

    def _used_up(self, limit: str) -> None:
        for member in list(self._members):
            member.use_up(self._limits, limit)


class RoomBudget:
    """How much the sessions of each room may use together.

    Give the same object to every channel whose sessions are to be counted together.

    Args:
        limits: Of one room, with everything its sessions have used before, as its timeline says; ``max_duration_s`` is
            of the time their links were up, added up. The warning comes once while sessions of the room last. When it
            is used up all its sessions end as ``on_exceeded``, ``farewell`` and ``fallback`` say, and none begins.

    Raises:
        ConfigError: Not a `Budget`.
    """

    def __init__(self, limits: Budget) -> None:
        if not isinstance(limits, Budget):
            raise ConfigError("a RoomBudget is made of a Budget: RoomBudget(Budget(max_cost=...))")
        self.limits = limits
        self._live: dict[str, RoomAccount] = {}

    async def account_of(self, room_id: str, used: Callable[[str], Awaitable[Usage]]) -> RoomAccount:
        """A room's account, for a session that is to begin: that of its sessions, or a new one.

        Args:
            room_id: The room.
            used: What its stored events say was used.

        Raises:
            AccessDeniedError: It has used up its budget.
        """
        room = self._live.get(room_id) or RoomAccount(room_id, self.limits, await used(room_id), self._live)
        if (limit := room.used_up) is not None:
            raise AccessDeniedError(f"room {room_id!r} has used up its budget: {limit}")
        return room
