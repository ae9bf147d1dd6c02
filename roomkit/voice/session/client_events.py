"""What the client says beside its audio, each thing to the part of the session that it is for.

Not in here: the client's link and its coming back (`client_side`), its audio (`input`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from roomkit.errors import ConfigError
from roomkit.models.enums import HookTrigger
from roomkit.models.session import EndReason
from roomkit.models.voice import DtmfEvent
from roomkit.voice.backends.base import (
    ClientCapabilities,
    ClientDigit,
    ClientEvent,
    ClientGone,
    ClientGoodbye,
    ClientInterrupt,
    ClientMuted,
    ClientPlayback,
    ClientText,
    ClientTurn,
)
from roomkit.voice.realtime.commands import BeginInput, CommitInput
from roomkit.voice.session.client_audio import ClientAudio
from roomkit.voice.session.context import SessionContext
from roomkit.voice.session.media.agent_voice import AgentVoice
from roomkit.voice.session.media.floor import Floor
from roomkit.voice.session.media.lane import Media
from roomkit.voice.session.observers import Observers


class ClientEvents:
    """The client's side of one session's events.

    Args:
        on_gone: The client's link dropped.
        on_typed: The caller typed; worked on the lane.
    """

    def __init__(
        self,
        context: SessionContext,
        media: Media,
        voice: AgentVoice,
        floor: Floor,
        observers: Observers,
        audio: ClientAudio,
        *,
        on_gone: Callable[[], None],
        on_typed: Callable[[str], Awaitable[None]],
    ) -> None:
        self._context = context
        self._media = media
        self._voice = voice
        self._floor = floor
        self._observers = observers
        self._audio = audio
        self._on_gone = on_gone
        self._on_typed = on_typed

    def take(self, event: ClientEvent) -> None:
        """One event, in the client's order."""
        match event:
            case ClientPlayback(played_ms, epoch):
                self._played(played_ms, epoch)
            case ClientText(text):
                self._floor.caller_writes()
                self._context.lane.put(lambda: self._on_typed(text))
            case ClientMuted(is_muted):
                self._media.stop_input("client", is_muted)
            case ClientCapabilities(microphone, speaker):
                self._audio.take(microphone, speaker)
            case ClientInterrupt():
                self._floor.interrupt()
            case ClientTurn(begins):
                self._take_turn(BeginInput() if begins else CommitInput())
            case ClientDigit(digit):
                self._observers.tell(HookTrigger.ON_DTMF, DtmfEvent, digit=digit)
            case ClientGoodbye():
                self._context.end(EndReason.CLIENT_ENDED)
            case ClientGone():
                self._on_gone()

    def _take_turn(self, command: BeginInput | CommitInput) -> None:
        try:
            self._context.send(command)
        except ConfigError as error:  # a client's button that this vendor knows nothing of
            self._context.report("unsupported", str(error))

    def _played(self, played_ms: float, epoch: int) -> None:
        position_ms = self._media.output.reported(played_ms, epoch)
        if position_ms is not None:
            self._voice.played_to(position_ms)
