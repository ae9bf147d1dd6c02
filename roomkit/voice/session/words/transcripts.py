"""Words on their way past the hooks to the client: the event made of them, the verdict, what is shown meanwhile.

Not in here: whose words they are and when they are final (`caller_words`, `agent_words`), where they stand (`record`).
Invariant: nothing is shown as final that no hook has allowed, and no verdict in time is a block (RFC 0006, R-0006-22).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType

from roomkit.clock import Clock
from roomkit.core.ports import RoomPort, Verdict
from roomkit.models.content import TextContent
from roomkit.models.enums import ChannelDirection, ChannelType, HookTrigger
from roomkit.models.event import EventSource
from roomkit.models.session import VoiceSession
from roomkit.models.voice import TranscriptionEvent
from roomkit.voice.realtime.provider_events import Role, Transcript
from roomkit.voice.session import messages
from roomkit.voice.session.settings import SessionSettings

logger = logging.getLogger(__name__)

NO_VERDICT = "transcription_timeout"
"""Who blocked words that no hook has judged within ``transcription_timeout_s``."""


class Transcripts:
    """The way of one session's words past the hooks.

    Args:
        send: Sends a message to the client.

    Attributes:
        chain_depth: Of what the caller says; the agent's answer is one deeper.
    """

    def __init__(
        self,
        session: VoiceSession,
        settings: SessionSettings,
        port: RoomPort,
        clock: Clock,
        *,
        send: Callable[[messages.Message], None],
    ) -> None:
        self.chain_depth = 0
        self._session = session
        self._settings = settings
        self._port = port
        self._clock = clock
        self._send = send
        self._withholding_was_said = False

    @property
    def are_judged(self) -> bool:
        """Whether a hook may block words of this session now."""
        return self._port.listens(HookTrigger.ON_TRANSCRIPTION, deciding=True)

    async def judge(self, role: Role, text: str, item_id: str, *, is_final: bool = True) -> Verdict[TranscriptionEvent]:
        """Ask the hooks about somebody's words."""
        event = self.event(role, text, item_id, is_final=is_final)
        try:
            async with asyncio.timeout(self._settings.transcription_timeout_s):
                return await self._port.ask(HookTrigger.ON_TRANSCRIPTION, event)
        except TimeoutError:
            # ON_TRANSCRIPTION fails closed (api.md): words nobody has judged in time are not shown.
            return Verdict(False, event, "no verdict within transcription_timeout_s", blocked_by=NO_VERDICT)

    def show_partial(self, transcript: Transcript) -> None:
        """Words so far: to the observers, and to the client unless a hook could stop the final."""
        event = self.event(transcript.role, transcript.text, transcript.item_id, is_final=False)
        self._port.tell(HookTrigger.ON_PARTIAL_TRANSCRIPTION, event)
        if not self._withholds_partials():
            self.show(transcript.role, transcript.text, transcript.item_id, is_final=False)

    def show(self, role: Role, text: str, item_id: str, *, is_final: bool, interrupted: bool = False) -> None:
        """Tell the client somebody's words, allowed already."""
        message = messages.transcription(role, text, is_final=is_final, item_id=item_id, interrupted=interrupted)
        self._send(message)

    def take_away(self, role: Role, item_id: str) -> None:
        """Tell the client that a hook blocked the words."""
        self._send(messages.transcription_blocked(role, item_id))

    def event(
        self,
        role: Role,
        text: str,
        item_id: str,
        *,
        is_final: bool = True,
        metadata: Mapping[str, object] = MappingProxyType({}),
    ) -> TranscriptionEvent:
        """Somebody's words as hooks see them; ``metadata`` is added to what every transcript has."""
        session = self._session
        return TranscriptionEvent(
            id=self._clock.new_id("evt"),
            room_id=session.room_id,
            source=EventSource(
                channel_id=session.channel_id,
                channel_type=ChannelType.REALTIME_VOICE,
                direction=ChannelDirection.INBOUND if role == "user" else ChannelDirection.OUTBOUND,
                participant_id=session.participant_id if role == "user" else None,
                external_id=item_id or None,
            ),
            content=TextContent(body=text),
            chain_depth=self.chain_depth if role == "user" else self.chain_depth + 1,
            created_at=self._clock.wall(),
            metadata={"voice_session_id": session.id, "source": "realtime_voice", "role": role, **metadata},
            is_final=is_final,
            session=session,
        )

    def _withholds_partials(self) -> bool:
        if self._settings.partial_transcripts == "always" or not self.are_judged:
            return False
        if not self._withholding_was_said:
            self._withholding_was_said = True
            logger.info(
                "partial transcripts of session %s are withheld: an ON_TRANSCRIPTION hook may stop the final; "
                'partial_transcripts="always" shows them all the same',
                self._session.id,
            )
        return True
