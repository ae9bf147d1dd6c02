"""What is true of a voice session, as an application sees it. The session engine alone writes it.

Standard library only: the mocks and the hot path hold these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from roomkit.models.usage import Usage


class SessionState(StrEnum):
    """RFC 0006: ``CONNECTING -> ACTIVE -> ENDED`` or ``CONNECTING -> ENDED``, nothing else."""

    CONNECTING = "connecting"
    ACTIVE = "active"
    ENDED = "ended"


class LinkState(StrEnum):
    """How one of the session's two links is."""

    UP = "up"
    RECOVERING = "recovering"
    DOWN = "down"


class EndReason(StrEnum):
    """Why a session ended; every ended session has exactly one."""

    HANGUP = "hangup"  # end_session was called
    CLIENT_ENDED = "client_ended"  # the client said goodbye
    CLIENT_GONE = "client_gone"  # the client's link dropped
    AGENT_ENDED = "agent_ended"  # the agent hung up, where its vendor lets it
    REPLACED = "replaced"  # the same participant started another session
    PROVIDER_REFUSED = "provider_refused"
    PROVIDER_LOST = "provider_lost"
    ACCESS_REVOKED = "access_revoked"  # the channel was detached from the room, or the room was closed
    OVERLOADED = "overloaded"  # more than the lane's bound was waiting
    SHUTDOWN = "shutdown"
    BUDGET_EXCEEDED = "budget_exceeded"  # its `Budget` was used up
    FAILED = "failed"  # a defect of ours; the log has the traceback


@dataclass(slots=True, eq=False)
class VoiceSession:
    """One caller's live voice conversation, as the application holds it.

    Attributes:
        id: Unique id of the session.
        state: See `SessionState`.
        end_reason: Set when the state is ENDED.
        provider: Name of the provider that serves, or served last; ``None`` before the first link.
        provider_session_id: The vendor's id of the current provider link, once it is up.
        agent: The name of the `Agent` who serves; ``None`` where the channel has no named agents.
        created_at: Wall time of the start, UTC.
        late_verdicts: How many of the agent's items were heard, in part, before a hook had judged their words, although
            ``output_guard_ms`` is set.
        metadata: What ``start_session`` was given, merged with what ``authenticate`` returned.
        link_states: ``{"client": LinkState, "provider": LinkState}``.
        has_microphone: Whether the client can capture audio, as far as it has said.
        has_speaker: Whether the client can play audio, as far as it has said.
        meter: Reads ``usage``; the session's own.
    """

    id: str
    room_id: str
    participant_id: str
    channel_id: str
    created_at: datetime
    state: SessionState = SessionState.CONNECTING
    end_reason: EndReason | None = None
    provider_session_id: str | None = None
    agent: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    link_states: dict[str, LinkState] = field(
        default_factory=lambda: {"client": LinkState.DOWN, "provider": LinkState.DOWN}
    )
    meter: Callable[[], Usage] = field(default=Usage, repr=False)

    @property
    def usage(self) -> Usage:
        """What it used until now, or until it ended, and what that cost; may be asked from any thread."""
        return self.meter()

    provider: str | None = None
    late_verdicts: int = 0
    has_microphone: bool = True
    has_speaker: bool = True
