"""How a link with xAI comes up: the rates it will have, and whether it takes up an earlier conversation. Pure.

The server names the conversation and, where it is one of before, replays its items before it accepts our set-up.
Those are not news, and none of them is reported. Invariant: the link is ready once.
"""

from __future__ import annotations

from roomkit.providers.shared.objects import Json, object_of, text_of
from roomkit.providers.xai.session import RATES_HZ, Rates, rates_of, wants_resumption
from roomkit.voice.realtime.commands import LinkConfig
from roomkit.voice.realtime.provider_events import LinkReady, ProviderEvent, Resumable


class Opening:
    """What is known of the link so far.

    Attributes:
        is_over: The link is up.
        rates: As asked for, then as granted.
    """

    def __init__(self) -> None:
        self.is_over = False
        self.rates = Rates(RATES_HZ[0], RATES_HZ[0])
        self._event_id = ""
        self._resumes: str | None = None
        self._wants_resumption = False
        self._session_id = ""
        self._conversation_id = ""
        self._replayed_count = 0

    def begin(self, config: LinkConfig) -> None:
        """The link is being set up for ``config``."""
        self.rates = rates_of(config)
        self._resumes = config.resume
        self._wants_resumption = wants_resumption(config)

    def sent(self, event_id: str) -> None:
        """The set-up went out under this id."""
        self._event_id = event_id

    def is_refused_by(self, cause: str) -> bool:
        """Whether an error with this cause (``""``: it names none) means that there will be no link."""
        return not self.is_over and cause in (self._event_id, "")

    def session_created(self, event: Json) -> None:
        """The server told its name for the session."""
        self._session_id = text_of(object_of(event, "session"), "id")

    def conversation_created(self, event: Json) -> None:
        """The server told which conversation this is."""
        self._conversation_id = text_of(object_of(event, "conversation"), "id")

    def item_added(self) -> None:
        """An item; before the set-up is accepted it can only be a replayed one."""
        if not self.is_over:
            self._replayed_count += 1

    def session_updated(self, event: Json) -> list[ProviderEvent]:
        """Our set-up was accepted; what follows from it, the first time."""
        if self.is_over:
            return []
        self.is_over = True
        session = object_of(event, "session")
        audio = object_of(session, "audio")
        granted = (_granted_hz(audio, side, asked) for side, asked in zip(("input", "output"), self.rates, strict=True))
        self.rates = Rates(*granted)
        session_id = text_of(session, "id") or self._session_id
        # the same conversation without its items is one the server has forgotten: then we tell it again
        is_resumed = bool(self._replayed_count) and self._conversation_id == self._resumes
        ready = LinkReady(*self.rates, session_id or None, is_resumed)
        if not (self._wants_resumption and self._conversation_id):
            return [ready]
        return [ready, Resumable(self._conversation_id)]


def _granted_hz(audio: Json, side: str, asked_hz: int) -> int:
    rate = object_of(object_of(audio, side), "format").get("rate")
    return rate if isinstance(rate, int) and rate in RATES_HZ else asked_hz
