"""The session: one caller's live conversation as one object, from accept to the last clean-up.

It owns its links and its two lanes and ties them by the state table. It starts whole or not at all, and an ended
session holds no task, no socket, no buffer. Not in here: rooms, kits and channels (`RoomPort` is all it knows of them).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from roomkit._aio import StoppedError, unless
from roomkit.clock import Clock
from roomkit.core.ports import RoomPort
from roomkit.errors import ConfigError, ProviderError, RoomKitError, SessionStateError
from roomkit.models.enums import HookTrigger
from roomkit.models.session import EndReason, LinkState, SessionState, VoiceSession
from roomkit.models.voice import SessionEvent
from roomkit.voice.backends.base import VoiceBackend
from roomkit.voice.realtime.commands import Command, LinkConfig, Speak
from roomkit.voice.realtime.provider import RealtimeVoiceProvider
from roomkit.voice.realtime.provider_events import LinkLost, Role
from roomkit.voice.realtime.reconnect import ReconnectPolicy
from roomkit.voice.session import messages
from roomkit.voice.session.client_side import ClientSide
from roomkit.voice.session.context import SessionContext
from roomkit.voice.session.events import SessionEvents
from roomkit.voice.session.handoff import Handoff, Handoffs
from roomkit.voice.session.inside import CURRENT_SESSION_ID, is_inside
from roomkit.voice.session.links.candidates import Candidate, candidates_of
from roomkit.voice.session.links.provider_side import ProviderSide, end_reason
from roomkit.voice.session.outcome import fail, first_of, is_cancelled
from roomkit.voice.session.recording.recording import SessionRecording
from roomkit.voice.session.settings import SessionSettings
from roomkit.voice.session.state import advance

logger = logging.getLogger(__name__)

WIND_UP_TIMEOUT_S = 5.0
"""What was said last is stored within this, or the session ends without it: hooks have their own, shorter bounds."""

DRAIN_TIMEOUT_S = 60.0
"""`Session.drained` returns after this even if the answer goes on."""

SETTLE_TIMEOUT_S = 60.0
"""Longest wait of `Session.settled`: a tool's own time limit and some."""


class _OverError(Exception):
    """How the session's task group is told that the session is over."""


