"""The provider side of a session: the first dial, getting back after a loss, handing over to another link.

Three ways to one thing: dial a link, tell it the conversation as heard, adopt it. Not in here: how long to wait
between dials (`reconnect`), what the link says (`events`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from roomkit.errors import ProviderError, RoomKitError, SessionStateError
from roomkit.models.session import EndReason, LinkState
from roomkit.voice.realtime.commands import AskForResponse, Command, InjectText, ToolResult, UpdateSession
from roomkit.voice.realtime.provider import RealtimeVoiceProvider
from roomkit.voice.realtime.provider_events import LinkLost
from roomkit.voice.realtime.reconnect import ReconnectPolicy
from roomkit.voice.session.context import SessionContext
from roomkit.voice.session.events import SessionEvents
from roomkit.voice.session.links import OpenLink, ProviderSlot
from roomkit.voice.session.settings import SessionSettings

logger = logging.getLogger(__name__)


def end_reason(error: RoomKitError) -> EndReason:
    """Why a session ends that cannot get a link because of ``error``."""
    if isinstance(error, ProviderError) and error.retryable:
        return EndReason.PROVIDER_LOST
    return EndReason.PROVIDER_REFUSED


class ProviderSide:
    """The provider slot of one session and everything that fills it.

    Args:
        context: The session's common ground.
        provider: Opens the links.
        events: Takes what the current link says; asked for the conversation as heard.
        policy: How long to wait between dials.
        settled: See `ProviderSink.settled`.
        drained: Returns between turns, when everything the agent said was heard.
    """

    def __init__(
        self,
        context: SessionContext,
        provider: RealtimeVoiceProvider,
        events: SessionEvents,
        *,
        policy: ReconnectPolicy,
        settled: Callable[[], Awaitable[None]],
        drained: Callable[[], Awaitable[None]],
    ) -> None:
        self.provider = provider
        self._context = context
        self._drained = drained
        self._events = events
        self._slot = ProviderSlot(
            context.clock, policy, on_event=events.from_provider, settled=settled, seed=context.view.id
        )
        self._recovery: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """The first link. Its events wait until `go_live`.

        Raises:
            ConfigError: The configuration cannot work.
            ProviderError: Refused, or not reached.
        """
        self._adopt(await self._slot.dial(self.provider, self._context.link_config()))

    def go_live(self) -> None:
        """The session is ACTIVE: take what the current link has to say, and ask it for an answer that is owed."""
        if self._slot.current is not None:
            self._slot.current.sink.go_live()
        if self._events.owes_answer:
            self.send(AskForResponse())

    def send(self, command: Command) -> None:
        """Tell the provider; with no link up it is dropped: the next one is told the whole conversation.

        An answer asked for is owed until it begins: a link that comes up meanwhile is asked for it.

        Raises:
            ConfigError: The vendor cannot do this.
        """
        if _asks(command):
            self._events.owes_answer = True
        if self._slot.current is not None:
            self._slot.current.link.send(command)

    def lost(self, lost: LinkLost) -> None:
        """The link is gone: get another, unless that cannot help."""
        if self._context.is_over:
            return
        logger.warning("a provider link was lost: %s %s", lost.code, lost.reason)
        dropped = self._slot.drop()
        self._events.provider_lost()
        self._context.provider_is(LinkState.RECOVERING, None)
        if not lost.retryable:
            self._context.report(lost.code, lost.reason)
            self._context.end(EndReason.PROVIDER_REFUSED)
        else:
            self._recovery = self._context.start_task(self._recover(dropped), "recover")

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
        opened = await self._slot.dial(provider, settings.link_config(self._context.view.id))
        try:
            await self._drained()
            if self._context.is_over:
                raise SessionStateError("the session ended before it was handed over")
        except BaseException:
            await opened.link.close()
            raise
        self.provider, self._context.settings = provider, settings
        if self._recovery is not None:  # or what it dials would replace the new link
            self._recovery.cancel()
        replaced = self._adopt(opened)
        if when_adopted is not None:
            when_adopted()
        self.go_live()
        if replaced is not None:
            await replaced.link.close()

    async def hand_over_or_report(self, settings: SessionSettings, provider: RealtimeVoiceProvider) -> None:
        """Like `hand_over`, for those who cannot wait for it."""
        try:
            await self.hand_over(settings, provider)
        except RoomKitError as error:
            self._context.report("handover_failed", str(error))

    async def close(self) -> None:
        """Hang up."""
        await self._slot.close()

    async def _recover(self, lost: OpenLink | None) -> None:
        if lost is not None:
            await lost.link.close()
        try:
            opened = await self._slot.redial(self.provider, self._context.link_config())
        except RoomKitError as error:
            self._context.report("provider_lost", str(error))
            self._context.end(end_reason(error))
            return
        self._adopt(opened)
        if (wanted := self._context.link_config()) != opened.config:  # reconfigured while we dialled
            self.send(UpdateSession(wanted))
        self.go_live()

    def _adopt(self, opened: OpenLink) -> OpenLink | None:
        replaced = self._slot.adopt(opened)
        if replaced is not None:
            self._events.provider_lost()
        conversation = self._events.conversation
        for command in conversation.history.replay(conversation.unheard_words()):
            opened.link.send(command)
        self._events.attach(opened)
        self._context.provider_is(LinkState.UP, opened.ready.provider_session_id)
        return replaced


def _asks(command: Command) -> bool:
    match command:
        case AskForResponse() | ToolResult(asks=True) | InjectText(silent=False):
            return True
        case _:
            return False
