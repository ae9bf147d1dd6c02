"""Who a sender is, as far as anybody knows, and the addresses people write from."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from pydantic import Field, model_validator

from roomkit.models._base import Model


class IdentityStatus(StrEnum):
    """How sure it is who sent a message."""

    KNOWN = "known"
    AMBIGUOUS = "ambiguous"
    UNKNOWN = "unknown"


class Identity(Model):
    """What a resolver found out about a sender.

    Attributes:
        participant_id: Who it is; known senders only.
        candidates: Who it may be, two at least; ambiguous senders only.
        display_name: How to call a known one.
    """

    status: IdentityStatus
    participant_id: str | None = Field(default=None, min_length=1)
    candidates: tuple[str, ...] = ()
    display_name: str | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Identity:
        if (self.status == IdentityStatus.KNOWN) != (self.participant_id is not None):
            raise ValueError("a known sender, and no other, has a participant_id")
        if (self.status == IdentityStatus.AMBIGUOUS) != (len(set(self.candidates)) >= 2):
            raise ValueError("an ambiguous sender, and no other, has candidates: two or more")
        return self

    @classmethod
    def known(cls, participant_id: str, *, display_name: str | None = None) -> Identity:
        """It is this participant."""
        return cls(status=IdentityStatus.KNOWN, participant_id=participant_id, display_name=display_name)

    @classmethod
    def ambiguous(cls, candidates: Iterable[str]) -> Identity:
        """It is one of these."""
        return cls(status=IdentityStatus.AMBIGUOUS, candidates=tuple(candidates))

    @classmethod
    def unknown(cls) -> Identity:
        """It could be anybody."""
        return cls(status=IdentityStatus.UNKNOWN)


class Address(Model):
    """Where somebody writes from: a sender id means something on its channel only."""

    channel_id: str
    sender_id: str
