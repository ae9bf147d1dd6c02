"""A call without a voice: when nobody can speak for the agent any more, it goes on in writing until somebody can.

The caller types and reads, in the same room; other channels and agents of the room answer. Not in here: the dialling
meanwhile (`dialling`), showing the room's words (`roomkit.channels.voice_from_room`). Invariant: nothing said aloud
meanwhile reaches a provider later, for it would be an answer to minutes ago.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from roomkit.errors import ConfigError, ProviderError
from roomkit.models.session import LinkState
from roomkit.voice.session import messages
from roomkit.voice.session.context import SessionContext
from roomkit.voice.session.events import SessionEvents
from roomkit.voice.session.links.slot import OpenLink

FIRST_PAUSE_S: Final = 15.0
"""Everything quicker has been tried."""

MAX_PAUSE_S: Final = 300.0
"""Who comes back within the call is noticed within five minutes."""


class TextOnly:
    """Whether one session has no voice, and how it gets it back.

    Attributes:
        is_on: It goes on in writing.
    """

    def __init__(self, context: SessionContext, events: SessionEvents) -> None:
        self._context = context
        self._events = events
        self.is_on = False

    def begin(self, why: str) -> None:
        """Nobody speaks for the agent any more."""
        self.is_on = True
        self._events.owes_answer = False
        self._events.conversation.history.speaker = None  # what is written now, no link knows
        self._events.media.stop_input("text_only", True)
        self._events.media.input.drop_held()
        self._context.provider_is(LinkState.DOWN, None)
        self._context.tell_client(messages.degraded("text"))
        self._context.warn("degraded_to_text", why)
        self._context.announce("degraded", side="provider", to="text", reason=why)

    def end(self) -> None:
        """Somebody does again."""
        self.is_on = False
        self._events.media.stop_input("text_only", False)
        self._events.owes_answer = False  # what was typed meanwhile is told; a late answer would interrupt the talk
        self._context.tell_client(messages.degraded("audio"))
        self._context.warn("audio_restored", "the agent can be heard again")
        self._context.announce("audio_restored", side="provider")

    def write(self, text: str) -> None:
        """What the agent was to say word for word: judged as if it were spoken, and shown."""
        self._events.speech.say(text, self._events.write)

    async def until_back(self, dial: Callable[[], Awaitable[OpenLink]]) -> OpenLink:
        """Dial now and then, for as long as the session lasts.

        Args:
            dial: One round of everybody who may serve.
        """
        pause_s = FIRST_PAUSE_S
        while True:
            await asyncio.sleep(pause_s)
            try:
                return await dial()
            except (ProviderError, ConfigError):
                pause_s = min(pause_s * 2.0, MAX_PAUSE_S)
