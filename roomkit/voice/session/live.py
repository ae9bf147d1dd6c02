"""The live sessions of one channel: who is on, found by id, room or caller; started and ended together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from roomkit._aio import Supervisor
from roomkit.errors import NotFoundError, SessionStateError
from roomkit.models.session import EndReason, VoiceSession
from roomkit.voice.session.engine import Session


class LiveSessions:
    """Owns the sessions of one channel.

    Args:
        name: Prefix of the sessions' tasks; the channel's id.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._sessions: dict[str, Session] = {}
        self._supervisor = Supervisor(name)
        self._is_closed = False

    async def run(self, session: Session) -> None:
        """Start a session in place of the caller's previous one; returns when it is ACTIVE.

        Cancelling hangs it up.

        Raises:
            SessionStateError: The channel is closed, or the session was ended before it was active.
            RoomKitError: It could not begin; nothing of it is left.
        """
        view = session.view
        if self._is_closed:
            raise SessionStateError(f"channel {self._name} is closed: it takes no more callers")
        previous = self.of_caller(view.room_id, view.participant_id)
        self._sessions[view.id] = session
        if previous is not None:
            previous.end(EndReason.REPLACED)
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._supervisor.start(self._until_over(session, ready, previous), name=view.id)
        try:
            await asyncio.shield(ready)
        except asyncio.CancelledError:
            session.end(EndReason.HANGUP)
            ready.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise

    def find(self, session: VoiceSession | str) -> Session | None:
        """A session by itself or its id, until nothing of it is left."""
        return self._sessions.get(session if isinstance(session, str) else session.id)

    def get(self, session: VoiceSession | str) -> Session:
        """Like `find`, for those who want to do something with it.

        Raises:
            NotFoundError: It is over, or never was on this channel.
        """
        found = self.find(session)
        if found is None or found.is_over:
            session_id = session if isinstance(session, str) else session.id
            raise NotFoundError(f"session {session_id} is over, or was never on channel {self._name}")
        return found

    def of_room(self, room_id: str) -> list[Session]:
        """The room's sessions, oldest first."""
        return [session for session in self._sessions.values() if session.view.room_id == room_id]

    def of_caller(self, room_id: str, participant_id: str) -> Session | None:
        """The caller's newest session in a room."""
        own = [session for session in self.of_room(room_id) if session.view.participant_id == participant_id]
        return own[-1] if own else None

    async def drain(self) -> None:
        """Take no more callers, and hang up each call once its caller has heard what is being said."""
        self._is_closed = True
        sessions = list(self._sessions.values())
        await asyncio.gather(*(session.drained() for session in sessions))
        for session in sessions:
            session.end(EndReason.SHUTDOWN)
        await _all_ended(sessions)

    async def close(self) -> None:
        """End every session and wait for it. Idempotent."""
        self._is_closed = True
        sessions = list(self._sessions.values())
        for session in sessions:
            session.end(EndReason.SHUTDOWN)
        await _all_ended(sessions)
        await self._supervisor.close()

    async def _until_over(self, session: Session, ready: asyncio.Future[None], previous: Session | None) -> None:
        try:
            await session.run(ready, replacing=previous)
        finally:
            self._sessions.pop(session.view.id, None)


async def _all_ended(sessions: Iterable[Session]) -> None:
    for session in sessions:
        await session.ended()