class Session:
    """One voice session.

    Args:
        view: What the application holds; written by this object only.
        provider: The model side; of several, the preferred one first.
        transport: Carries the caller.
        connection: The transport's handle of the caller's connection.
        port: The session's door to its room.
        typed: What to do with text the caller typed (it enters the room first, then `inject`).
        reconnect: When to dial a lost provider again.
        fallback: What is to happen, from the provider it is with, for the fallback of its budget to serve.

    Attributes:
        recording: Starts and stops its recording.
    """

    def __init__(
        self,
        view: VoiceSession,
        *,
        provider: RealtimeVoiceProvider | Sequence[Candidate],
        transport: VoiceBackend,
        connection: Any,
        settings: SessionSettings,
        port: RoomPort,
        clock: Clock,
        typed: Callable[[Session, str], Awaitable[None]],
        reconnect: ReconnectPolicy | None = None,
        fallback: Callable[[RealtimeVoiceProvider], Handoff] | None = None,
    ) -> None:
        self._context = context = SessionContext(view, settings, port, clock)
        if fallback is not None:
            context.degrade = lambda: self.change_agent(fallback(self.provider))
        self._candidates = candidates_of(provider)
        self._connection = connection
        self._typed = typed
        self._reconnect = reconnect or ReconnectPolicy()
        self._finished = asyncio.Event()
        self._client_side = ClientSide(context, transport, settled=self.settled)
        self._events: SessionEvents | None = None
        self._provider_side: ProviderSide | None = None
        self._handoffs: Handoffs | None = None
        self.recording = SessionRecording(context)
        self._can_write = self._can_read = True

    # --- what it is -----------------------------------------------------------------------------------------------

    @property
    def view(self) -> VoiceSession:
        """What the application holds."""
        return self._context.view

    @property
    def settings(self) -> SessionSettings:
        """How it runs; replaced as a whole when it is reconfigured."""
        return self._context.settings

    @settings.setter
    def settings(self, settings: SessionSettings) -> None:
        self._context.settings = settings

    @property
    def port(self) -> RoomPort:
        """Its door to the room."""
        return self._context.port

    @property
    def clock(self) -> Clock:
        """Time and ids."""
        return self._context.clock

    # --- life -----------------------------------------------------------------------------------------------------

    async def run(self, ready: asyncio.Future[None], *, replacing: Session | None = None) -> None:
        """Live one call. When this returns, nothing of the session is left.

        Args:
            ready: Gets its result when the session is ACTIVE, or the one `RoomKitError` that prevented it.
            replacing: The caller's previous session, which is ending; waited for first.
        """
        try:
            await self._live(ready, replacing)
        except* _OverError:
            pass
        except* RoomKitError as group:
            if ready.done():  # it was ACTIVE: a defect of ours, as below
                logger.error("session %s failed", self.view.id, exc_info=group)
            fail(ready, first_of(group))
        except* Exception as group:  # a defect of ours or a transport's: start_session never shows a group
            logger.error("session %s failed", self.view.id, exc_info=group)
            fail(ready, RoomKitError(f"the session failed: {type(first_of(group)).__name__}"))
        finally:
            fail(ready, SessionStateError(f"the session ended before it was active: {self.view.end_reason}"))
            self._finished.set()

    async def _live(self, ready: asyncio.Future[None], replacing: Session | None) -> None:
        try:
            async with contextlib.AsyncExitStack() as undo:
                undo.callback(self._closed)
                undo.push_async_callback(self.recording.close)
                if replacing is not None:
                    await replacing.ended()  # at once where one of its own hooks or tools starts this one
                CURRENT_SESSION_ID.set(self.view.id)
                await self._context.unless_over(self._connect(undo))
                try:
                    async with asyncio.TaskGroup() as tasks:
                        self._context.tasks = tasks
                        self._begin(ready)
                        tasks.create_task(self._context.lane.run(), name=f"{self.view.id}:lane")
                        tasks.create_task(self._until_over(), name=f"{self.view.id}:life")
                except BaseExceptionGroup:  # unless somebody has ended it: a task of ours broke
                    self._context.set_end_reason(EndReason.FAILED)
                    raise
        finally:
            self._events = self._provider_side = self._handoffs = self._context.tasks = None

    async def _connect(self, undo: contextlib.AsyncExitStack) -> None:
        await self._open_client(undo)
        await self._open_provider(undo)

    async def _open_client(self, undo: contextlib.AsyncExitStack) -> None:
        undo.push_async_callback(self._close_client)
        link = await self._client_side.open(self._connection)
        self._context.tell_client = self._client_side.send
        self._events = SessionEvents(
            self._context,
            link,
            on_provider_lost=self._provider_lost,
            on_client_gone=self._client_side.gone,
            on_typed=lambda text: self._typed(self, text),
        )
        undo.callback(self._events.close)
        self._events.permit(can_write=self._can_write, can_read=self._can_read)
        self._client_side.go_live(self._events)

    async def _open_provider(self, undo: contextlib.AsyncExitStack) -> None:
        side = ProviderSide(
            self._context,
            self._candidates,
            self.events,
            policy=self._reconnect,
            settled=self.settled,
            on_goodbye=lambda: self.end_after_drain(EndReason.AGENT_ENDED),
        )
        undo.push_async_callback(side.close)
        self._provider_side, self._context.send = side, side.send
        self._handoffs = Handoffs(self._context, self.events, side, drained=self.drained)
        try:
            await side.connect()
        except (ProviderError, ConfigError) as error:
            self._context.set_end_reason(end_reason(error))
            self._context.report(str(self.view.end_reason), str(error))
            raise

    def _begin(self, ready: asyncio.Future[None]) -> None:
        self.view.state = advance(self.view.state, SessionState.ACTIVE)
        logger.info("session %s is active in room %s", self.view.id, self.view.room_id)
        self.tell_client(messages.session_started(self.view, self.provider.name))
        self._context.lane.put(lambda: self.port.tell(HookTrigger.ON_SESSION_STARTED, SessionEvent(session=self.view)))
        self.recording.begin(self.events.media)
        self._side.go_live()
        if self.settings.greeting:
            self.send(Speak(self.settings.greeting))
        if not ready.done():
            ready.set_result(None)

    async def _until_over(self) -> None:
        await self._context.over.wait()
        try:
            async with asyncio.timeout(WIND_UP_TIMEOUT_S):
                await self.events.wind_up()
        except TimeoutError:
            logger.warning("session %s: the last words were not stored in time", self.view.id)
        raise _OverError

    async def _close_client(self) -> None:
        # Nobody said why: the task was cancelled from outside, or something of ours broke.
        self._context.set_end_reason(EndReason.SHUTDOWN if is_cancelled() else EndReason.FAILED)
        self.tell_client(messages.session_ended(self.view))
        await self._client_side.close(str(self.view.end_reason))

    def _closed(self) -> None:
        """The last step of every end, whatever the way there."""
        self._context.set_end_reason(EndReason.FAILED)
        self.view.state = advance(self.view.state, SessionState.ENDED)
        self.view.link_states.update(client=LinkState.DOWN, provider=LinkState.DOWN)
        reason = str(self.view.end_reason)
        logger.info("session %s ended: %s", self.view.id, reason)
        self.port.tell(HookTrigger.ON_SESSION_ENDED, SessionEvent(session=self.view, reason=reason))

    # --- ending ---------------------------------------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        """Whether the end has begun."""
        return self._context.is_over

    @property
    def is_text_only(self) -> bool:
        """Whether nobody speaks for the agent, and the call goes on in writing."""
        return self._provider_side is not None and self._provider_side.is_text_only

    @property
    def is_live(self) -> bool:
        """Whether it has its client, and has not begun to end."""
        return self._events is not None and not self.is_over

    def end(self, reason: EndReason) -> None:
        """Begin the end; the first reason counts. Never waits."""
        self._context.end(reason)

    async def ended(self) -> None:
        """Return when nothing of the session is left; at once inside one of its own hooks or tools."""
        if not is_inside(self.view.id):
            await self._finished.wait()

    async def drained(self) -> None:
        """Return when everything the agent said was heard, after `DRAIN_TIMEOUT_S` at most."""
        if self._events is not None:
            with contextlib.suppress(TimeoutError, RoomKitError):
                async with asyncio.timeout(DRAIN_TIMEOUT_S):
                    await self._context.unless_over(self._events.quiet())

    def end_after_drain(self, reason: EndReason) -> None:
        """Hang up once what is being said was heard; returns at once."""

        async def drain() -> None:
            await self.drained()
            self.end(reason)

        if not self.is_over:
            self._context.start_task(drain(), "drain")

    # --- the provider ---------------------------------------------------------------------------------------------

    @property
    def provider(self) -> RealtimeVoiceProvider:
        """The provider of the current or the next link."""
        return self._side.provider

    def link_config(self, settings: SessionSettings) -> LinkConfig:
        """What a link of who serves would be with these settings."""
        return self._side.link_config(settings)

    def send(self, command: Command) -> None:
        """Tell the provider.

        Raises:
            ConfigError: The vendor cannot do this.
        """
        self._context.send(command)

    async def hand_over(self, settings: SessionSettings, provider: RealtimeVoiceProvider) -> None:
        """Go on with another provider link between turns; see `ProviderSide.hand_over`.

        From inside one of the session's own hooks or tools it is only recorded, and a failure is reported.
        """
        if is_inside(self.view.id):
            self._context.start_task(self._side.hand_over_or_report(settings, provider), "switch")
        else:
            await self._context.unless_over(self._side.hand_over(settings, provider))

    async def change_agent(self, handoff: Handoff, *, waits: bool = True) -> None:
        """Another agent serves from the next turn on; see `Handoffs`. Without ``waits`` a failure is reported."""
        if self._handoffs is None:
            raise self._context.not_live()
        if self._handoffs.leads_to(handoff.to):
            return
        self._handoffs.claim(handoff, is_own_wish=is_inside(self.view.id))
        if waits:
            await self._context.unless_over(self._handoffs.carry_out(handoff))
        else:
            self._context.start_task(self._handoffs.carry_out_or_report(handoff), "handoff")

    def _provider_lost(self, lost: LinkLost) -> None:
        self._side.lost(lost)

    # --- the client -----------------------------------------------------------------------------------------------

    def tell_client(self, message: messages.Message) -> None:
        """A control message; dropped when there is no client, or for the agent's words to who may not hear it."""
        (self._context if self._events is None else self._events).tell_client(message)

    @property
    def waits_for_client(self) -> bool:
        """Whether the client's link dropped and it may still come back."""
        return self.view.link_states["client"] is LinkState.RECOVERING and not self.is_over

    async def resume(self, connection: Any) -> None:
        """The client is back on another connection; see `ClientSide.resume`."""
        await self._client_side.resume(connection, messages.session_started(self.view, self.provider.name))

    def inject(self, text: str, role: Role = "user", *, silent: bool = False, chain_depth: int = 0) -> None:
        """Put words into the conversation: a turn to be answered aloud, the agent's own to be said, or silent context.

        See `SessionEvents.inject`.
        """
        self.events.inject(text, role, silent=silent, chain_depth=chain_depth)

    # --- for everybody --------------------------------------------------------------------------------------------

    @property
    def events(self) -> SessionEvents:
        """What happens in the session.

        Raises:
            SessionStateError: It is not connected, or over.
        """
        if self._events is None:
            raise self._context.not_live()
        return self._events

    @property
    def _side(self) -> ProviderSide:
        if self._provider_side is None:
            raise self._context.not_live()
        return self._provider_side

    def permit(self, *, can_write: bool, can_read: bool) -> None:
        """The binding's live permission: whether the room may hear the caller, and the caller the room."""
        self._can_write, self._can_read = can_write, can_read
        if self._events is not None:
            self._events.permit(can_write=can_write, can_read=can_read)

    async def settled(self) -> None:
        """Return when everything that came so far had its effect; at once inside the session's own tasks."""
        if is_inside(self.view.id) or self._events is None or self.view.state is not SessionState.ACTIVE:
            return
        lane = self._context.lane
        if lane.is_idle and not self._events.tools.is_busy:
            await self.port.settled()
            return
        steps = (lane.settled, self._events.tools.settled, lane.settled, self.port.settled)
        with contextlib.suppress(TimeoutError, StoppedError):
            async with asyncio.timeout(SETTLE_TIMEOUT_S):
                for step in steps:
                    await unless(self._finished, step())
