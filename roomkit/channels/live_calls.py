"""What an application can do to the live voice sessions of a channel, however they were begun.

A façade over `roomkit.voice.session.live`: find the call, tell it. Not in here: how a session begins and who its agent
is (`realtime_voice`), anything about audio or turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roomkit.channels.base import ChannelBase
from roomkit.channels.voice_from_room import bring_in, show
from roomkit.errors import ConfigError
from roomkit.models.recording import RecordingEvent, Tracks
from roomkit.models.session import EndReason, VoiceSession
from roomkit.voice.realtime.commands import AskForResponse, BeginInput, CommitInput
from roomkit.voice.realtime.provider_events import Role
from roomkit.voice.session.engine import Session
from roomkit.voice.session.inside import is_inside
from roomkit.voice.session.live import LiveSessions

if TYPE_CHECKING:
    from roomkit.models.channel import ChannelBinding
    from roomkit.models.context import RoomContext
    from roomkit.models.event import RoomEvent


class LiveCalls(ChannelBase):
    """A channel with calls on it.

    Args:
        channel_id: Unique in its kit.
    """

    def __init__(self, channel_id: str) -> None:
        super().__init__(channel_id)
        self._live = LiveSessions(channel_id)

    def get_room_sessions(self, room_id: str) -> list[VoiceSession]:
        """The room's sessions on this channel, oldest first."""
        return [live.view for live in self._live.of_room(room_id)]

    async def end_session(self, session: VoiceSession | str, *, drain: bool = False) -> None:
        """Hang up; returns when nothing of the session is left. Unknown or ended sessions: nothing happens.

        Called from one of the session's own hooks or tools it returns at once and the end follows.

        Args:
            session: The session or its id.
            drain: First let the caller hear what is being said.
        """
        live = self._live.find(session)
        if live is None:
            return
        if drain and is_inside(live.view.id):
            live.end_after_drain(EndReason.HANGUP)
            return
        if drain:
            await live.drained()
        live.end(EndReason.HANGUP)
        await live.ended()

    async def wait_idle(self, room_id: str, timeout: float = 15) -> None:
        """Return when no agent of the room is answering or being heard.

        From inside one of a session's own hooks or tools, that session is not waited for.

        Raises:
            TimeoutError: One still is after ``timeout`` seconds.
        """
        async with asyncio.timeout(timeout):
            for live in self._live.of_room(room_id):
                if not is_inside(live.view.id):
                    await live.drained()

    async def drain(self) -> None:
        """Take no more callers, and hang up each call once its caller has heard what is being said."""
        await self._live.drain()

    # --- into a session -----------------------------------------------------------------------------------------------

    async def inject_text(
        self, session: VoiceSession | str, text: str, *, role: Role = "user", silent: bool = False
    ) -> None:
        """Put words into the conversation: answered aloud, or with ``silent`` as context only.

        Raises:
            NotFoundError: The session is over.
        """
        self._live.get(session).inject(text, role, silent=silent)

    async def inject_image(
        self, session: VoiceSession | str, data: bytes, mime_type: str = "image/png", *, silent: bool = False
    ) -> None:
        """Show the agent a picture, answered aloud, or with ``silent`` as context only.

        Raises:
            ConfigError: The provider takes no images, or not this one: 10 MB of PNG, JPEG, GIF or WebP, as it can.
            NotFoundError: The session is over.
        """
        show(self._live.get(session), data, mime_type, silent=silent)

    async def begin_user_turn(self, session: VoiceSession | str) -> None:
        """Push to talk: the caller's turn begins; what the agent is saying is cut.

        Raises:
            ConfigError: The provider has no manual turns.
            NotFoundError: The session is over.
        """
        live = self._with_manual_turns(session)
        live.events.floor.interrupt()
        live.send(BeginInput())

    async def end_user_turn(self, session: VoiceSession | str) -> None:
        """Push to talk: the caller's turn is complete and to be answered.

        Raises:
            ConfigError: The provider has no manual turns.
            NotFoundError: The session is over.
        """
        live = self._with_manual_turns(session)
        live.events.voice.new_turn()
        live.send(CommitInput())

    async def request_response(self, session: VoiceSession | str, instructions: str | None = None) -> None:
        """Ask the agent for an answer now.

        Raises:
            NotFoundError: The session is over.
        """
        self._live.get(session).send(AskForResponse(instructions))

    def send_client_message(self, session: VoiceSession | str, message: Mapping[str, Any]) -> None:
        """Tell the client something of the application's own; JSON-able, with a ``type`` no transport uses.

        Raises:
            NotFoundError: The session is over.
        """
        self._live.get(session).tell_client(message)

    async def start_recording(
        self, session: VoiceSession | str, path: Path | str | None = None, *, tracks: Tracks | None = None
    ) -> Path:
        """Record a session from now on; returns the WAV file, once it is there. Its event log has the same name.

        Args:
            session: The session or its id.
            path: Must not exist; default: named by the session, in the directory of its `Recording`.
            tracks: ``"two"`` (caller left, agent right) or ``"mixed"``; default: as in its `Recording`, else two.

        Raises:
            ConfigError: No place to record to, or the file is there already or cannot be made.
            NotFoundError: The session is over.
            SessionStateError: It is being recorded already.
        """
        return await self._live.get(session).recording.start(path, tracks=tracks)

    async def stop_recording(self, session: VoiceSession | str) -> RecordingEvent | None:
        """Complete a session's recording; returns what the hooks are told, or ``None`` where there was none.

        Raises:
            NotFoundError: The session is over, and its recording complete.
        """
        return await self._live.get(session).recording.stop()

    # --- what the kit says --------------------------------------------------------------------------------------------

    async def on_event(self, event: RoomEvent, binding: ChannelBinding, context: RoomContext) -> None:
        """What other channels say and show: people's is answered aloud, other agents' is silent context (R-0006-40)."""
        await bring_in(event, binding, context, self._live.of_room(event.room_id))

    def is_spoken_in(self, room_id: str) -> bool:
        """Whether an agent is being heard in a room; a caller's words count when they are stored (R-0005-19)."""
        return any(live.events.voice.is_speaking for live in self._live.of_room(room_id))

    def on_binding_changed(self, room_id: str, binding: ChannelBinding | None) -> None:
        """Permissions hold from the very next frame; without a binding the room's sessions end."""
        for live in self._live.of_room(room_id):
            if binding is None:
                live.permit(can_write=False, can_read=False)
                live.end(EndReason.ACCESS_REVOKED)
            else:
                live.permit(can_write=binding.can_write, can_read=binding.agent_can_be_heard)

    # --- details ------------------------------------------------------------------------------------------------------

    def _with_manual_turns(self, session: VoiceSession | str) -> Session:
        live = self._live.get(session)
        if not live.provider.profile.manual_turns:
            raise ConfigError(f"{live.provider.name} takes turns by itself; request_response asks for an answer")
        return live
