"""What is typed, shown, remembered or to be said, as Gemini's messages. Pure.

Most models take it as turns of the conversation (``clientContent``) at any time. Gemini 3.1 takes those only before the
conversation begins, and everything later as ``realtimeInput``. Both ways have one shape, `Content`. The service knows
the roles ``user`` and ``model``; a system's words are the user's with a mark.
"""

from __future__ import annotations

import json
from typing import Any, Final, Protocol

from roomkit.errors import ConfigError
from roomkit.providers.shared.coding import encode_base64
from roomkit.voice.realtime.provider_events import Role

_IMAGE_TYPES: Final = ("image/jpeg", "image/png")
_ROLES: Final[dict[Role, str]] = {"user": "user", "system": "user", "assistant": "model"}
_GO_ON: Final = "Please answer now."


def dumps(message: Any) -> str:
    """A message as it goes out: compact and ASCII, for half a surrogate pair must not break the wire."""
    return json.dumps(message, separators=(",", ":"))


def exact_speech(text: str) -> str:
    """What makes the model say ``text``. There is no such command: it is asked nicely."""
    quoted = json.dumps(text, ensure_ascii=False)
    return f"Say exactly the following words, in their language, and nothing else: {quoted}"


def image_message(data: bytes, mime_type: str) -> str:
    """A picture among the input, as a frame of video: seen, not answered.

    Raises:
        ConfigError: It is neither JPEG nor PNG.
    """
    return dumps({"realtimeInput": {"video": _blob(data, mime_type)}})


class Content(Protocol):
    """How one family of models is told what was not spoken."""

    def tell(self, text: str, role: Role) -> list[str]:
        """Words for the context; nobody answers them."""

    def ask(self, text: str | None, role: Role = "user") -> str:
        """Words to be answered; without any, what was said so far."""

    def show(self, data: bytes, mime_type: str) -> list[str]:
        """A picture to be answered."""

    def conversation_begins(self) -> list[str]:
        """What has to be sent before anything that is not `tell`."""


class TurnContent:
    """Turns at any time."""

    def tell(self, text: str, role: Role) -> list[str]:
        return [_client_content([_turn(text, role)], is_complete=False)]

    def ask(self, text: str | None, role: Role = "user") -> str:
        return _client_content([] if text is None else [_turn(text, role)], is_complete=True)

    def show(self, data: bytes, mime_type: str) -> list[str]:
        turn = {"role": "user", "parts": [{"inlineData": _blob(data, mime_type)}]}
        return [_client_content([turn], is_complete=True)]

    def conversation_begins(self) -> list[str]:
        return []


class EarlyContent:
    """Turns only as the history; then typed input, in which context can only be asked not to be answered.

    Args:
        has_begun: The conversation was taken up again: there is no history to be told.
    """

    def __init__(self, *, has_begun: bool) -> None:
        self._has_begun = has_begun
        self._history: list[dict[str, Any]] = []

    def tell(self, text: str, role: Role) -> list[str]:
        if self._has_begun:
            return [_typed(f"(For your information, do not answer this. The {_speaker(role)} said:) {text}")]
        self._history.append(_turn(text, role))
        return []

    def ask(self, text: str | None, role: Role = "user") -> str:
        return _typed(_GO_ON if text is None else _marked(text, role))

    def show(self, data: bytes, mime_type: str) -> list[str]:
        return [image_message(data, mime_type), _typed("(The caller shows you a picture.)")]

    def conversation_begins(self) -> list[str]:
        if self._has_begun:
            return []
        history, self._history, self._has_begun = self._history, [], True
        return [_client_content(history, is_complete=True)]


def _client_content(turns: list[dict[str, Any]], *, is_complete: bool) -> str:
    content: dict[str, Any] = {"turns": turns} if turns else {}
    return dumps({"clientContent": {**content, "turnComplete": is_complete}})


def _turn(text: str, role: Role) -> dict[str, Any]:
    return {"role": _ROLES[role], "parts": [{"text": _marked(text, role)}]}


def _typed(text: str) -> str:
    return dumps({"realtimeInput": {"text": text}})


def _marked(text: str, role: Role) -> str:
    return f"(A note from the system, not from the caller:) {text}" if role == "system" else text


def _speaker(role: Role) -> str:
    return {"user": "caller", "assistant": "agent", "system": "system"}[role]


def _blob(data: bytes, mime_type: str) -> dict[str, str]:
    if mime_type not in _IMAGE_TYPES:
        raise ConfigError(f"Gemini takes {' and '.join(_IMAGE_TYPES)}, not {mime_type}")
    return {"mimeType": mime_type, "data": encode_base64(data)}
