"""What the parts of one session share: who it is, how it runs, its door to the room, its lane, its end.

The parts (`events`, the two sides) hold this and not the session, so each can be built without the others. Not in here:
the order of things (`engine`). Invariant: the first reason given for the end is the one that counts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from roomkit._aio import StoppedError, unless
from roomkit.clock import Clock
from roomkit.core.ports import RoomPort
from roomkit.errors import ClientGoneError, ConfigError, SessionStateError
from roomkit.models.enums import HookTrigger
from roomkit.models.session import EndReason, LinkState, SessionState, VoiceSession
from roomkit.models.voice import ErrorEvent
from roomkit.voice.realtime.commands import Command
from roomkit.voice.session import messages
from roomkit.voice.session.lane import Lane
from roomkit.voice.session.settings import SessionSettings

if TYPE_CHECKING:
    from roomkit.voice.session.recording.recorder import Recorder

logger = logging.getLogger(__name__)


async def _nobody() -> None:
    """Who takes over where no channel knows of agents."""
    raise ConfigError("only a channel can let another agent take over")


def _dropped(_: object) -> None:
    """Where messages and commands go while the side that would take them is not there."""


class SessionContext:
    """The common ground of one session.

    Args:
        view: What the application holds.
        settings: How the session runs; replaced as a whole when it is reconfigured.
        port: The session's door to its room.
        clock: Time and ids.

    Attributes:
        lane: The conversation lane.
        over: Set when the end begins.
        tasks: The session's task group while it is ACTIVE.
        tell_client: Sends a control message to the client; the client side puts itself here.
        send: Passes a command to the provider; the provider side puts itself here.
        degrade: Lets the budget's fallback serve from the next turn on; the session puts this here.
        recorder: Takes down what happens, while the session is recorded.
    """

    def __init__(self, view: VoiceSession, settings: SessionSettings, port: RoomPort, clock: Clock) -> None:
        self.view = view
        self.settings = settings
        self.port = port
        self.clock = clock
        self.lane = Lane(on_overload=lambda: self.end(EndReason.OVERLOADED), on_error=self._lane_failed)
        self.over = asyncio.Event()
        self.tasks: asyncio.TaskGroup | None = None
        self.tell_client: Callable[[messages.Message], None] = _dropped
        self.send: Callable[[Command], None] = _dropped
        self.degrade: Callable[[], Awaitable[None]] = _nobody
        self.recorder: Recorder | None = None

    @property
    def is_over(self) -> bool:
        """Whether the end has begun."""
        return self.over.is_set()

    def end(self, reason: EndReason) -> None:
        """Begin the end; the first reason counts. Never waits."""
        self.set_end_reason(reason)
        self.over.set()

    def set_end_reason(self, reason: EndReason) -> None:
        """Say why the session ends, unless somebody has."""
        if self.view.end_reason is None:
            self.view.end_reason = reason

    async def unless_over(self, work: Coroutine[Any, Any, None]) -> None:
        """Await ``work``; it is cancelled when the end begins.

        Raises:
            ClientGoneError: It has begun, because the client left.
            SessionStateError: It has begun for another reason.
        """
        try:
            await unless(self.over, work)
        except StoppedError:
            if self.view.end_reason is EndReason.CLIENT_GONE:
                raise ClientGoneError("the client left") from None
            raise SessionStateError(f"the session is over: {self.view.end_reason}") from None

    def start_task(self, coro: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run something as a task of the session; it ends with the session.

        Raises:
            SessionStateError: The session is not ACTIVE; ``coro`` is closed unrun.
        """
        if self.tasks is None or self.is_over:
            coro.close()
            raise self.not_live()
        return self.tasks.create_task(coro, name=f"{self.view.id}:{name}")

    def not_live(self) -> SessionStateError:
        """The error of who wants something of a session that is not connected, or over."""
        return SessionStateError(f"the session is not live: {self.view.end_reason or self.view.state}")

    def provider_is(self, state: LinkState, provider_session_id: str | None) -> None:
        """The provider link came up or went away."""
        was, self.view.link_states["provider"] = self.view.link_states["provider"], state
        if provider_session_id is not None:
            self.view.provider_session_id = provider_session_id
        if was is not state and self.view.state is SessionState.ACTIVE:
            self.tell_client(messages.link_state("provider", state))

    def record(self, kind: str, **fields: Any) -> None:
        """For the log of the recording, where there is one."""
        if self.recorder is not None:
            self.recorder.note(kind, fields)

    def announce(self, event_type: str, **data: object) -> None:
        """Tell the operators (``kit.on``) what happened to this session."""
        self.port.announce(event_type, session_id=self.view.id, **data)

    def report(self, code: str, message: str) -> None:
        """Tell whoever can act on it: the client, and the ON_ERROR hooks."""
        self.tell_client(messages.error(code, message))
        self.warn(code, message)

    def warn(self, code: str, message: str) -> None:
        """Tell the ON_ERROR hooks alone: the call goes on, and the client has nothing to do."""
        view = self.view
        event = ErrorEvent(
            session=view, room_id=view.room_id, channel_id=view.channel_id, code=code, message=message, where="session"
        )
        self.port.tell(HookTrigger.ON_ERROR, event)

    def _lane_failed(self, error: Exception) -> None:
        logger.error("session %s: an item of the lane failed", self.view.id, exc_info=error)
        self.report("internal", f"{type(error).__name__} in the conversation lane")
