"""What a client is told, as JSON-able dicts. One function a message; the names are the guide's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from roomkit.models.session import VoiceSession

Message = Mapping[str, Any]


def session_started(session: VoiceSession, provider: str) -> Message:
    """The session is ACTIVE. Transports add rates and audio format."""
    return {
        "type": "session_started",
        "session_id": session.id,
        "room_id": session.room_id,
        "participant_id": session.participant_id,
        "provider": provider,
    }


def session_ended(session: VoiceSession) -> Message:
    """The session is over, and why."""
    return {"type": "session_ended", "session_id": session.id, "reason": session.end_reason}


def transcription(role: str, text: str, *, is_final: bool, item_id: str = "", interrupted: bool = False) -> Message:
    """Somebody's words so far, or finally."""
    message: dict[str, Any] = {
        "type": "transcription", "text": text, "role": role, "is_final": is_final, "item_id": item_id,
    }  # fmt: skip
    if interrupted:
        message["interrupted"] = True
    return message


def transcription_blocked(role: str, item_id: str) -> Message:
    """A hook blocked these words: whatever was shown of them is to be taken away."""
    return {"type": "transcription_blocked", "role": role, "item_id": item_id}


def speaking(who: Literal["user", "assistant"], is_speaking: bool) -> Message:
    """Somebody began or stopped."""
    return {"type": "speaking", "speaking": is_speaking, "who": who}


def link_state(link: str, state: str) -> Message:
    """One of the session's links is up, recovering or down."""
    return {"type": "link_state", "link": link, "state": state}


def provider_changed(provider: str) -> Message:
    """Another provider speaks for the agent from now on."""
    return {"type": "provider_changed", "provider": provider}


def degraded(to: Literal["text", "audio"]) -> Message:
    """The call goes on in writing alone (``"text"``), or aloud again (``"audio"``)."""
    return {"type": "degraded", "to": to}


def capabilities(has_microphone: bool, has_speaker: bool) -> Message:
    """What the session takes its client to have, now that this has changed."""
    return {"type": "capabilities", "microphone": has_microphone, "speaker": has_speaker}


def error(code: str, message: str) -> Message:
    """Something the client may want to show."""
    return {"type": "error", "code": code, "message": message}
