"""Who sent a message: a linked address, else what the resolver says, else what a challenge proves (RFC 0009).

Not in here: who takes part in a room (`participants`), and what they may do (bindings). Invariants: where a challenge
is set, nobody who is not known gets a word into the room; what is said in answer to it is never stored.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from roomkit.core.live import LiveRoom
from roomkit.core.participants import Participants
from roomkit.core.parts import Parts
from roomkit.core.ports import IdentityChallenge, IdentityResolver
from roomkit.models.content import TextContent
from roomkit.models.delivery import InboundMessage
from roomkit.models.enums import ChannelDirection, ChannelType
from roomkit.models.event import EventSource, RoomEvent
from roomkit.models.identity import Address, Identity, IdentityStatus

BLOCKED_BY: Final = "identity"
MAX_ATTEMPTS: Final = 3
"""Wrong answers an address may give: few enough that a four-digit code is not guessed."""
MAX_CHALLENGED: Final = 10_000
"""Addresses remembered as having been asked; beyond, the oldest is asked anew."""


@dataclass(slots=True)  # not frozen: made once per event, and freezing doubles what that costs
class Sender:
    """Who sent a message, and what follows from that.

    Attributes:
        display_name: For a participant who is met for the first time.
        refused: Why the message is not taken at all: it answered a challenge.
        blocked: Why it is stored as blocked.
        question: To be put to the sender, and to nobody else.
    """

    participant_id: str | None
    display_name: str | None = None
    refused: str | None = None
    blocked: str | None = None
    question: RoomEvent | None = None

    @property
    def is_stopped(self) -> bool:
        """Whether the message goes no further."""
        return self.refused is not None or self.blocked is not None


class Identification:
    """Finds out who senders are.

    Args:
        timeout_s: For the resolver, and for the challenge.
    """

    def __init__(
        self,
        parts: Parts,
        participants: Participants,
        resolver: IdentityResolver | None,
        challenge: IdentityChallenge | None,
        *,
        timeout_s: float,
    ) -> None:
        self._parts = parts
        self._participants = participants
        self._resolver = resolver
        self._challenge = challenge
        self._timeout_s = timeout_s
        self._wrong_answers: dict[tuple[str, Address], int] = {}  # of those who were asked; rooms may be unloaded

    async def sender_of(self, live: LiveRoom, message: InboundMessage) -> Sender:
        """Who sent a message (R-0009-1)."""
        if live.addresses:
            linked = live.addresses.get(_address(message))
            if linked is not None:
                return Sender(linked)
        if self._resolver is None and self._challenge is None:
            return Sender(message.sender_id)
        identity = await self._resolved(live, message)
        if identity.participant_id is not None:
            return Sender(identity.participant_id, identity.display_name)
        if identity.status == IdentityStatus.AMBIGUOUS:
            self._emit("identity_ambiguous", live, message, candidates=list(identity.candidates))
        if self._challenge is None:
            return Sender(message.sender_id)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._challenged(live, message, identity, self._challenge)
        except Exception as error:  # noqa: BLE001 -- the application's challenge; failing, it has proved nothing
            self._emit("identity_failed", live, message, error=type(error).__name__)
            return Sender(message.sender_id, blocked="identity_failed")

    async def _resolved(self, live: LiveRoom, message: InboundMessage) -> Identity:
        """What the resolver says; one that fails, is late or talks nonsense does not know (R-0009-3)."""
        if self._resolver is None:
            return Identity.unknown()
        try:
            async with asyncio.timeout(self._timeout_s):
                found = await self._resolver.resolve(message)
            if isinstance(found, Identity):
                return found
            return Identity.known(found) if found else Identity.unknown()
        except Exception as error:  # noqa: BLE001 -- the application's function; the message must not be lost for it
            self._emit("identity_failed", live, message, error=type(error).__name__)
            return Identity.unknown()

    async def _challenged(
        self, live: LiveRoom, message: InboundMessage, identity: Identity, challenge: IdentityChallenge
    ) -> Sender:
        address = _address(message)
        wrong = self._wrong_answers.get((live.id, address))
        if wrong is None:
            question = await challenge.question(message, identity)
            if question is None:
                return Sender(message.sender_id)
            self._remember(live, address, 0)
            asked = self._question(live, message, question)
            return Sender(message.sender_id, blocked=f"identity_{identity.status}", question=asked)
        if wrong >= MAX_ATTEMPTS:
            return Sender(message.sender_id, blocked="identity_refused")
        proved = await challenge.verify(message, identity)
        if proved is not None and (not identity.candidates or proved in identity.candidates):
            await self._participants.link_in(live, proved, address)
            del self._wrong_answers[live.id, address]
            return Sender(proved, refused="identity_proved")
        self._remember(live, address, wrong + 1)
        again = await challenge.question(message, identity) if wrong + 1 < MAX_ATTEMPTS else None
        asked_again = None if again is None else self._question(live, message, again)
        return Sender(message.sender_id, refused="identity_not_proved", question=asked_again)

    def _remember(self, live: LiveRoom, address: Address, wrong_answers: int) -> None:
        self._wrong_answers[live.id, address] = wrong_answers
        if len(self._wrong_answers) > MAX_CHALLENGED:
            del self._wrong_answers[next(iter(self._wrong_answers))]

    def _question(self, live: LiveRoom, message: InboundMessage, words: str) -> RoomEvent:
        return RoomEvent(
            id=self._parts.clock.new_id("evt"),
            room_id=live.id,
            source=EventSource(
                channel_id="system", channel_type=ChannelType.SYSTEM, direction=ChannelDirection.OUTBOUND
            ),
            content=TextContent(body=words),
            visibility=message.channel_id,
            addressed_to=(),
            created_at=self._parts.clock.wall(),
            metadata={"challenge": message.sender_id},
        )

    def _emit(self, kind: str, live: LiveRoom, message: InboundMessage, **details: Any) -> None:
        self._parts.framework.emit(kind, room_id=live.id, channel_id=message.channel_id, **details)


def _address(message: InboundMessage) -> Address:
    return Address(channel_id=message.channel_id, sender_id=message.sender_id)
