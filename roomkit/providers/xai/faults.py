"""What xAI's errors, closes and HTTP refusals mean. Pure.

The vendor publishes no list of error codes, so hardly anything is read into them: an error is reported and the call
goes on, unless it answers the opening. The vendor's own sentences are not passed on: they quote what was sent.
"""

from __future__ import annotations

from typing import Final

from roomkit.providers.openai.faults import ACTIVE_RESPONSE, SESSION_REFUSED
from roomkit.providers.shared.keys import check_key
from roomkit.providers.shared.objects import Json, identifier, object_of, text_of
from roomkit.providers.xai.config import API_KEY_VARIABLE
from roomkit.voice.realtime.provider_events import ProviderFault
from roomkit.voice.realtime.reconnect import RATE_LIMITED, CloseMap

_CHECK_KEY: Final = check_key(API_KEY_VARIABLE)

XAI_CLOSES: Final = CloseMap(
    status_hints={
        400: "the request was refused: check model, base_url and the form of the key",
        401: _CHECK_KEY,
        403: "the key may not use this model or team: " + _CHECK_KEY,
        404: "no such path: check base_url",
    },
)
"""No close codes of its own are known (2026-11): RFC 6455's meanings hold, and any other is worth a new link."""

_RATE_LIMIT: Final = "rate_limit"
_PASSING: Final = ("server_error", "unavailable", "overloaded", "timeout")


def error_of(event: Json) -> Json:
    """What an ``error`` event says; some of them are flat, their own type being the event's."""
    return object_of(event, "error") or {key: value for key, value in event.items() if key != "type"}


def is_busy(error: Json) -> bool:
    """Whether a request came while another answer was being made; the wording is OpenAI's, if it is any."""
    return text_of(error, "code") == ACTIVE_RESPONSE or "active response in progress" in text_of(error, "message")


def fault_of(error: Json, *, refuses_session: bool = False) -> ProviderFault:
    """An error as a fault.

    Args:
        error: Of `error_of`; any of it missing or wrong.
        refuses_session: It answers our opening ``session.update``: there will be no session.
    """
    kind, code, param = (identifier(error, key) for key in ("type", "code", "param"))
    shown = code or kind or "unknown_error"
    words = f"{shown} at {param}" if param else shown
    if _RATE_LIMIT in f"{code} {kind}":
        return ProviderFault(RATE_LIMITED, words, is_fatal=refuses_session, retryable=True)
    is_passing = any(word in f"{code} {kind}" for word in _PASSING)
    if refuses_session:
        reason = f"the session's configuration was refused: {words}"
        return ProviderFault(code or SESSION_REFUSED, reason, is_fatal=True, retryable=is_passing)
    return ProviderFault(shown, words, retryable=is_passing)
