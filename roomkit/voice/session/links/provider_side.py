"""The provider side of a session: the first link, getting back after a loss, letting another link take over.

Every way is the same two steps: a link is opened (`dialling`) and let serve (`serving`). Not in here: who is dialled,
how often (`candidates`, `dialling`), why a link is to take over from one that is well, and when (`moving`). Invariant:
every link that does not serve is standing by or being closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Awaitable, Callable, Sequence

from roomkit.errors import ConfigError, ProviderError, RoomKitError
from roomkit.models.session import EndReason, LinkState
from roomkit.voice.realtime.breaker import STABLE_MS
from roomkit.voice.realtime.commands import Command, LinkConfig, Speak
from roomkit.voice.realtime.provider import RealtimeVoiceProvider
from roomkit.voice.realtime.provider_events import LinkLost
from roomkit.voice.realtime.reconnect import QUOTA_EXCEEDED, RATE_LIMITED, ReconnectPolicy
from roomkit.voice.session.context import SessionContext
from roomkit.voice.session.events import SessionEvents
from roomkit.voice.session.links.between import BetweenTurns
from roomkit.voice.session.links.candidates import Candidate, Roster
from roomkit.voice.session.links.dialling import Dialling
from roomkit.voice.session.links.moving import Moving
from roomkit.voice.session.links.resumption import Resumption
from roomkit.voice.session.links.serving import Serving
from roomkit.voice.session.links.slot import OpenLink
from roomkit.voice.session.links.standby import Standby
from roomkit.voice.session.links.text_only import TextOnly
from roomkit.voice.session.settings import SessionSettings

logger = logging.getLogger(__name__)

WORDS_TIMEOUT_S = 2.5
"""Longer than a hook may take over a transcript by default; a link that is ready waits for no more."""


def end_reason(error: RoomKitError) -> EndReason:
    """Why a session ends that cannot get a link because of ``error``."""
    if isinstance(error, ProviderError) and error.retryable:
        return EndReason.PROVIDER_LOST
    return EndReason.PROVIDER_REFUSED


class ProviderSide:
    """The provider slot of one session and everything that fills it.

    Args:
        context: The session's common ground.
        candidates: Who may serve, the preferred one first.
        events: Takes what the current link says; asked for the conversation as heard.
        policy: How long to wait between dials.
        settled: See `ProviderSink.settled`.
        on_goodbye: The agent hung up.
    """

    def __init__(
        self,
        context: SessionContext,
        candidates: Sequence[Candidate],
        events: SessionEvents,
        *,
        policy: ReconnectPolicy,
        settled: Callable[[], Awaitable[None]],
        on_goodbye: Callable[[], None],
    ) -> None:
        self._context = context
        self._on_goodbye = on_goodbye
        self._events = events
        self._roster = Roster(candidates)
        self._resumption = Resumption(events.conversation.history)
        self._between = BetweenTurns(events, context.lane, context.clock)
        self._serving = Serving(
            context,
            self._roster,
            events,
            self._between,
            self._resumption,
            on_stall=self._stalled,
            on_limit=self._limited,
            on_going_away=self._going_away,
        )
        self._dialling = self._new_dialling(policy, settled)
        self._text_only = TextOnly(context, events)
        self._why_written: str | None = None
        self._recovery: asyncio.Task[None] | None = None
        self._moving = self._new_moving()

    def _new_dialling(self, policy: ReconnectPolicy, settled: Callable[[], Awaitable[None]]) -> Dialling:
        return Dialling(
            self._context.clock,
            self._roster,
            self._resumption,
            policy,
            on_event=self._serving.on_event,
            settled=settled,
            gate=self._events.speech,
            has_begun=lambda: self._events.conversation.has_begun,
            seed=self._context.view.id,
        )

    def _new_moving(self) -> Moving:
        return Moving(
            self._context,
            self._roster,
            self._dialling,
            self._serving,
            self._between,
            self._events.conversation.history,
            configure=self.link_config,
            take_over=self._take_over,
        )

    # --- the link -------------------------------------------------------------------------------------------------

    @property
    def provider(self) -> RealtimeVoiceProvider:
        """Who serves, or served last."""
        return self._roster.current.provider

    def link_config(self, settings: SessionSettings, candidate: Candidate | None = None) -> LinkConfig:
        """What a link of this candidate (default: of who serves) should be."""
        candidate = candidate or self._roster.current
        resume = self._resumption.text_of(candidate.provider)
        return candidate.link_config(settings, self._context.view.id, resume)

    @property
    def is_text_only(self) -> bool:
        """Whether nobody speaks for the agent, and the call goes on in writing."""
        return self._text_only.is_on

    async def connect(self) -> None:
        """The first link. Its events wait until `go_live`, where the call begins in writing if it may and must.

        Raises:
            ConfigError: The configuration cannot work.
            ProviderError: Everybody refused, or nobody was reached.
        """
        preferred = self._roster.current
        try:
            opened = await self._dialling.first(self._configure)
        except ProviderError as error:
            if self._context.settings.degrade_to != "text":
                raise
            self._why_written = str(error)
            return
        self._adopt(opened)
        if opened.candidate is not preferred:
            self._context.warn("provider_changed", f"{preferred.name} has no link; {opened.candidate.name} serves")
            self._context.announce("provider_changed", provider=opened.candidate.name, previous=preferred.name)

    def go_live(self) -> None:
        """The session is ACTIVE: take what the current link has to say, and ask it for an answer that is owed."""
        if self._why_written is not None:
            why, self._why_written = self._why_written, None
            self._text_only.begin(why)
            self._recovery = self._context.start_task(self._return(), "recover")
        self._serving.go_live()

    def send(self, command: Command) -> None:
        """Tell the provider, once the hooks have allowed what it is to say word for word.

        With no link up, the next one is told what the conversation does not show. An answer asked for is owed until it
        begins: a link that comes up meanwhile is asked for it.

        Raises:
            ConfigError: The vendor cannot do this.
        """
        if isinstance(command, Speak) and self._text_only.is_on:  # nobody will say it: the caller reads it
            self._text_only.write(command.text)
        else:
            self._serving.send(command)

    async def close(self) -> None:
        """Hang up."""
        self._moving.forget_age()
        await self._serving.close()

    # --- losing it ------------------------------------------------------------------------------------------------

    def lost(self, lost: LinkLost) -> None:
        """The link is gone: get another, unless that cannot help."""
        if self._context.is_over:
            return
        if lost.is_goodbye and not self._moving.is_prepared:  # else somebody is about to take over: the call is theirs
            self._agent_hung_up()
            return
        logger.warning("a provider link was lost: %s %s", lost.code, lost.reason)
        was_up_ms = self._drop()
        if lost.code == "resume_refused":
            self._resumption.forget(self.provider)
        elif not lost.retryable:
            self._roster.refuse(self._roster.current)
        elif lost.code == RATE_LIMITED:
            self._roster.limit(self._context.clock.now_ms(), lost.retry_after_ms)
        is_bad = lost.code in ("stalled", RATE_LIMITED) or not lost.retryable
        if is_bad or was_up_ms < STABLE_MS:
            self.provider.breaker.failed(self._context.clock.now_ms())
        if self._is_taken_over(lost):
            return
        self._context.provider_is(LinkState.RECOVERING, None)
        if self._roster.is_exhausted:
            self._nobody_serves(lost.code, lost.reason, EndReason.PROVIDER_REFUSED)
        else:
            recovery = self._recover(lost, was_up_ms, is_current_last=is_bad)
            self._recovery = self._context.start_task(recovery, "recover")

    def _is_taken_over(self, lost: LinkLost) -> bool:
        """Whether a link that stood by serves now."""
        is_limit = lost.code in (RATE_LIMITED, QUOTA_EXCEEDED)
        if is_limit and self._roster.has_free(self._context.clock.now_ms()):
            self._moving.forgo(self.provider)
        is_taken_over = self._moving.take_over_now()
        if is_taken_over and is_limit:
            self._context.warn(lost.code, f"{lost.reason}; the call goes on with {self.provider.name}")
        return is_taken_over

    def _agent_hung_up(self) -> None:
        """The agent ended the call: the caller hears what it said last, then it is over."""
        self._drop()
        self._context.provider_is(LinkState.DOWN, None)
        self._on_goodbye()

    def _drop(self) -> float:
        """The link serves no more; returns for how many milliseconds it did."""
        dropped, was_up_ms = self._serving.drop()
        self._moving.forget_age()
        if dropped is not None:
            self._context.start_task(dropped.link.close(), "hang-up")
        return was_up_ms

    def _stalled(self) -> None:
        if self._serving.link is not None:
            self.lost(LinkLost("stalled", f"{self.provider.name} said nothing while an answer was owed", True))

    def _limited(self, retry_after_ms: float) -> None:
        """An answer failed by a limit of the vendor's account: if somebody else can give it, nobody waits for this."""
        name = self.provider.name
        if self._serving.link is None or not self._roster.has_free(self._context.clock.now_ms()):
            return
        if math.isinf(retry_after_ms):
            self.lost(LinkLost(QUOTA_EXCEEDED, f"the account at {name} is used up", False))
        else:
            self.lost(LinkLost(RATE_LIMITED, f"{name} is over its rate limit", True, retry_after_ms=retry_after_ms))

    async def _recover(self, lost: LinkLost, was_up_ms: float, *, is_current_last: bool) -> None:
        served = self._roster.current
        try:
            opened = await self._dialling.instead(self._configure, was_up_ms=was_up_ms, is_current_last=is_current_last)
        except (ProviderError, ConfigError) as error:
            if self._nobody_serves("provider_lost", str(error), end_reason(error)):
                await self._return()
            return
        await self._serve_once_words_are_known(opened)
        if opened.candidate is not served or lost.code == RATE_LIMITED:
            self._context.warn(lost.code, f"{lost.reason}; the call goes on with {opened.candidate.name}")

    async def _serve_once_words_are_known(self, opened: OpenLink) -> None:
        """Let a link serve when what the lost one said is in the conversation it is told: hooks take a while."""
        is_serving = False
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WORDS_TIMEOUT_S):
                    await self._context.lane.settled()
            self._serve(opened)
            is_serving = True
        finally:
            if not is_serving:
                opened.sink.silence()
                await opened.link.close()

    async def _return(self) -> None:
        """From writing to speech, as soon as somebody who has not refused can be had."""
        if not self._roster.is_exhausted:
            self._serve(await self._text_only.until_back(lambda: self._dialling.once(self._configure)))

    def _serve(self, opened: OpenLink) -> None:
        """A link in place of none."""
        self._adopt(opened)
        self._serving.update(opened)
        self.go_live()

    def _nobody_serves(self, code: str, why: str, reason: EndReason) -> bool:
        """Go on in writing, or end; returns which."""
        if self._context.settings.degrade_to == "text":
            self._text_only.begin(why)
            return True
        self._context.report(code, why)
        self._context.end(reason)
        return False

    # --- moving on ------------------------------------------------------------------------------------------------

    async def hand_over(
        self,
        settings: SessionSettings,
        provider: RealtimeVoiceProvider,
        *,
        when_adopted: Callable[[], None] | None = None,
    ) -> None:
        """Go on with a new link: opened first, switched to between turns, told the conversation.

        Raises:
            ConfigError: The configuration cannot work; the old link stays.
            ProviderError: The new link could not be opened; the old link stays.
            SessionStateError: The session ended meanwhile.
        """
        await self._moving.hand_over(settings, provider, when_adopted=when_adopted)

    async def hand_over_or_report(self, settings: SessionSettings, provider: RealtimeVoiceProvider) -> None:
        """Like `hand_over`, for those who cannot wait for it."""
        try:
            await self.hand_over(settings, provider)
        except RoomKitError as error:
            self._context.report("handover_failed", str(error))

    def _going_away(self, time_left_ms: float) -> None:
        self._moving.going_away(time_left_ms)

    def _take_over(self, standby: Standby) -> None:
        """The link that stood by is the session's from now on."""
        if standby.is_handover:  # or the old link's call would stay without its result
            self._events.tools.tell_results(asks=False)
        if standby.settings is not None:
            self._context.settings = standby.settings
            self._roster.put_first(standby.opened.candidate)
        if self._recovery is not None:  # or what it dials would replace the new link
            self._recovery.cancel()
        replaced = self._adopt(standby.opened, standby.own_mark)
        if standby.when_adopted is not None:
            standby.when_adopted()
        self._serving.update(standby.opened)
        self.go_live()
        if replaced is not None:
            self._context.start_task(replaced.link.close(), "hang-up")

    # --- details --------------------------------------------------------------------------------------------------

    def _adopt(self, opened: OpenLink, own_mark: int | None = None) -> OpenLink | None:
        if self._text_only.is_on:
            self._text_only.end()
        replaced = self._serving.adopt(opened, own_mark)
        self._moving.adopted(opened)
        return replaced

    def _configure(self, candidate: Candidate) -> LinkConfig:
        return self.link_config(self._context.settings, candidate)
