"""The session: one caller's live conversation as one object, from accept to the last clean-up.

It owns its links and its two lanes and ties them by the state table. It starts whole or not at all, and an ended
session holds no task, no socket, no buffer. Not in here: rooms, kits and channels (`RoomPort` is all it knows of them).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from roomkit._aio import StoppedError, unless
from roomkit.clock import Clock
from roomkit.core.ports import RoomPort
from roomkit.errors import ClientGoneError, ConfigError, ProviderError, RoomKitError, SessionStateError
from roomkit.models.enums import HookTrigger
from roomkit.models.session import EndReason, LinkState, SessionState, VoiceSession
from roomkit.models.voice import ErrorEvent, SessionEvent
from roomkit.voice.backends.base import ClientEvent, ClientSetup, VoiceBackend
from roomkit.voice.realtime.dialect import Command, LinkConfig, LinkLost, Role, Speak
from roomkit.voice.realtime.provider import RealtimeVoiceProvider
from roomkit.voice.realtime.reconnect import ReconnectPolicy
from roomkit.voice.session import messages
from roomkit.voice.session.client_side import ClientSide
from roomkit.voice.session.events import SessionEvents
from roomkit.voice.session.inside import CURRENT_SESSION_ID, is_inside
from roomkit.voice.session.lane import Lane
from roomkit.voice.session.outcome import fail, first_of, is_cancelled
from roomkit.voice.session.provider_side import ProviderSide, end_reason
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
        provider: The model side.
        transport: Carries the caller.
        connection: The transport's handle of the caller's connection.
        port: The session's door to its room.
        typed: What to do with text the caller typed (it enters the room first, then `inject`).
        reconnect: When to dial a lost provider again.
    """

    def __init__(
        self,
        view: VoiceSession,
        *,
        provider: RealtimeVoiceProvider,
        transport: VoiceBackend,
        connection: Any,
        settings: SessionSettings,
        port: RoomPort,
        clock: Clock,
        typed: Callable[[Session, str], Awaitable[None]],
        reconnect: ReconnectPolicy | None = None,
    ) -> None:
        self.view = view
        self.settings = settings
        self.port = port
        self.clock = clock
        self._initial_provider = provider
        self._connection = connection
        self._typed = typed
        self._reconnect = reconnect or ReconnectPolicy()
        self._lane = Lane(on_overload=lambda: self.end(EndReason.OVERLOADED), on_error=self._lane_failed)
        self._over = asyncio.Event()
        self._finished = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        self._client_side = ClientSide(self, transport, self._client_setup(), grace_ms=settings.client_grace_ms)
        self._events: SessionEvents | None = None
        self._provider_side: ProviderSide | None = None
        self._can_write = self._can_read = True

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
                if replacing is not None:
                    await replacing.ended()  # at once where one of its own hooks or tools starts this one
                CURRENT_SESSION_ID.set(self.view.id)
                await self.unless_over(self._connect(undo))
                async with asyncio.TaskGroup() as tasks:
                    self._tasks = tasks
                    self._begin(ready)
                    tasks.create_task(self._lane.run(), name=f"{self.view.id}:lane")
                    tasks.create_task(self._until_over(), name=f"{self.view.id}:life")
        finally:
            self._events = self._provider_side = self._tasks = None

    def _client_setup(self) -> ClientSetup:
        view, settings = self.view, self.settings
        return ClientSetup(
            session_id=view.id,
            room_id=view.room_id,
            participant_id=view.participant_id,
            input_rate_hz=settings.transport_rate_hz or settings.input_rate_hz,
            output_rate_hz=settings.transport_rate_hz or settings.output_rate_hz,
        )

    async def _connect(self, undo: contextlib.AsyncExitStack) -> None:
        await self._open_client(undo)
        await self._open_provider(undo)

    async def _open_client(self, undo: contextlib.AsyncExitStack) -> None:
        undo.push_async_callback(self._close_client)
        link = await self._client_side.open(self._connection)
        self._events = SessionEvents(self, self._lane, link)
        undo.callback(self._events.close)
        self._events.permit(can_write=self._can_write, can_read=self._can_read)
        self._client_side.go_live()

    async def _open_provider(self, undo: contextlib.AsyncExitStack) -> None:
        assert self._events is not None
        side = ProviderSide(
            self, self._initial_provider, self._events, self.clock,
            policy=self._reconnect, settled=self.settled, seed=self.view.id,
        )  # fmt: skip
        undo.push_async_callback(side.close)
        self._provider_side = side
        try:
            await side.connect()
        except (ProviderError, ConfigError) as error:
            self._set_end_reason(end_reason(error))
            self.report(str(self.view.end_reason), str(error))
            raise

    def _begin(self, ready: asyncio.Future[None]) -> None:
        self.view.state = advance(self.view.state, SessionState.ACTIVE)
        logger.info("session %s is active in room %s", self.view.id, self.view.room_id)
        self.tell_client(messages.session_started(self.view, self.provider.name))
        self._lane.put(lambda: self.port.tell(HookTrigger.ON_SESSION_STARTED, SessionEvent(session=self.view)))
        self._side.go_live()
        if self.settings.greeting:
            self.send(Speak(self.settings.greeting))
        if not ready.done():
            ready.set_result(None)

    async def _until_over(self) -> None:
        await self._over.wait()
        try:
            async with asyncio.timeout(WIND_UP_TIMEOUT_S):
                await self.events.wind_up()
        except TimeoutError:
            logger.warning("session %s: the last words were not stored in time", self.view.id)
        raise _OverError

    async def _close_client(self) -> None:
        # Nobody said why: the task was cancelled from outside, or something of ours broke.
        self._set_end_reason(EndReason.SHUTDOWN if is_cancelled() else EndReason.FAILED)
        self.tell_client(messages.session_ended(self.view))
        await self._client_side.close(str(self.view.end_reason))

    def _closed(self) -> None:
        """The last step of every end, whatever the way there."""
        self._set_end_reason(EndReason.FAILED)
        self.view.state = advance(self.view.state, SessionState.ENDED)
        self.view.link_states.update(client=LinkState.DOWN, provider=LinkState.DOWN)
        reason = str(self.view.end_reason)
        logger.info("session %s ended: %s", self.view.id, reason)
        self.port.tell(HookTrigger.ON_SESSION_ENDED, SessionEvent(session=self.view, reason=reason))

    # --- ending ---------------------------------------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        """Whether the end has begun."""
        return self._over.is_set()

    @property
    def is_live(self) -> bool:
        """Whether it has its client, and has not begun to end."""
        return self._events is not None and not self.is_over

    def end(self, reason: EndReason) -> None:
        """Begin the end; the first reason counts. Never waits."""
        self._set_end_reason(reason)
        self._over.set()

    async def unless_over(self, work: Coroutine[Any, Any, None]) -> None:
        """Await ``work``; it is cancelled when the end begins.

        Raises:
            ClientGoneError: It has begun, because the client left.
            SessionStateError: It has begun for another reason.
        """
        try:
            await unless(self._over, work)
        except StoppedError:
            if self.view.end_reason is EndReason.CLIENT_GONE:
                raise ClientGoneError("the client left") from None
            raise SessionStateError(f"the session is over: {self.view.end_reason}") from None

    async def ended(self) -> None:
        """Return when nothing of the session is left; at once inside one of its own hooks or tools."""
        if not is_inside(self.view.id):
            await self._finished.wait()

    async def drained(self) -> None:
        """Return when everything the agent said was heard, after `DRAIN_TIMEOUT_S` at most."""
        if self._events is not None:
            with contextlib.suppress(TimeoutError, RoomKitError):
                async with asyncio.timeout(DRAIN_TIMEOUT_S):
                    await self.unless_over(self._events.quiet())

    def end_after_drain(self, reason: EndReason) -> None:
        """Hang up once what is being said was heard; returns at once."""

        async def drain() -> None:
            await self.drained()
            self.end(reason)

        if not self.is_over:
            self.start_task(drain(), "drain")

    # --- the provider ---------------------------------------------------------------------------------------------

    @property
    def provider(self) -> RealtimeVoiceProvider:
        """The provider of the current or the next link."""
        return self._side.provider

    def send(self, command: Command) -> None:
        """Tell the provider.

        Raises:
            ConfigError: The vendor cannot do this.
        """
        if self._provider_side is not None:
            self._provider_side.send(command)

    async def hand_over(self, settings: SessionSettings, provider: RealtimeVoiceProvider) -> None:
        """Go on with another provider link between turns; see `ProviderSide.hand_over`."""
        await self.unless_over(self._side.hand_over(settings, provider))

    def hand_over_after_turn(self, settings: SessionSettings, provider: RealtimeVoiceProvider) -> None:
        """Like `hand_over`, from inside one of the session's own hooks or tools; a failure is reported."""
        self.start_task(self._side.hand_over_or_report(settings, provider), "switch")

    def link_config(self) -> LinkConfig:
        """What the provider link should be now."""
        return self.settings.link_config(self.view.id)

    def provider_is(self, state: LinkState, provider_session_id: str | None) -> None:
        """The provider link came up or went away."""
        was, self.view.link_states["provider"] = self.view.link_states["provider"], state
        if provider_session_id is not None:
            self.view.provider_session_id = provider_session_id
        if was is not LinkState.DOWN:
            self.tell_client(messages.link_state("provider", state))

    def provider_lost(self, lost: LinkLost) -> None:
        """The provider link dropped."""
        self._side.lost(lost)

    # --- the client -----------------------------------------------------------------------------------------------

    def tell_client(self, message: messages.Message) -> None:
        """A control message; dropped when there is no client."""
        self._client_side.send(message)

    def from_client(self, event: ClientEvent) -> None:
        """One event from the client's link."""
        self.events.from_client(event)

    def client_gone(self) -> None:
        """The client's link dropped."""
        self._client_side.gone(may_return=self.view.state is SessionState.ACTIVE)

    def client_is(self, state: LinkState) -> None:
        """The client's link came up or went away."""
        self.view.link_states["client"] = state

    @property
    def waits_for_client(self) -> bool:
        """Whether the client's link dropped and it may still come back."""
        return self.view.link_states["client"] is LinkState.RECOVERING and not self.is_over

    async def resume(self, connection: Any) -> None:
        """The client is back on another connection; see `ClientSide.resume`."""
        await self._client_side.resume(connection, messages.session_started(self.view, self.provider.name))

    async def typed(self, text: str) -> None:
        """The caller typed."""
        await self._typed(self, text)

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
            raise SessionStateError(f"the session is not live: {self.view.end_reason or self.view.state}")
        return self._events

    @property
    def _side(self) -> ProviderSide:
        if self._provider_side is None:
            raise SessionStateError(f"the session is not live: {self.view.end_reason or self.view.state}")
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
        if self._lane.is_idle and not self._events.tools.is_busy:
            await self.port.settled()
            return
        steps = (self._lane.settled, self._events.tools.settled, self._lane.settled, self.port.settled)
        with contextlib.suppress(TimeoutError, StoppedError):
            async with asyncio.timeout(SETTLE_TIMEOUT_S):
                for step in steps:
                    await unless(self._finished, step())

    def start_task(self, coro: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run something as a task of the session; it ends with the session."""
        if self._tasks is None or self.is_over:
            coro.close()
            raise SessionStateError(f"the session is not live: {self.view.end_reason or self.view.state}")
        return self._tasks.create_task(coro, name=f"{self.view.id}:{name}")

    def report(self, code: str, message: str) -> None:
        """Tell whoever can act on it: the client, and the ON_ERROR hooks."""
        view = self.view
        self.tell_client(messages.error(code, message))
        event = ErrorEvent(
            session=view, room_id=view.room_id, channel_id=view.channel_id, code=code, message=message, where="session"
        )
        self.port.tell(HookTrigger.ON_ERROR, event)

    def _lane_failed(self, error: Exception) -> None:
        logger.error("session %s: an item of the lane failed", self.view.id, exc_info=error)
        self.report("internal", f"{type(error).__name__} in the conversation lane")

    def _set_end_reason(self, reason: EndReason) -> None:
        if self.view.end_reason is None:
            self.view.end_reason = reason
