"""The provider side of a session: the first dial, getting back after a loss, handing over to another link.

Three ways to one thing: dial a link, tell it the conversation as heard, adopt it. Not in here: how long to wait
between dials (`reconnect`), what the link says (`events`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from roomkit.clock import Clock
from roomkit.errors import ProviderError, RoomKitError
from roomkit.models.session import EndReason, LinkState
from roomkit.voice.realtime.dialect import AskForResponse, Command, LinkConfig, LinkLost
from roomkit.voice.realtime.provider import RealtimeVoiceProvider
from roomkit.voice.realtime.reconnect import ReconnectPolicy
from roomkit.voice.session.events import SessionEvents
from roomkit.voice.session.links import OpenLink, ProviderSlot
from roomkit.voice.session.tools import StartTask

logger = logging.getLogger(__name__)


class ProviderHost(Protocol):
    """What the provider side needs of its session."""

    @property
    def is_over(self) -> bool: ...
    @property
    def start_task(self) -> StartTask: ...
    def link_config(self) -> LinkConfig: ...
    def provider_is(self, state: LinkState, provider_session_id: str | None) -> None: ...
    def report(self, code: str, message: str) -> None: ...
    def end(self, reason: EndReason) -> None: ...


def end_reason(error: RoomKitError) -> EndReason:
    """Why a session ends that cannot get a link because of ``error``."""
    if isinstance(error, ProviderError) and error.retryable:
        return EndReason.PROVIDER_LOST
    return EndReason.PROVIDER_REFUSED


class ProviderSide:
    """The provider slot of one session and everything that fills it.

    Args:
        host: The session.
        events: Takes what the current link says; asked for the conversation as heard.
        settled: See `ProviderSink.settled`.
        seed: Makes the back-off's jitter repeatable.
    """

    def __init__(
        self,
        host: ProviderHost,
        provider: RealtimeVoiceProvider,
        events: SessionEvents,
        clock: Clock,
        *,
        policy: ReconnectPolicy,
        settled: Callable[[], Awaitable[None]],
        seed: str,
    ) -> None:
        self.provider = provider
        self._host = host
        self._events = events
        self._slot = ProviderSlot(clock, policy, on_event=events.from_provider, settled=settled, seed=seed)
        self._recovery: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """The first link. Its events wait until `go_live`.

        Raises:
            ConfigError: The configuration cannot work.
            ProviderError: Refused, or not reached.
        """
        self._adopt(await self._slot.dial(self.provider, self._host.link_config()))

    def go_live(self) -> None:
        """The session is ACTIVE: take what the link has to say."""
        if self._slot.current is not None:
            self._slot.current.sink.go_live()

    def send(self, command: Command) -> None:
        """Tell the provider; with no link up it is dropped: the next one is told the whole conversation.

        Raises:
            ConfigError: The vendor cannot do this.
        """
        if self._slot.current is not None:
            self._slot.current.link.send(command)

    def lost(self, lost: LinkLost) -> None:
        """The link is gone: get another, unless that cannot help."""
        if self._host.is_over:
            return
        logger.warning("a provider link was lost: %s %s", lost.code, lost.reason)
        dropped = self._slot.drop()
        owes_answer = self._events.provider_lost()
        self._host.provider_is(LinkState.RECOVERING, None)
        if not lost.retryable:
            self._host.report(lost.code, lost.reason)
            self._host.end(EndReason.PROVIDER_REFUSED)
        else:
            self._recovery = self._host.start_task(self._recover(dropped, owes_answer), "recover")

    async def switch(
        self, provider: RealtimeVoiceProvider, config: LinkConfig, between_turns: Callable[[], Awaitable[None]]
    ) -> None:
        """Hand over to a new link: opened first, switched to between turns, told the conversation.

        Raises:
            ConfigError: The configuration cannot work; the old link stays.
            ProviderError: The new link could not be opened; the old link stays.
        """
        opened = await self._slot.dial(provider, config)
        try:
            await between_turns()
        except BaseException:
            await opened.link.close()
            raise
        self.provider = provider
        replaced = self._adopt(opened, replay=True)
        opened.sink.go_live()
        if replaced is not None:
            await replaced.link.close()

    async def close(self) -> None:
        """Hang up."""
        await self._slot.close()

    async def _recover(self, lost: OpenLink | None, owes_answer: bool) -> None:
        if lost is not None:
            await lost.link.close()
        try:
            opened = await self._slot.dial(self.provider, self._host.link_config())
        except RoomKitError as error:
            self._host.report("provider_lost", str(error))
            self._host.end(end_reason(error))
            return
        self._adopt(opened, replay=True)
        opened.sink.go_live()
        if owes_answer:
            self.send(AskForResponse())

    def _adopt(self, opened: OpenLink, *, replay: bool = False) -> OpenLink | None:
        replaced = self._slot.adopt(opened)
        if replay:
            conversation = self._events.conversation
            for command in conversation.history.replay(conversation.unheard_words()):
                opened.link.send(command)
        self._events.attach(opened)
        self._host.provider_is(LinkState.UP, opened.ready.provider_session_id)
        return replaced
