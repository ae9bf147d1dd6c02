"""What OpenAI's errors, closes and HTTP refusals mean, as data and two pure functions.

The vendor's own sentences are not passed on: they quote what was sent, which may be a prompt, speech or a key. Code,
type and parameter say enough; for the usual codes there is a hint. Matched on ``code`` *or* ``type``, because the
service has moved the same words from one to the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from roomkit.providers.openai.config import API_KEY_VARIABLE
from roomkit.providers.openai.rate_limits import QUOTA_CODES, RATE_LIMIT_CODES
from roomkit.providers.shared.keys import check_key
from roomkit.providers.shared.objects import Json, identifier, text_of
from roomkit.voice.realtime.provider_events import ProviderFault
from roomkit.voice.realtime.reconnect import QUOTA_EXCEEDED, RATE_LIMITED, REFUSING_CLOSES, CloseMap

ACTIVE_RESPONSE: Final = "conversation_already_has_active_response"
SESSION_REFUSED: Final = "session_refused"

_CHECK_KEY = check_key(API_KEY_VARIABLE)
_CHECK_BILLING = "check the account's billing and quota"

OPENAI_CLOSES: Final = CloseMap(
    refusing_closes={**REFUSING_CLOSES, 3000: "invalid_api_key", 4000: "beta_api_shape_disabled"},
    status_hints={
        401: _CHECK_KEY,
        403: "the key may not use this model, or not from here",
        404: "no such model or path: check model and base_url",
    },
)
"""3000 and 4000 seen on the service in 2026; 1001 is the 60 minute limit and worth a new link."""

FATAL_CODES: Final[Mapping[str, str]] = {
    "invalid_api_key": _CHECK_KEY,
    "authentication_error": _CHECK_KEY,
    "invalid_model": "the model does not exist or the key may not use it",
    "model_not_found": "the model does not exist or the key may not use it",
    "insufficient_quota": _CHECK_BILLING,
    "credit_balance_exhausted": _CHECK_BILLING,
    "billing_hard_limit_reached": _CHECK_BILLING,
    "account_deactivated": "the account is deactivated",
    "beta_api_shape_disabled": "the server refused this protocol version",
    "session_expired": "the session reached the vendor's 60 minutes",
}
_FATAL_BUT_RETRYABLE: Final = frozenset({"session_expired"})
_TRANSIENT_CODES: Final = frozenset({"server_error", "service_unavailable"})
_BENIGN_CODES: Final = frozenset({"response_cancel_not_active"})


def is_benign(error: Json) -> bool:
    """Whether the error only says that a race was lost, so that nothing needs doing."""
    return text_of(error, "code") in _BENIGN_CODES or text_of(error, "message").startswith("Cancellation failed")


def fault_of(error: Json, *, refuses_session: bool = False) -> ProviderFault:
    """An ``error`` object as a fault.

    Args:
        error: ``{type, code?, message, param?}``, any of it missing or wrong.
        refuses_session: It answers our opening ``session.update``: there will be no session.
    """
    kind, code, param = (identifier(error, key) for key in ("type", "code", "param"))
    shown = code or kind or "unknown_error"
    fatal = next((name for name in (code, kind) if name in FATAL_CODES), "")
    if fatal:
        name = QUOTA_EXCEEDED if fatal in QUOTA_CODES else fatal
        hint = f"{fatal}: {FATAL_CODES[fatal]}"
        return ProviderFault(name, hint, is_fatal=True, retryable=fatal in _FATAL_BUT_RETRYABLE)
    words = f"{shown} at {param}" if param else shown
    if {code, kind} & RATE_LIMIT_CODES:
        return ProviderFault(RATE_LIMITED, words, is_fatal=refuses_session, retryable=True)
    if refuses_session:
        return ProviderFault(
            code or SESSION_REFUSED, f"the session's configuration was refused: {words}", is_fatal=True
        )
    return ProviderFault(shown, words, retryable=bool({code, kind} & _TRANSIENT_CODES))
