"""A call changes hands: another agent serves from the next turn on (RFC 0008, R-0008-40..48).

In place where the vendor can change all that differs, over a new link otherwise; either way between turns, with the
results of tools told to the old agent first and the answer left to the new one. Not in here: who may hand over to whom
(`channels.voice_agents`), how a link is replaced (`provider_side`). Invariant: one change at a time; while it is under
way, or if it fails, the old agent serves.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from roomkit.errors import RoomKitError, SessionStateError
from roomkit.models.content import SystemContent
from roomkit.models.enums import ChannelType, EventType
from roomkit.models.event import EventSource, RoomEvent
from roomkit.voice.realtime.commands import AskForResponse, InjectText, LinkConfig, Speak, UpdateSession
from roomkit.voice.realtime.profile import Profile
from roomkit.voice.realtime.provider import RealtimeVoiceProvider
from roomkit.voice.session.context import SessionContext
from roomkit.voice.session.events import SessionEvents
from roomkit.voice.session.links.provider_side import ProviderSide
from roomkit.voice.session.settings import SessionSettings

MAX_HANDOFFS_PER_TURN: Final = 3
"""Reception, the right desk, and back; agents that pass a silent caller on more often go in a ring."""


@dataclass(frozen=True, slots=True)
class Handoff:
    """What is to happen.

    Attributes:
        to: The next agent's name.
        settings: How the session runs with it.
        provider: Who does its speaking.
        greeting: Said by it first; else it answers if an answer is owed.
        reason: Why, in a few words.
        summary: What it should know.
    """

    to: str
    settings: SessionSettings
    provider: RealtimeVoiceProvider
    greeting: str | None = None
    reason: str = ""
    summary: str = ""

    def note(self, before: str | None) -> str:
        """What the next agent is told, silently."""
        lines = [f"You are {self.to} now: the call was handed over to you by {before or 'another agent'}."]
        lines += [f"Reason: {self.reason}"] if self.reason else []
        lines += [f"Summary: {self.summary}"] if self.summary else []
        return "\n".join(lines)


class Handoffs:
    """The changes of agent of one session.

    Args:
        context: The session's common ground.
        events: Holds back the ask for an answer meanwhile.
        side: The provider side.
        drained: Returns between turns, when everything the agent said was heard and its tools have answered.
    """

    def __init__(
        self,
        context: SessionContext,
        events: SessionEvents,
        side: ProviderSide,
        *,
        drained: Callable[[], Awaitable[None]],
    ) -> None:
        self._context = context
        self._events = events
        self._side = side
        self._drained = drained
        self._under_way: Handoff | None = None
        self._turn = self._count = 0

    def leads_to(self, name: str) -> bool:
        """Whether this agent serves, or is about to, without anything more being done."""
        return name == (self._context.view.agent if self._under_way is None else self._under_way.to)

    def claim(self, handoff: Handoff, *, is_own_wish: bool) -> None:
        """Make it the one that is under way; `carry_out` must follow.

        Args:
            handoff: What is to happen.
            is_own_wish: It was asked for from inside the call (a tool, a hook): agents may pass a call in a ring.

        Raises:
            SessionStateError: Another one is, or the call has changed hands too often since the caller last spoke.
        """
        if self._under_way is not None:
            raise SessionStateError(f"the call is being handed over to {self._under_way.to} already")
        if self._turn != self._events.voice.turn_count:
            self._turn, self._count = self._events.voice.turn_count, 0
        if is_own_wish and self._count >= MAX_HANDOFFS_PER_TURN:
            raise SessionStateError(
                f"the call changed hands {self._count} times since the caller last spoke: go on with it yourself"
            )
        self._count += is_own_wish
        self._under_way = handoff
        self._events.tools.holds_results = True

    async def carry_out(self, handoff: Handoff) -> None:
        """Let the next agent serve, between turns.

        Raises:
            ConfigError: Its settings cannot work; the old agent goes on.
            ProviderError: Its link could not be opened; the old agent goes on.
            SessionStateError: The session ended meanwhile.
        """
        try:
            await self._switch(handoff)
        except RoomKitError:
            self._go_on(handoff)
            raise
        finally:
            self._under_way, self._events.tools.holds_results = None, False

    async def carry_out_or_report(self, handoff: Handoff) -> None:
        """Like `carry_out`, for those who cannot wait for it."""
        try:
            await self.carry_out(handoff)
        except RoomKitError as error:
            self._context.report("handover_failed", str(error))

    async def _switch(self, handoff: Handoff) -> None:
        now, config = self._side.link_config(self._context.settings), self._side.link_config(handoff.settings)
        provider = self._side.provider
        if handoff.provider is not provider or not can_become(now, config, provider.profile):
            await self._side.hand_over(
                handoff.settings, handoff.provider, when_adopted=lambda: self._introduce(handoff)
            )
            return
        await self._drained()
        if self._context.is_over:
            raise SessionStateError("the session ended before it was handed over")
        self._events.tools.tell_results(asks=False)
        self._side.send(UpdateSession(config))
        self._context.settings = handoff.settings
        self._introduce(handoff)
        if self._events.owes_answer:
            self._side.send(AskForResponse())

    def _introduce(self, handoff: Handoff) -> None:
        """The call is the next agent's: say so to it, to the room, and let it greet."""
        view = self._context.view
        before, view.agent = view.agent, handoff.to
        self._context.record("agent", name=handoff.to, before=before)
        self._tell(handoff.note(before))
        if handoff.greeting:
            self._events.owes_answer = False  # it speaks anyway
            self._side.send(Speak(handoff.greeting))
        event = self._room_event(handoff, before)

        async def publish() -> None:
            await self._context.port.publish(event)

        self._context.lane.put(publish)

    def _go_on(self, handoff: Handoff) -> None:
        """It came to nothing: the old agent knows, and gives the answer that waited."""
        if self._context.is_over:
            return
        self._tell(f"The call could not be handed over to {handoff.to}. You are still serving the caller.")
        self._events.tools.tell_results(asks=True)

    def _tell(self, note: str) -> None:
        self._events.conversation.history.said("system", note)
        self._side.send(InjectText(note, "system", silent=True))

    def _room_event(self, handoff: Handoff, before: str | None) -> RoomEvent:
        view = self._context.view
        told = {"from": before, "to": handoff.to, "reason": handoff.reason, "session": view.id}
        return RoomEvent(
            id=self._context.clock.new_id("evt"),
            room_id=view.room_id,
            type=EventType.SYSTEM,
            source=EventSource(channel_id=view.channel_id, channel_type=ChannelType.REALTIME_VOICE),
            content=SystemContent(
                body=f"{before or 'the agent'} handed the call over to {handoff.to}",
                code="agent_handed_over",
                data=told,
            ),
            created_at=self._context.clock.wall(),
            metadata={
                "voice_session_id": view.id,
                "source": "realtime_voice",
                "role": "system",
                "handoff": {**told, "summary": handoff.summary},
            },
        )


def can_become(now: LinkConfig, wanted: LinkConfig, profile: Profile) -> bool:
    """Whether a live link can be changed from ``now`` to ``wanted``.

    What is only taken away cannot: a vendor keeps what it is not told of.
    """
    pairs = {
        "instructions": (now.instructions, wanted.instructions),
        "voice": (now.voice, wanted.voice),
        "temperature": (now.temperature, wanted.temperature),
        "tools": ((now.tools, now.vendor_tools), (wanted.tools, wanted.vendor_tools)),
        "provider_config": (now.provider_config, wanted.provider_config),
    }
    if not profile.temperature:
        del pairs["temperature"]  # a portable wish the vendor lacks is no reason for a new link
    changed = {name: after for name, (before, after) in pairs.items() if before != after}
    takes_away = any(after is None for after in changed.values()) or not (
        now.provider_config.keys() <= wanted.provider_config.keys()
    )
    return changed.keys() <= profile.reconfigures and not takes_away
