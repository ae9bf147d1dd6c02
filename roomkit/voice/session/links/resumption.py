"""The vendors' handles to this conversation, and up to where each of them covers it. Pure.

A provider object's newest handle counts. What was said and done after it was given out is what the vendor may not know.
"""

from __future__ import annotations

from dataclasses import dataclass

from roomkit.voice.realtime.provider import RealtimeVoiceProvider
from roomkit.voice.session.words.history import History


@dataclass(frozen=True, slots=True)
class Handle:
    """A vendor's handle.

    Attributes:
        mark: See `History.mark`: what came later is not covered.
    """

    text: str
    mark: int


class Resumption:
    """The handles of one session.

    Args:
        history: Marks where the conversation stands.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._handles: dict[RealtimeVoiceProvider, Handle] = {}

    def offered(self, provider: RealtimeVoiceProvider, handle: str) -> None:
        """The vendor gave out a handle to the conversation as it is now."""
        self._handles[provider] = Handle(handle, self._history.mark)

    def forget(self, provider: RealtimeVoiceProvider) -> None:
        """The handle did not work."""
        self._handles.pop(provider, None)

    def text_of(self, provider: RealtimeVoiceProvider) -> str | None:
        """What goes into `LinkConfig.resume`."""
        handle = self._handles.get(provider)
        return None if handle is None else handle.text

    def mark_of(self, provider: RealtimeVoiceProvider) -> int:
        """Up to where the provider's handle covers the conversation; 0 without one."""
        handle = self._handles.get(provider)
        return 0 if handle is None else handle.mark
