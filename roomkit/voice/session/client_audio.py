"""A client without a microphone or a speaker: the call goes on, in writing on the side that has no audio.

The client says what it has, at any time; what it does not say stays as it was, and it begins with both. Not in here: a
call nobody can speak in (`links.text_only`), how audio is kept back (`media`). Invariant: a caller who cannot hear is
never waited for as if they listened: what is shown to them counts as heard.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from roomkit.voice.session import messages
from roomkit.voice.session.context import SessionContext
from roomkit.voice.session.media.lane import Media

CANNOT_HEAR: Final = "The caller cannot hear you now: what you say is shown to them as text."
HEARS_AGAIN: Final = "The caller can hear you again."


class ClientAudio:
    """What the client of one session can do.

    Args:
        tell_agent: Gives the agent silent context. That a caller types it sees; that they read it could not know.
    """

    def __init__(self, context: SessionContext, media: Media, *, tell_agent: Callable[[str], None]) -> None:
        self._context = context
        self._media = media
        self._tell_agent = tell_agent

    def take(self, microphone: bool | None, speaker: bool | None) -> None:
        """The client says what it has; ``None``: as before."""
        view = self._context.view
        was = view.has_microphone, view.has_speaker
        view.has_microphone = view.has_microphone if microphone is None else microphone
        view.has_speaker = view.has_speaker if speaker is None else speaker
        if was == (view.has_microphone, view.has_speaker):
            return
        self._media.stop_input("no_microphone", not view.has_microphone)
        if view.has_speaker is not was[1]:
            self._media.client_reads(not view.has_speaker)
            words = HEARS_AGAIN if view.has_speaker else CANNOT_HEAR
            self._context.lane.put(lambda: self._tell_agent(words))
        self._tell(has_microphone=view.has_microphone, has_speaker=view.has_speaker)

    def client_is_new(self) -> None:
        """Another device, perhaps: it has both until it says otherwise."""
        self.take(True, True)

    def _tell(self, *, has_microphone: bool, has_speaker: bool) -> None:
        """The client, in its turn (it may have spoken before the session began), and the operators."""
        context = self._context
        message = messages.capabilities(has_microphone, has_speaker)
        context.lane.put(lambda: context.tell_client(message))
        if has_microphone and has_speaker:
            context.announce("audio_restored", side="client")
        else:
            context.announce("degraded", side="client", microphone=has_microphone, speaker=has_speaker)
